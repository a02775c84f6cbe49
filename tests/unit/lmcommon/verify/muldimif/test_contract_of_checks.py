"""What every MulDimIF check keeps: a verdict for any text, spans inside it, arguments said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.verify import check, describe, known_ids

WORDS: dict[str, Any] = {"bounds": [None, 3], "part": "item", "target": "name"}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "muldimif:all": {"parts": [
        {"id": "muldimif:words", "kwargs": WORDS},
        {"id": "muldimif:english", "kwargs": {"case": "upper", "part": "cell"}},
    ]},
    "muldimif:chinese": {"script": "traditional", "only": True},
    "muldimif:english": {"case": "title", "part": "heading"},
    "muldimif:identifiers": {"start": "List:"},
    "muldimif:json": {"depth": [1, 2], "optional": True},
    "muldimif:keywords": {"keywords": ["a", "中"], "forbidden": ["b"], "times": 2, "any_of": True,
                          "part": "item", "target": "name"},
    "muldimif:markdown": {"levels": [2], "distinct": [2, None], "count": [1, 4],
                          "deepest": [None, 3], "first": [1, 1], "title": "Top"},
    "muldimif:marked_lines": {"kind": "bold text"},
    "muldimif:no_lists": {"kind": "numbered points"},
    "muldimif:no_marks": {"marks": ["!"]},
    "muldimif:paragraphs": {"bounds": [2, 2], "part": "response", "target": ""},
    "muldimif:punctuation": {"marks": ["."], "avoid": False, "part": "sentence"},
    "muldimif:sentences": {"bounds": [1, None], "part": "paragraph", "target": ""},
    "muldimif:table": {"rows": [None, 2], "columns": [2, 2], "headers": ["name"],
                       "optional": True},
    "muldimif:words": WORDS,
    "muldimif:xml": {"attributes": [1, 1], "optional": False},
}  # fmt: skip
SAID = {
    "muldimif:all": "at most 3 words", "muldimif:chinese": "traditional",
    "muldimif:english": "heading", "muldimif:identifiers": "List:", "muldimif:json": "1 to 2",
    "muldimif:keywords": "at least 2 times", "muldimif:markdown": 'a heading "Top"',
    "muldimif:marked_lines": "bold text", "muldimif:no_lists": "numbered points",
    "muldimif:no_marks": "!", "muldimif:paragraphs": "exactly 2",
    "muldimif:punctuation": "sentence",
    "muldimif:sentences": "at least 1", "muldimif:table": "at most 2 rows",
    "muldimif:words": "Each name", "muldimif:xml": "exactly 1",
}  # fmt: skip
SIGNS = st.lists(
    st.sampled_from([
        "a", "b", "A b", "İ", "é", "| name | x |\n", "|---|:-:|\n", "| a |\n", "|", "||\n", "- a\n",
        "1. b\n", "# Top\n", "## c\n", "---\n", "\n", "\n\n", ". ", "! ", "中", "這", "这", "**b**",
        "> q\n", '{"a": {"b": []}}', "```json\n", "```", "<t x='1'>", "<t/>", "List: ", " ", "#",
    ])
).map("".join)  # fmt: skip
TEXTS = st.one_of(SIGNS, st.text())


def test_every_check_of_muldimif_is_tested_here() -> None:
    ids = {one for one in known_ids() if one.startswith("muldimif:")}
    assert ids == ARGUMENTS.keys() == SAID.keys()


@pytest.mark.parametrize("constraint_id", ARGUMENTS)
def test_the_description_says_the_arguments(constraint_id: str) -> None:
    assert SAID[constraint_id] in describe(constraint_id, ARGUMENTS[constraint_id])


@pytest.mark.parametrize("constraint_id", ARGUMENTS)
@settings(deadline=None, max_examples=60)
@given(response=TEXTS)
def test_any_text_gets_a_verdict_with_spans_inside_it(constraint_id: str, response: str) -> None:
    for mode in ("strict", "loose"):
        verdict = check(
            constraint_id, ARGUMENTS[constraint_id], prompt="", response=response, mode=mode
        )
        spans = verdict.spans or ()
        assert verdict.satisfied is not None
        assert list(spans) == sorted(spans)
        assert all(0 <= start <= end <= len(response) for start, end in spans), spans


@pytest.mark.parametrize("constraint_id", ARGUMENTS)
def test_an_empty_response_violates_it(constraint_id: str) -> None:
    verdict = check(constraint_id, ARGUMENTS[constraint_id], prompt="", response=" \n")
    assert (verdict.satisfied, verdict.spans) == (False, ())
