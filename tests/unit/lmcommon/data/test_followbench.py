"""FollowBench: levels joined to ladders, what a judge is asked, the form that a program checks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.data import RubricPrompt, load_prompts, validate_file
from lmcommon.data.followbench import join_ladders, parse_followbench
from lmcommon.data.rows import Row
from lmcommon.errors import DataError

TEXTS = ["Write a poem.", "Write a poem about rain.", "Write a short poem about rain."]


def levels(
    *numbers: int, example: int = 1, category: str = "content", **more: Any
) -> list[dict[str, Any]]:
    return [
        {"example_id": example, "category": category, "source": "s", "level": number,
         "instruction": TEXTS[number], "target": "", **more}
        for number in numbers
    ]  # fmt: skip


def rows(values: Sequence[dict[str, Any]]) -> list[Row]:
    return [Row(value, "f.json", place) for place, value in enumerate(values)]


def prompts(values: Sequence[dict[str, Any]]) -> list[RubricPrompt]:
    return [parse_followbench(row) for row in join_ladders(rows(values))]


def test_each_level_above_0_is_a_prompt_with_as_many_criteria() -> None:
    made = prompts(levels(0, 1, 2))
    assert [(one.id, one.prompt, len(one.rubric)) for one in made] == [
        ("content-1-level1", TEXTS[1], 1), ("content-1-level2", TEXTS[2], 2),
    ]  # fmt: skip


def test_a_criterion_shows_both_instructions_around_its_constraint() -> None:
    first, second = prompts(levels(0, 1, 2))[1].rubric.criteria
    assert [text for text in TEXTS if f"\n{text}\n" in first.text] == TEXTS[:2]
    assert [text for text in TEXTS if f"\n{text}\n" in second.text] == TEXTS[1:]


def test_only_a_constraint_of_a_lower_level_may_be_worded_otherwise() -> None:
    first, second = prompts(levels(0, 1, 2))[1].rubric.criteria
    assert "another way" in first.text
    assert "another way" not in second.text


def test_the_metadata_says_where_on_which_ladder() -> None:
    assert prompts(levels(0, 1, 2, example=9))[1].metadata == {
        "ladder": "content-9", "level": 2, "kind": "content", "category": "content", "source": "s",
    }  # fmt: skip


def test_a_mixed_ladder_tags_each_criterion_with_its_own_kind() -> None:
    made = prompts([
        *levels(0, category="mixed"), *levels(1, category="format"),
        *levels(2, category="format, style"),
    ])  # fmt: skip
    assert [one.metadata["kind"] for one in made] == ["mixed", "mixed"]
    assert [one.tags for one in made[1].rubric.criteria] == [("format",), ("style",)]


def test_two_ladders_with_one_number_stay_apart() -> None:
    made = prompts([*levels(0, 1), *levels(0, 1, category="style")])
    assert [one.id for one in made] == ["content-1-level1", "style-1-level1"]


@given(st.lists(st.integers(0, 5), max_size=6), st.randoms(use_true_random=False))
def test_any_ladders_are_joined_in_order_and_a_gap_is_an_error(
    heights: list[int], random: Random
) -> None:
    values = [
        {"example_id": example, "category": "style", "source": "s", "level": level,
         "instruction": f"{example}.{level}", "target": ""}
        for example, height in enumerate(heights) for level in range(height + 1)
    ]  # fmt: skip
    joined = [(row.value["example_id"], row.value["ladder"]) for row in join_ladders(rows(values))]
    assert joined == [
        (example, [f"{example}.{below}" for below in range(level + 1)])
        for example, height in enumerate(heights) for level in range(1, height + 1)
    ]  # fmt: skip
    inner = [place for place, value in enumerate(values[:-1]) if values[place + 1]["level"] > 0]
    if inner:
        del values[(gone := random.choice(inner))]
        bad: list[DataError] = []
        assert len(list(join_ladders(rows(values), bad.append))) < len(joined)
        assert bad[0].row == gone


EXAMPLE: dict[str, Any] = {
    "category": "example", "target": "{instruction}\n{{'bot': '{answer}'}}",
    "answer": "{'bot': '7'}",
}  # fmt: skip


def test_an_example_is_checked_by_program() -> None:
    (made,) = prompts(levels(1, **EXAMPLE))
    (criterion,) = made.rubric.criteria
    assert criterion.constraint_id == "followbench:answer"
    assert criterion.kwargs == {"before": "{'bot': '", "after": "'}"}
    assert made.metadata["answer"] == "{'bot': '7'}"


@pytest.mark.parametrize(
    ("source", "target", "kwargs"),
    [
        ("E2E", "name[A]", {"answers": ["name[A]"], "how": "whole"}),
        ("CONLL2003", "['A, B', 'B']", {"answers": ["A, B", "B"], "how": "whole"}),
        ("WIKIEVENTS", "a died\nb died", {"answers": ["a died", "b died"], "how": "lines"}),
        ("BBH_logical", "(B)", {"answers": ["(B)"], "how": "option"}),
        ("gsm_8k", "$4", {"answers": ["$4"], "how": "amount"}),
    ],
)
def test_a_known_answer_is_looked_for_by_program(
    source: str, target: str, kwargs: dict[str, Any]
) -> None:
    first, second = prompts(levels(0, 1, 2, source=source, target=target))
    for made in (first, second):
        (criterion,) = made.rubric.criteria
        assert (criterion.constraint_id, criterion.kwargs) == ("followbench:target", kwargs)


def test_without_a_target_a_judge_decides() -> None:
    (made,) = prompts(levels(0, 1, source="E2E"))
    assert made.rubric.criteria[0].constraint_id is None


def test_a_reference_answer_out_of_form_is_doubted() -> None:
    (made,) = prompts(levels(1, **{**EXAMPLE, "answer": "{'bot': 'a\nb'}"}))
    assert "label_doubt" in made.metadata
    (sound,) = prompts(levels(1, **EXAMPLE))
    assert "label_doubt" not in sound.metadata


@pytest.mark.parametrize(
    ("values", "row", "field"),
    [
        (levels(1), 0, "level"),
        (levels(0, 2), 1, "level"),
        ([*levels(0, 1), *levels(2, example=2)], 2, "level"),
        (levels(0, 1, instruction=3), 0, "instruction"),
        ([{"level": 0}], 0, "example_id"),
        (levels(1, **{**EXAMPLE, "target": "no place"}), 0, "target"),
        (levels(0, 1, source="CONLL2003", target="[a"), 1, "target"),
        (levels(0, 1, source="CONLL2003", target="['a', 3]"), 1, "target"),
        (levels(0, 1, source="CONLL2003", target="[]"), 1, "target"),
    ],
)
def test_a_row_without_a_place_on_a_ladder_is_named(
    values: list[dict[str, Any]], row: int, field: str
) -> None:
    with pytest.raises(DataError) as caught:
        prompts(values)
    assert (caught.value.row, caught.value.field) == (row, field)


def test_the_other_ladders_are_read_on(tmp_path: Path) -> None:
    path = tmp_path / "content_constraints.json"
    path.write_text(json.dumps([*levels(0, 2), *levels(0, 1, example=2)]), encoding="utf-8")
    report = validate_file("followbench", path)
    assert [(one.row, one.field) for one in report.bad_rows] == [(1, "level")]
    assert report.prompts == 1


def test_a_folder_is_read_as_one_set(tmp_path: Path) -> None:
    for kind in ("content", "style"):
        path = tmp_path / f"{kind}_constraints.json"
        path.write_text(json.dumps(levels(0, 1, category=kind)), encoding="utf-8")
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    assert [one.id for one in load_prompts("followbench", tmp_path)] == [
        "content-1-level1", "style-1-level1",
    ]  # fmt: skip
