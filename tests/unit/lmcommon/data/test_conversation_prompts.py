"""Prompts that go on with a conversation, and the readers of AdvancedIF and HealthBench."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.data import RubricPrompt, transcript
from lmcommon.data.advancedif import parse_advancedif
from lmcommon.data.healthbench import parse_healthbench
from lmcommon.data.rows import Row
from lmcommon.errors import DataError
from lmcommon.judge.types import Rubric

TALK = [
    {"role": "system", "content": "Answer like a pirate."},
    {"role": "user", "content": "Where is the ship?"},
    {"role": "assistant", "content": "Arr, at sea."},
    {"role": "user", "content": "And the parrot?"},
]


def plain(text: str = "Name a river.", **metadata: Any) -> RubricPrompt:
    return RubricPrompt(id="1", prompt=text, rubric=Rubric(()), metadata=metadata)


def test_a_plain_prompt_is_one_message_of_the_user() -> None:
    assert plain().messages == [{"role": "user", "content": "Name a river."}]


def test_the_messages_of_the_metadata_are_the_prompts() -> None:
    assert plain(messages=TALK).messages == TALK


@given(st.text())
def test_a_plain_prompt_is_its_own_transcript(text: str) -> None:
    assert transcript(plain(text).messages) == text


def test_a_transcript_names_who_speaks() -> None:
    assert transcript(TALK[:2]) == ("[system]\nAnswer like a pirate.\n\n[user]\nWhere is the ship?")


def advancedif(**changes: Any) -> RubricPrompt:
    row = {
        "conversation_history": json.dumps(TALK), "benchmark_name": "if_system",
        "response": json.dumps([{"role": "assistant", "content": "On me shoulder."}]),
        "prompt_metadata": json.dumps({"rubrics": json.dumps(["A pirate?", "A parrot?"])}),
    }  # fmt: skip
    return parse_advancedif(Row({**row, **changes}, "f.jsonl", 0))


def test_three_layers_of_json_are_unpacked() -> None:
    prompt = advancedif()
    assert prompt.messages == TALK
    assert prompt.prompt == transcript(TALK)
    assert [one.text for one in prompt.rubric.criteria] == ["A pirate?", "A parrot?"]
    assert prompt.metadata["output"] == "On me shoulder."
    assert prompt.metadata["kind"] == "if_system"


def test_the_id_does_not_depend_on_how_the_json_is_written() -> None:
    spaced = advancedif(conversation_history=json.dumps(TALK, indent=2))
    assert spaced.id == advancedif().id
    assert spaced.id != advancedif(conversation_history=json.dumps(TALK[1:])).id


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"conversation_history": "[{"}, "conversation_history", "expected JSON"),
        ({"conversation_history": "[]"}, "conversation_history", "got none"),
        ({"conversation_history": json.dumps(TALK[:3])}, "conversation_history", "'assistant'"),
        ({"conversation_history": '[{"role": "tool", "content": ""}]'},
         "conversation_history[0].role", "expected one of system, user, assistant, got 'tool'"),
        ({"prompt_metadata": "{}"}, "prompt_metadata.rubrics", "missing"),
        ({"prompt_metadata": '{"rubrics": "[1]"}'}, "prompt_metadata.rubrics[0]", "expected text"),
        ({"response": "[]"}, "response", "expected one message, got 0"),
    ],
)  # fmt: skip
def test_a_malformed_row_names_its_field(changes: Any, field: str, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        advancedif(**changes)
    assert caught.value.field == field
    assert problem in str(caught.value)


def healthbench(**changes: Any) -> RubricPrompt:
    row = {
        "prompt_id": "h1", "prompt": [{"role": "user", "content": "My knee hurts."}],
        "rubrics": [
            {"criterion": "Asks since when.", "points": 5, "tags": ["axis:context"]},
            {"criterion": "Names a medicine with a dose.", "points": -7, "tags": []},
        ],
        "example_tags": ["theme:x"], "ideal_completions_data": {"ideal_completion": "Since when?"},
        "canary": "keep me",
    }  # fmt: skip
    return parse_healthbench(Row({**row, **changes}, "f.jsonl", 0))


def test_points_are_weights_with_their_sign() -> None:
    assert [one.weight for one in healthbench().rubric.criteria] == [5.0, -7.0]


def test_canary_and_ideal_answer_are_kept() -> None:
    metadata = healthbench().metadata
    assert (metadata["canary"], metadata["ideal_completion"]) == ("keep me", "Since when?")


def test_a_row_without_an_ideal_answer_has_none() -> None:
    assert "ideal_completion" not in healthbench(ideal_completions_data=None).metadata


def test_a_single_message_is_a_plain_prompt() -> None:
    assert healthbench().prompt == "My knee hurts."
    assert "messages" not in healthbench().metadata


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rubrics": [{"criterion": "x", "points": "5"}]}, "rubrics[0].points"),
        ({"rubrics": [{"criterion": "x", "points": True}]}, "rubrics[0].points"),
        ({"rubrics": [{"points": 5}]}, "rubrics[0].criterion"),
        ({"prompt": "text"}, "prompt"),
        ({"ideal_completions_data": "text"}, "ideal_completions_data"),
    ],
)
def test_a_malformed_row_of_healthbench_names_its_field(changes: Any, field: str) -> None:
    with pytest.raises(DataError) as caught:
        healthbench(**changes)
    assert caught.value.field == field


@pytest.mark.parametrize("points", [10**400, float("nan"), float("inf"), True, "3"])
def test_points_are_a_finite_number(points: Any) -> None:
    rubrics = [{"criterion": "Kind.", "points": points}]
    row = {"prompt_id": "h", "prompt": TALK, "rubrics": rubrics}
    with pytest.raises(DataError, match=r"rubrics\[0\].points.*expected a (finite )?number"):
        parse_healthbench(Row(row, "f.jsonl", 0))
