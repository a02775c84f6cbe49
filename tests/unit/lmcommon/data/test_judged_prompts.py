"""MulDimIF and InFoBench rows."""

from __future__ import annotations

from typing import Any

import pytest

from lmcommon.data import RubricPrompt
from lmcommon.data.infobench import parse_infobench
from lmcommon.data.muldimif import kind_of, parse_muldimif
from lmcommon.data.rows import Row
from lmcommon.errors import DataError


@pytest.mark.parametrize(
    ("pair", "kind"),
    [
        (("Length", "Sentences: At least"), ("Length", "Sentences")),
        (("Sentences", "At least"), ("Length", "Sentences")),
        (("Length | Sentences", "At least"), ("Length", "Sentences")),
        (("Table", "Row limit"), ("Format", "Table")),
        (("Format", "Table: Row limit"), ("Format", "Table")),
        (("Table", "Table"), ("Format", "Table")),
        (("Markdown", "Block quotes"), ("Format", "Markdown")),
        (("Json", "Object nesting levels"), ("Format", "Json")),
        (("XML", "Number of attributes"), ("Format", "XML")),
        (("Language", "English: All Uppercase"), ("Language", "English")),
        (("Content", "Keywords: Must include"), ("Content", "Keywords")),
        (("Format", "Blurb"), None),
    ],
)
def test_names_of_kinds(pair: tuple[str, str], kind: tuple[str, str] | None) -> None:
    assert kind_of(*pair) == kind


def muldimif(constraints: Any) -> RubricPrompt:
    row = {"id": "1", "conversations": [{"role": "user", "content": "whole text"}],
           "constraints": constraints, "constraint_pattern": "Example",
           "difficulty": "Level 2"}  # fmt: skip
    return parse_muldimif(Row(row, "f.json", 0))


def test_prose_stays_the_text_and_the_kind_becomes_tags() -> None:
    prompt = muldimif([["Table", "Row limit", "At most 5 rows"]])
    (criterion,) = prompt.rubric.criteria
    assert (criterion.text, criterion.tags) == ("At most 5 rows", ("Format", "Table"))
    assert prompt.metadata["pattern"] == "Example"


def test_an_unknown_kind_survives_with_a_warning() -> None:
    prompt = muldimif([["Format", "Blurb", "short"]])
    assert prompt.rubric.criteria[0].tags == ("Format", "Blurb")
    assert prompt.metadata["warnings"] == [
        "constraints[0]: kind 'Format' | 'Blurb' is not known: for a judge"
    ]


def test_prose_that_the_parser_knows_gets_a_program_check() -> None:
    (criterion,) = muldimif([["Length", "Words", "At most 50 words"]]).rubric.criteria
    assert criterion.constraint_id == "muldimif:words"
    assert criterion.kwargs == {"bounds": [None, 50], "part": "response", "target": ""}


def test_prose_that_it_does_not_know_is_for_a_judge_and_says_so() -> None:
    prompt = muldimif([["Length", "Words", "be brief"]])
    assert prompt.rubric.criteria[0].constraint_id is None
    assert prompt.metadata["warnings"] == [
        "constraints[0]: no program check for Words 'be brief': for a judge"
    ]


@pytest.mark.parametrize("bad", ["text", ["a", "b"], ["a", "b", 3], None])
def test_a_constraint_that_is_no_triple_is_an_error(bad: Any) -> None:
    with pytest.raises(DataError, match=r"constraints\[0\]"):
        muldimif([bad])


INFO: dict[str, Any] = {
    "id": "x", "instruction": "Write a title.", "input": "Text.",
    "decomposed_questions": ["Is it a title?", "Is it short?"],
    "question_label": [["Format"], ["Number", "Format"]],
}  # fmt: skip


def info(**changes: Any) -> RubricPrompt:
    return parse_infobench(Row({**INFO, **changes}, "f.jsonl", 0))


def test_the_input_stands_below_the_instruction() -> None:
    assert info().prompt == "Write a title.\n\nText."
    assert info(input="").prompt == "Write a title."


def test_requirements_become_criteria_for_a_judge() -> None:
    assert [(c.text, c.tags, c.constraint_id) for c in info().rubric.criteria] == [
        ("Is it a title?", ("Format",), None),
        ("Is it short?", ("Number", "Format"), None),
    ]


def test_published_answer_and_verdicts_are_optional() -> None:
    assert "output" not in info().metadata
    both = info(output="T", eval=[True, False]).metadata
    assert (both["output"], both["verdicts"]) == ("T", [True, False])


@pytest.mark.parametrize(
    "change", [{"eval": [True]}, {"eval": ["yes", "no"]}, {"question_label": [["a"]]},
               {"question_label": ["a", "b"]}, {"decomposed_questions": [1]}],
)  # fmt: skip
def test_lists_that_do_not_fit_are_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=rf"row 0, field '{next(iter(change))}"):
        info(**change)
