"""MulDimIF's checks: the verdict and the characters that decide."""

from __future__ import annotations

from typing import Any

import pytest

from lmcommon.errors import UserError
from lmcommon.judge.types import Verdict
from lmcommon.verify import check
from lmcommon.verify.muldimif.parsing import parse_constraint


def checked(kind: str, prose: str, response: str) -> Verdict:
    parsed = parse_constraint(kind, prose)
    assert parsed is not None, prose
    return check(parsed.constraint_id, parsed.kwargs, prompt="", response=response)


def pieces(verdict: Verdict, response: str) -> list[str] | None:
    if verdict.spans is None:
        return None
    return [response[start:end] for start, end in verdict.spans]


TABLE = """Here:

| Name | Note |
|------|:----:|
| Red fox | Runs. |
| Owl | flies |
"""
TWO_LEVELS = "# Top\ntext\n## Part one\ntext"
CASES: list[tuple[str, str, str, bool, list[str] | None]] = [
    ("words", "at most 3 words", "one two three", True, None),
    ("words", "at most 3 words", "one two three four", False, None),
    ("words", "at least 2 words", "one", False, None),
    ("words", "at most 3 words", "one two three four 三个", True, None),
    ("words", "at least 3 words", "many many english words 三", False, None),
    ("words", "each item has at most 2 words", "- a b\n- c d e", False, ["c d e"]),
    ("words", "each cell has at most 1 word", TABLE, False, ["Red fox"]),
    ("words", "each note has at most 1 word", TABLE, True, None),
    ("words", "each row has at least 3 words", TABLE, False, ["Owl | flies"]),
    ("words", "each heading has at most 1 word", TWO_LEVELS, False, ["Part one"]),
    ("sentences", "at least 2 sentences", "Is it? Yes", False, None),
    ("sentences", "at most 2 sentences", "Wait...", False, None),
    ("paragraphs", "exactly 2 paragraphs", "a\n\nb\nc", True, None),
    ("paragraphs", "exactly 2 paragraphs", "a\nb", False, None),
    ("keywords", "include the keyword 'red'", "A Red fox.", True, ["Red"]),
    ("keywords", "include the keyword 'red'", "A reddish fox.", False, []),
    ("keywords", "include the keyword 'C++'", "I like C++.", True, ["C++"]),
    ("keywords", "include the keyword '代表'", "他是代表嗎", True, ["代表"]),
    ("keywords", "include the keyword 'a' or 'b'", "only b", True, ["b"]),
    ("keywords", "include the keywords 'a' and 'b'", "only b", False, ["b"]),
    ("keywords", "include the keyword 'a' at least twice", "a or A", True, ["a", "A"]),
    ("keywords", "avoid the keyword 'bad'", "a bad one", False, ["bad"]),
    ("keywords", "avoid the keyword 'bad'", "a good one", True, []),
    ("keywords", "each item must include the keyword 'x'", "1. x y\n2. z", False, ["z"]),
    ("identifiers", "start with the identifier 'List:'", "## list: a", True, ["list:"]),
    ("identifiers", "start with the identifier 'List:'", "My list: a", False, ["My li"]),
    ("identifiers", "No bullet points", "* a\n**bold** b", False, ["* a"]),
    ("punctuation", "end with a period", "Yes.  ", True, ["."]),
    ("punctuation", "end with a period", "Yes!", False, ["!"]),
    ("punctuation", "not end with a period", "Yes.", False, ["."]),
    ("punctuation", "not end with punctuation marks", "Yes,", False, [","]),
    ("punctuation", "each sentence ends with a period", "Is it? It is.", False, ["?"]),
    ("punctuation", "each paragraph ends with a period", "# Top\nOne.\n\nTwo", False, ["o"]),
    ("punctuation", "each entry in the table ends with a period", TABLE, False, ["x", "l", "s"]),
    ("punctuation", "avoid using exclamation marks", "No! Yes", False, ["!"]),
    ("markdown", "include a level 2 heading", TWO_LEVELS, True, ["## Part one"]),
    ("markdown", "include a level 3 heading", TWO_LEVELS, False, []),
    ("markdown", "use at least two heading levels", TWO_LEVELS, True, ["# Top", "## Part one"]),
    ("markdown", "use exactly three heading levels", TWO_LEVELS, False, ["# Top", "## Part one"]),
    ("markdown", "begin with a level 2 heading", TWO_LEVELS, False, ["## Part one"]),
    ("markdown", "a level 2 heading titled 'Part one'", TWO_LEVELS, True, ["## Part one"]),
    ("markdown", "a level 2 heading titled 'Part two'", TWO_LEVELS, False, ["## Part one"]),
    ("markdown", "use heading levels", "no heading, just #tag", False, []),
    ("markdown", "use block quotes", "> said\n\nme", True, ["> said"]),
    ("table", "a table with at most 2 rows", TABLE, True, [TABLE[7:-1]]),
    ("table", "a table with exactly 3 rows", TABLE, False, [TABLE[7:-1]]),
    ("table", "a table with at most 1 column", TABLE, False, [TABLE[7:-1]]),
    ("table", "a table with exactly 2 columns: Name, Place", TABLE, False, [TABLE[7:-1]]),
    ("table", "a table with at most 2 rows", "none", False, []),
    ("table", "if a table is used, at most 2 rows", "none | at all", True, []),
    ("json", "JSON with exactly two levels of nesting", '{"a": {"b": 1}}', True,
     ['{"a": {"b": 1}}']),
    ("json", "JSON with at least two levels", '```json\n{"a": 1}\n```', False, ['{"a": 1}\n']),
    ("json", "JSON with at least two levels", "{broken", False, []),
    ("json", "if any JSON is used, at most 2 levels", "no JSON", True, []),
    ("xml", "no more than 1 attributes", "<a x='1'/><b x='1' y=\"2\"/>", False,
     ["<b x='1' y=\"2\"/>"]),
    ("xml", "at least 1 attributes", "no tag", False, []),
    ("english", "each word must be capitalized", "All Of (this) Is 2nd", True, None),
    ("english", "each word must be capitalized", "All of It", False, ["of"]),
    ("english", "in all uppercase letters", "ALL Up", False, ["p"]),
    ("english", "in lowercase", "all 2 down", True, None),
    ("english", "the table headers must be capitalized", TABLE, True, None),
    ("english", "each entry in the table must be capitalized", TABLE, False, ["fox", "flies"]),
    ("english", "the headings must be capitalized", TWO_LEVELS, False, ["one"]),
    ("english", "all JSON keys are capitalized", '{"Name": "x", "age": 1}', False, ["age"]),
    ("chinese", "in Simplified Chinese", "This: 这是简体", True, ["这", "简"]),
    ("chinese", "in Simplified Chinese", "這是繁體", False, []),
    ("chinese", "使用繁體中文", "這是繁體", True, ["這", "體"]),
    ("chinese", "Must use Traditional Chinese", "這是简", False, ["简"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "prose", "response", "satisfied", "decides"), CASES)
def test_verdict_and_spans(
    kind: str, prose: str, response: str, satisfied: bool, decides: list[str] | None
) -> None:
    verdict = checked(kind, prose, response)
    assert (verdict.satisfied, pieces(verdict, response)) == (satisfied, decides)


def test_all_requirements_of_a_sentence_must_hold_and_the_broken_one_is_shown() -> None:
    prose, response = "include the keyword 'red' and end with a period", "The red fox!"
    verdict = checked("keywords", prose, response)
    assert (verdict.satisfied, pieces(verdict, response)) == (False, ["!"])


def test_the_whole_response_decides_if_it_does_for_a_broken_requirement() -> None:
    verdict = checked("words", "at most 2 words, and end with a period", "The red fox!")
    assert (verdict.satisfied, verdict.spans) == (False, None)


def test_an_empty_response_satisfies_nothing() -> None:
    assert checked("words", "at most 50 words", " \n").satisfied is False


def test_loose_reading_takes_the_marks_off() -> None:
    parsed = parse_constraint("punctuation", "end with a period")
    assert parsed is not None
    verdict = check(
        parsed.constraint_id, parsed.kwargs, prompt="", response="**Yes.**", mode="loose"
    )
    assert verdict.satisfied is True


@pytest.mark.parametrize(
    "kwargs",
    [
        {"bounds": [3, 1], "part": "response", "target": ""},
        {"bounds": [1], "part": "response", "target": ""},
        {"bounds": [None, True], "part": "response", "target": ""},
        {"bounds": [None, 3], "part": "slide", "target": ""},
        {"bounds": [None, 3], "part": "response"},
    ],
)
def test_bad_arguments_are_named(kwargs: Any) -> None:
    with pytest.raises(UserError, match="muldimif:words"):
        check("muldimif:words", kwargs, prompt="", response="x")


@pytest.mark.parametrize("part", [{}, {"id": "muldimif:all", "kwargs": {}}, {"id": "x"}, "words"])
def test_bad_parts_are_an_error(part: Any) -> None:
    with pytest.raises(UserError, match="parts"):
        check("muldimif:all", {"parts": [part]}, prompt="", response="x")
