"""The parts of the EverOS room that need no EverOS."""

from __future__ import annotations

import json
import types
from typing import Any

import pytest

from lmcommon.embed.config import HashEmbedConfig
from lmcommon.errors import UserError
from lmcommon.llm.types import ChatRequest, Message
from lmcommon.prompt import Prompt
from memtrace.graph.recording.handle import Handle
from memtrace.memory import MEMORY_SCHEMAS
from memtrace.memory.everos import EverosConfig
from memtrace.memory.everos.clients import ApproximateTokenizer
from memtrace.memory.everos.lineage import Lineage
from memtrace.memory.everos.patches import Patches
from memtrace.memory.everos.profiles import profile_rows, profile_text
from memtrace.memory.everos.prompts import filled_by_everos
from memtrace.memory.everos.settings import EverosSettings
from memtrace.memory.everos.storing import checked_writes
from memtrace.testing import RuleModel
from memtrace.testing.rules_everos import everos_rules


def test_the_schema_is_found_by_its_option() -> None:
    assert MEMORY_SCHEMAS["everos"] is EverosConfig


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("retrieval", "zap"), ("add_by", "zap"), ("owner", "zap"), ("top_k", 101),
        ("context_tokens", 0), ("boundary_messages", 1), ("cluster_days", 0.0),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_by_name(key: str, value: object) -> None:
    given: dict[str, Any] = {key: value}
    with pytest.raises(UserError, match=key):
        EverosConfig(embed=HashEmbedConfig(), **given)


def test_every_number_of_the_settings_is_in_the_configuration() -> None:
    config = EverosConfig(embed=HashEmbedConfig(), retrieval="vector", top_k=3)
    assert config.settings == EverosSettings(retrieval="vector", top_k=3)


def test_what_was_replaced_comes_back_wherever_it_was() -> None:
    class Some:
        value = 1

    some, room, patches = Some(), types.ModuleType("room"), Patches()
    vars(room)["value"] = 2
    patches.set(some, "value", 10)
    patches.set(some, "value", 11)
    patches.set(room, "value", 20)
    assert (some.value, vars(room)["value"]) == (11, 20)
    patches.undo()
    assert (some.value, vars(some), vars(room)["value"]) == (1, {}, 2)


def test_a_name_that_is_not_there_cannot_be_replaced() -> None:
    with pytest.raises(AttributeError):
        Patches().set(types.ModuleType("room"), "zap", 1)


def test_a_profile_is_lines_that_can_be_read_back() -> None:
    said = {
        "explicit_info": [{"category": "home", "description": "Lisbon", "evidence": "s1"}],
        "implicit_traits": [{"trait": "[Calm]", "description": "never shouts"}],
    }
    text = profile_text(said)
    assert text == "home: Lisbon\n(trait) [Calm]: never shouts"
    assert profile_rows(text, said) == said
    changed = profile_rows(text.replace("Lisbon", "Porto"), said)
    assert changed["explicit_info"] == [{"category": "home", "description": "Porto"}]
    assert changed["implicit_traits"] == said["implicit_traits"]


def test_braces_of_a_wording_are_text_and_placeholders_are_not() -> None:
    prompt = Prompt("episode", 'Say {"a": 1} about {conversation}', frozenset({"conversation"}))
    assert filled_by_everos(prompt).format(conversation="x") == 'Say {"a": 1} about x'
    facts = Prompt("atomic_facts", '{"a": 1} {TIME}', frozenset({"TIME"}))
    assert filled_by_everos(facts) == '{"a": 1} {{TIME}}'


def test_a_copy_of_the_lineage_keeps_what_it_held() -> None:
    lineage = Lineage(owners=["Ana"])
    lineage.items["a"] = Handle("x")
    copy = lineage.copy()
    lineage.items["b"] = Handle("y")
    lineage.owners.append("Bo")
    assert (list(copy.items), copy.owners) == (["a"], ["Ana"])


@pytest.mark.parametrize(
    "rows",
    ["x", ["x"], [{"event": "ZAP"}], [{"event": "ADD", "text": " "}], [{"event": "UPDATE"}],
     [{"event": "UPDATE", "item": "nobody", "text": "x"}]],
)  # fmt: skip
def test_writes_that_make_no_sense_are_refused(rows: object) -> None:
    with pytest.raises(UserError, match="store_facts, writes: expected"):
        checked_writes(rows, "store_facts", {"a": 1})


def test_the_tokenizer_counts_words() -> None:
    assert len(ApproximateTokenizer().encode("Ana lives in Lisbon.")) == 5


def ask(text: str) -> dict[str, Any]:
    request = ChatRequest(messages=(Message("user", text),))
    reply = RuleModel(everos_rules(), name="everos").generate([request])[0].text
    made: dict[str, Any] = json.loads(reply)
    return made


def test_the_rule_for_boundaries_cuts_where_the_day_changes() -> None:
    log = "[1] [2024-01-01T09:00:00Z] Ana: Hi.\n[2] [2024-01-02T09:00:00Z] Ana: Hi again."
    said = ask(f'```\n{log}\n```\nReturn "boundaries" and "should_wait".')
    assert said["boundaries"] == [1]


def test_the_rule_for_facts_keeps_who_said_it() -> None:
    said = ask(
        'Return "atomic_fact".\n- EPISODE_TEXT: "Ana said: I left. It rained."\n- TIME: "May 1"'
    )
    assert said["atomic_facts"]["atomic_fact"] == ["Ana said: I left.", "Ana said: It rained."]


def test_the_rule_for_sufficiency_says_what_is_missing() -> None:
    said = ask(
        "User Query:\nWhere is the red door?\nRetrieved Documents:\nDocument 1:\n"
        '  Content: The door is open.\nReturn "is_sufficient".'
    )
    assert (said["is_sufficient"], said["missing_information"]) == (False, ["red"])
