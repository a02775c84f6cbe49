"""The parts of the Mem0 room that need no package."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError

import pytest

import memtrace
from lmcommon.embed.config import HashEmbedConfig
from lmcommon.errors import UserError
from lmcommon.llm.types import chat
from memtrace.execution import Scope, within
from memtrace.memory.attach import ATTACHABLE
from memtrace.memory.mem0 import releases
from memtrace.memory.mem0.config import Mem0ClassicConfig, Mem0Config
from memtrace.memory.mem0.entities import STAND_INS, linking
from memtrace.memory.mem0.hits import stable
from memtrace.memory.mem0.parsing import planned_additions, reply_of_decisions
from memtrace.memory.mem0.releases import installed_line
from memtrace.memory.mem0.shims import Clock
from memtrace.memory.mem0.store import arguments
from memtrace.memory.mem0.wrapping import Wrappers
from memtrace.testing import RuleModel, mem0_rules


@dataclass
class Point:
    id: str
    score: float


def test_attach_refuses_what_it_does_not_know_and_names_what_it_does() -> None:
    with pytest.raises(UserError, match=r"one of mem0.*got a builtins\.dict"):
        memtrace.attach({})
    assert "mem0" in ATTACHABLE


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1.0.11", "classic"), ("1.0.5", "classic"), ("1.0.4", None), ("1.1.0", None),
        ("2.2.1", "additive"), ("2.1.9", None), ("2.3.0rc1", None), ("0.1.118", None),
    ],
)  # fmt: skip
def test_a_version_belongs_to_a_line_or_to_none(
    monkeypatch: pytest.MonkeyPatch, text: str, line: str | None
) -> None:
    monkeypatch.setattr(releases, "version", lambda name: text)
    assert installed_line() == line


def test_without_the_package_there_is_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(releases, "version", absent)
    assert installed_line() is None
    assert not Mem0Config(embed=HashEmbedConfig()).is_here()


def test_each_option_has_an_environment_of_its_own() -> None:
    assert (Mem0Config.environment, Mem0ClassicConfig.environment) == ("mem0", "mem0_classic")


@pytest.mark.parametrize(("key", "value"), [("threshold", 1.5), ("max_memory_tokens", 0)])
def test_a_setting_out_of_range_is_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(UserError, match=f"memory.{key}"):
        Mem0Config(embed=HashEmbedConfig(), **{key: value})


def test_ties_are_broken_by_age_and_cut_after() -> None:
    points = [Point("new", 0.5), Point("best", 0.9), Point("old", 0.5000000001)]
    order = {"old": 0, "best": 1, "new": 2}
    assert [point.id for point in stable(points, order, 2)] == ["best", "old"]


def test_stamps_rise_even_when_sessions_go_back_in_time() -> None:
    clock, scope = Clock(), Scope("s")
    with within("a", scope=scope, time=datetime(2024, 5, 1)):
        stamps = [clock.stamp(), clock.stamp()]
    with within("b", scope=scope, time=datetime(2023, 5, 1)):
        stamps.append(clock.stamp())
    assert stamps == sorted(set(stamps))
    assert stamps[0] == datetime(2024, 5, 1)


def test_wrappers_go_back_to_what_was_there_before() -> None:
    class Thing:
        def value(self) -> int:
            return 1

    thing, wrappers = Thing(), Wrappers()
    wrappers.put(thing, "value", lambda original: original() + 1)
    wrappers.put(thing, "value", lambda original: original() * 10)
    assert thing.value() == 20
    wrappers.undo()
    assert (thing.value(), vars(thing)) == (1, {})


def test_arguments_are_named_with_their_defaults() -> None:
    class Thing:
        def call(self, one: int, two: int = 2, *, three: int = 3) -> None:
            pass

    assert arguments(Thing().call, (1,), {"three": 9}) == {"one": 1, "two": 2, "three": 9}


def test_a_duplicate_is_planned_once_and_said_to_be_dropped() -> None:
    plan = planned_additions(["a", "b", "a"], known=())
    assert [row["text"] for row in plan.items] == ["a", "b"]
    assert plan.dropped == ["duplicate: a"]


def test_a_deletion_without_a_text_gets_one() -> None:
    reply = reply_of_decisions([{"event": "DELETE", "item": "c/x", "text": ""}], {"c/x": "0"})
    assert reply == '{"memory": [{"id": "0", "text": "-", "event": "DELETE"}]}'


def test_entities_are_names_and_quotations_if_they_are_wanted() -> None:
    text = 'Ana read "The Waves" in New York.'
    assert STAND_INS["extract_entities"](text) == []
    with linking(True):
        found = {entity for _, entity in STAND_INS["extract_entities"](text)}
    assert {"Ana", "The Waves", "New York"} <= found


def test_the_rules_read_the_dialogue() -> None:
    model = RuleModel(mem0_rules())
    said = "Input:\nuser: [1 May 2024] Ana: I moved to Rome. I like tea.\n"
    assert model.generate([chat(said)])[0].text == (
        '{"facts": ["Ana: I moved to Rome.", "Ana: I like tea."]}'
    )
