"""From the prose of a MulDimIF constraint to a check."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.verify import describe, is_known
from lmcommon.verify.muldimif.parsing import KINDS, parse_constraint


def length(low: int | None, high: int | None, part: str = "response", target: str = "") -> Any:
    return {"bounds": [low, high], "part": part, "target": target}


LENGTHS = [
    ("words", "The answer must contain at most 50 words.", length(None, 50)),
    ("words", "be no longer than three words", length(None, 3)),
    ("words", "The essay must contain at least 2,500 words", length(2500, None)),
    ("words", "keep it between 50 to 100 words", length(50, 100)),
    ("words", "Range: 150–200 words", length(150, 200)),
    ("words", "a word count ranging from twenty-five to 30 words", length(25, 30)),
    ("words", "please keep it within a 50-word limit", length(None, 50)),
    ("words", "in more than 20 words", length(21, None)),
    ("words", "in fewer than 20 words", length(None, 19)),
    ("words", "does not exceed a total of 100 words", length(None, 100)),
    ("words", "The answer must be a single word", length(1, 1)),
    ("words", "Each cell must contain at most 10 words", length(None, 10, "item", "cell")),
    ("words", "Each row has 20 to 30 words", length(20, 30, "row", "")),
    ("sentences", "consisting of no fewer than 5 sentences", length(5, None)),
    ("sentences", "Each paragraph has at most 5 sentences", length(None, 5, "paragraph", "")),
    ("sentences", "the answer must be a single sentence", length(1, 1)),
    ("paragraphs", "divided into a minimum of three distinct paragraphs", length(3, None)),
    ("paragraphs", "in exactly 2 paragraphs", length(2, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "kwargs"), LENGTHS)
def test_lengths(kind: str, text: str, kwargs: Any) -> None:
    parsed = parse_constraint(kind, text)
    assert parsed is not None, text
    assert (parsed.constraint_id, parsed.kwargs) == (f"muldimif:{kind}", kwargs)


def words(*required: str, **changes: Any) -> Any:
    kwargs = {"keywords": list(required), "forbidden": [], "times": 1, "any_of": False,
              "part": "response", "target": ""}  # fmt: skip
    return kwargs | changes


KEYWORDS = [
    ("Must include the keyword 'GPA'", words("GPA")),
    ('Must include the keyword "Wendy\'s".', words("Wendy's")),
    ("The answer must include the keyword 'Mitchell's theory'", words("Mitchell's theory")),
    ("Must include the keyword 'innovation.'", words("innovation")),
    ("include the terms ‘a b’, ‘c’, and ‘d’", words("a b", "c", "d")),
    ("the keyword 'x' must appear at least twice", words("x", times=2)),
    ("the names \"A\" and \"B\" must appear multiple times", words("A", "B", times=2)),
    ("Must include the keyword 'x' or 'y'", words("x", "y", any_of=True)),
    ("includes the keyword 'x' and avoids the keyword 'y'", words("x", forbidden=["y"])),
    ("the keyword 'x' must be avoided", words(forbidden=["x"])),
    ("該句必須包含關鍵詞「代表」", words("代表")),
    ("Each question must include the keyword 'x'", words("x", part="item", target="question")),
    ("use the keyword 'x' to show aspects of each branch", words("x")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kwargs"), KEYWORDS)
def test_keywords(text: str, kwargs: Any) -> None:
    parsed = parse_constraint("keywords", text)
    assert parsed is not None, text
    assert (parsed.constraint_id, parsed.kwargs) == ("muldimif:keywords", kwargs)


def table(rows: Any = (None, None), columns: Any = (None, None), **changes: Any) -> Any:
    kwargs = {"rows": list(rows), "columns": list(columns), "headers": [], "optional": False}
    return kwargs | changes


TABLES = [
    ("The answer must include a table with no more than 3 rows", table((None, 3))),
    ("If a table is used, it must not exceed three columns", table((), (None, 3), optional=True)),
    ("Any table included must not exceed 5 rows", table((None, 5), optional=True)),
    ("a table with a maximum of 4 rows, including the header row", table((None, 3))),
    ("include a table with a row limit of 5", table((None, 5))),
    ("a table limited to 3 rows and 2 columns", table((None, 3), (None, 2))),
    ("a table with exactly two columns: one for names and one for roles", table((), (2, 2))),
    ("a table with exactly 3 columns: Name, Voice Actor, and Explanation",
     table((), (3, 3), headers=["Name", "Voice Actor", "Explanation"])),
    ("The table must have exactly three columns: 'Dish', 'Main Part', and 'Method'",
     table((), (3, 3), headers=["Dish", "Main Part", "Method"])),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kwargs"), TABLES)
def test_tables(text: str, kwargs: Any) -> None:
    kwargs = {
        key: value or [None, None] if key == "rows" else value for key, value in kwargs.items()
    }
    parsed = parse_constraint("table", text)
    assert parsed is not None, text
    assert (parsed.constraint_id, parsed.kwargs) == ("muldimif:table", kwargs)


def headings(**changes: Any) -> Any:
    kwargs: dict[str, Any] = {
        "levels": [], "distinct": [None, None], "count": [1, None], "deepest": [None, None],
        "first": [None, None], "title": "",
    }  # fmt: skip
    return kwargs | changes


HEADINGS = [
    ("The answer must include a level 2 heading.", headings(levels=[2])),
    ("use heading levels 1 and 2 to organize it", headings(levels=[1, 2])),
    ("Level 1 for topics, level 2 for subtopics, and level 3 for points; use headings",
     headings(levels=[1, 2, 3])),
    ("use headings, '##' for main points and '###' for subpoints", headings(levels=[2, 3])),
    ("Use exactly three heading levels: H1, H2, and H3",
     headings(levels=[1, 2, 3], distinct=[3, 3])),
    ("at least two heading levels, such as '## Overview' and '### Steps'",
     headings(distinct=[2, None])),
    ("two heading levels: one for main points and one for subpoints", headings(distinct=[2, None])),
    ("include a level 2 heading titled 'Merger Names'", headings(levels=[2], title="Merger Names")),
    ("begin with a level 2 heading", headings(levels=[2], first=[2, 2])),
    ("Any headings used must not exceed level 2", headings(count=[None, None], deepest=[None, 2])),
    ("use heading levels to organize the content", headings()),
    ("include headings for 'History', 'Facilities', and 'Events'", headings(count=[3, None])),
    ("include at least one level 2 heading", headings(levels=[2])),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kwargs"), HEADINGS)
def test_headings(text: str, kwargs: Any) -> None:
    parsed = parse_constraint("markdown", text)
    assert parsed is not None, text
    assert (parsed.constraint_id, parsed.kwargs) == ("muldimif:markdown", kwargs)


OTHERS = [
    ("english", "Each word must be capitalized", "english", {"case": "title", "part": "response"}),
    ("english", "in all uppercase letters", "english", {"case": "upper", "part": "response"}),
    ("english", "The table headers must be capitalized", "english",
     {"case": "title", "part": "head"}),
    ("english", "all JSON keys are capitalized", "english", {"case": "title", "part": "keys"}),
    ("chinese", "确保使用简体中文", "chinese", {"script": "simplified", "only": False}),
    ("chinese", "Must use Traditional Chinese characters", "chinese",
     {"script": "traditional", "only": True}),
    ("punctuation", "The answer must end with a period", "punctuation",
     {"marks": ["."], "avoid": False, "part": "response"}),
    ("punctuation", "each sentence ends with a period or a question mark", "punctuation",
     {"marks": [".", "?"], "avoid": False, "part": "sentence"}),
    ("punctuation", "The title must not end with a period", "punctuation",
     {"marks": ["."], "avoid": True, "part": "response"}),
    ("punctuation", "avoid using exclamation marks", "no_marks", {"marks": ["!"]}),
    ("punctuation", "Each entry in the table must end with a period", "punctuation",
     {"marks": ["."], "avoid": False, "part": "cell"}),
    ("json", "JSON with exactly two levels of nesting", "json",
     {"depth": [2, 2], "optional": False}),
    ("json", "any JSON included must not exceed 3 levels", "json",
     {"depth": [None, 3], "optional": True}),
    ("json", "a JSON object with a nesting level of 2", "json",
     {"depth": [2, 2], "optional": False}),
    ("xml", "Each XML element must have no more than three attributes", "xml",
     {"attributes": [None, 3], "optional": True}),
    ("xml", "Number of attributes must be exactly 5", "xml",
     {"attributes": [5, 5], "optional": False}),
    ("identifiers", "The answer must start with the identifier 'List of Models:'", "identifiers",
     {"start": "List of Models:"}),
    ("identifiers", "No bullet points", "no_lists", {"kind": "bullet points"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "id", "kwargs"), OTHERS)
def test_other_kinds(kind: str, text: str, id: str, kwargs: Any) -> None:
    parsed = parse_constraint(kind, text)
    assert parsed is not None, text
    assert (parsed.constraint_id, parsed.kwargs) == (f"muldimif:{id}", kwargs)


def test_several_requirements_in_one_sentence_are_all_kept() -> None:
    parsed = parse_constraint("words", "at most 50 words, and include the keyword 'x'")
    assert parsed is not None
    assert parsed.constraint_id == "muldimif:all"
    assert [part["id"] for part in parsed.kwargs["parts"]] == [
        "muldimif:words", "muldimif:keywords",
    ]  # fmt: skip


NOT_UNDERSTOOD = [
    ("words", "Each word must be at most 8 characters long"),
    ("words", "Each slide must contain at most 50 words"),
    ("words", "Response must be written as a short blurb"),
    ("table", "The list should not exceed 10 entries"),
    ("table", "a table with at most 3 rows and no more than five countries"),
    ("keywords", "Must include the phonetic transcription of 'Gaza' in Arabic"),
    ("keywords", "If discussing law, it must include the keyword 'court'"),
    ("keywords", "avoids the mention of illegal content"),
    ("identifiers", "The name must start with the letter 'P'."),
    ("sentences", "provide no more than five references in total"),
    ("english", "Response must be written as a short blurb"),
    ("markdown", "present it in APA format"),
    ("chinese", 'Must write the name "Shen Lim" in Simplified Chinese'),
]


@pytest.mark.parametrize(("kind", "text"), NOT_UNDERSTOOD)
def test_what_is_not_understood_as_a_whole_is_for_a_judge(kind: str, text: str) -> None:
    assert parse_constraint(kind, text) is None


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"expected one of .*words.*got 'blurb'"):
        parse_constraint("blurb", "short")


PIECES = st.sampled_from(
    ["at most", "no more than", "exactly", "between", "and", "to", "5", "two", "1,000", "-",
     "'", '"', "words", "sentences", "rows", "columns", "level 2", "heading", "levels", "each",
     "cell", "keyword", "include", "avoid", "'x'", "end with", "period", "table", "JSON",
     "capitalized", "if", "H2", "##", ":", ",", ".", "such as", "a single", "”", "hundred"]
)  # fmt: skip


SENTENCES = st.one_of(st.lists(PIECES, max_size=14).map(" ".join), st.text(max_size=60))


@given(kind=st.sampled_from(sorted(KINDS)), text=SENTENCES)
def test_whatever_is_parsed_is_a_valid_check_of_json_values(kind: str, text: str) -> None:
    parsed = parse_constraint(kind, text)
    if parsed is not None:
        assert is_known(parsed.constraint_id)
        assert json.loads(json.dumps(parsed.kwargs)) == parsed.kwargs
        assert describe(parsed.constraint_id, parsed.kwargs)
