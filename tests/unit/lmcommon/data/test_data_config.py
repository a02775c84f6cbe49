"""Configuration of data sets, and what is said of loaded rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data import describe, generate_conversation, load
from lmcommon.data.config import (
    CONVERSATION_SCHEMAS,
    DATA_SCHEMAS,
    PROMPT_SCHEMAS,
    GeneratedConfig,
    IfevalConfig,
    LocomoConfig,
)
from lmcommon.data.registry import CONVERSATIONS, PROMPTS
from lmcommon.errors import UserError


@pytest.fixture
def ifeval(tmp_path: Path) -> str:
    path = tmp_path / "ifeval.jsonl"
    rows = [
        {"key": key, "prompt": "p", "instruction_id_list": ["punctuation:no_comma"],
         "kwargs": [{}]}
        for key in range(10)
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


def test_every_data_set_has_an_option() -> None:
    assert set(CONVERSATION_SCHEMAS) == {"generated", *CONVERSATIONS}
    assert set(PROMPT_SCHEMAS) == set(PROMPTS)


@pytest.mark.parametrize("name", sorted(set(DATA_SCHEMAS) - {"generated"}))
def test_a_missing_path_names_the_key(name: str) -> None:
    with pytest.raises(UserError, match=rf"^data\.path: expected where {name} is"):
        DATA_SCHEMAS[name]().build()


def test_an_unknown_set_lists_the_known() -> None:
    with pytest.raises(UserError, match=r"expected one of .*hir, ifbench, .*got 'ifevil'"):
        load("ifevil", "x.json")


@pytest.mark.parametrize(
    ("make", "options", "key"),
    [
        (GeneratedConfig, {"size": "huge"}, "data.size"),
        (GeneratedConfig, {"number": 0}, "data.number"),
        (GeneratedConfig, {"max_questions": -1}, "data.max_questions"),
        (LocomoConfig, {"max_conversations": 0}, "data.max_conversations"),
        (IfevalConfig, {"max_prompts": 0}, "data.max_prompts"),
    ],
)
def test_bad_values_name_the_key(make: Any, options: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=rf"^{key}: expected"):
        make(**options)


def test_generated_questions_can_be_chosen_by_category() -> None:
    (row,) = GeneratedConfig(categories=["update"], max_questions=1).build()
    assert [question.category for question in row.questions] == ["update"]


def test_an_unknown_category_lists_the_known() -> None:
    with pytest.raises(UserError, match=r"data\.categories: expected some of correction, .*'x'"):
        GeneratedConfig(categories=["x"]).build()


def test_conversations_can_be_chosen_by_id() -> None:
    (row,) = GeneratedConfig(number=3, conversations=["generated-0-2"]).build()
    assert row.id == "generated-0-2"
    with pytest.raises(UserError, match=r"data\.conversations: .*generated-0-0.*got \['z'\]"):
        GeneratedConfig(conversations=["z"]).build()


def test_sampled_questions_keep_their_order_and_their_seed() -> None:
    (whole,) = GeneratedConfig().build()
    (first,) = GeneratedConfig(max_questions=5, sample_seed=1).build()
    (again,) = GeneratedConfig(max_questions=5, sample_seed=1).build()
    assert first == again
    places = [whole.questions.index(question) for question in first.questions]
    assert places == sorted(places)
    assert places != list(range(5))


def test_prompts_can_be_sampled(ifeval: str) -> None:
    assert [row.id for row in IfevalConfig(path=ifeval, max_prompts=2).build()] == ["0", "1"]
    sampled = IfevalConfig(path=ifeval, max_prompts=4, sample_seed=3).build()
    assert len({row.id for row in sampled}) == 4


def test_describe_conversations() -> None:
    told = describe([generate_conversation(0)])
    assert told["sessions"] == 8
    assert told["turns"] == 96
    assert sum(told["categories"].values()) == told["questions"] == 20
    json.dumps(told)


def test_describe_prompts(ifeval: str) -> None:
    assert describe(load("ifeval", ifeval)) == {
        "prompts": 10, "criteria": 10, "program_checked": 10,
        "kinds": {"punctuation:no_comma": 10}, "warnings": 0,
    }  # fmt: skip


@pytest.fixture
def ladders(tmp_path: Path) -> str:
    path = tmp_path / "style_constraints.json"
    rows = [
        {"example_id": example, "category": "style", "source": "s", "level": level,
         "instruction": f"Do {example} in {level} ways.", "target": ""}
        for example in range(6) for level in range(6)
    ]  # fmt: skip
    path.write_text(json.dumps(rows), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_whole_ladders_are_kept(ladders: str, seed: int | None) -> None:
    config = PROMPT_SCHEMAS["followbench"](path=ladders, max_prompts=13, sample_seed=seed)
    names = [row.metadata["ladder"] for row in config.build()]
    assert [names.count(name) for name in dict.fromkeys(names)] == [5, 5]


def test_fewer_prompts_than_a_ladder_has_are_its_first(ladders: str) -> None:
    config = PROMPT_SCHEMAS["followbench"](path=ladders, max_prompts=3)
    assert [row.metadata["level"] for row in config.build()] == [1, 2, 3]
