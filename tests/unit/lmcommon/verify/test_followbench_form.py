"""The form of an answer that FollowBench's examples have."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.verify import check, describe


def told(before: str, after: str, response: str) -> tuple[bool | None, object]:
    kwargs = {"before": before, "after": after}
    verdict = check("followbench:answer", kwargs, prompt="", response=response)
    return verdict.satisfied, verdict.spans


def test_both_ends_of_the_form_are_the_spans() -> None:
    assert told("{'bot': '", "'}", "{'bot': 'six'}") == (True, ((0, 9), (12, 14)))


def test_a_form_without_an_end_has_one_span() -> None:
    assert told("Answer: ", "", "Answer: six") == (True, ((0, 8),))


@pytest.mark.parametrize(
    "response",
    [
        "six",
        "Answer: six ]",
        "Well. Answer: six",
        "answer: six",
        "Answer: six\nor seven",
        "Answer:",
    ],
)
def test_anything_else_around_the_answer_breaks_the_form(response: str) -> None:
    assert told("Answer: ", "!", response) == (False, ())


def test_the_ends_must_not_overlap() -> None:
    assert told("ab", "ba", "aba") == (False, ())


parts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=6)


@given(parts, parts, st.text("ab:'} \n", max_size=8))
def test_it_decides_as_a_pattern_over_the_whole_response_does(
    before: str, after: str, response: str
) -> None:
    for text in (response, before + response + after):
        if text.strip():
            expected = re.fullmatch(re.escape(before) + ".*" + re.escape(after), text) is not None
            assert told(before, after, text)[0] is expected, text


def test_a_part_that_is_no_text_is_refused() -> None:
    with pytest.raises(UserError, match="argument 'after': expected a text"):
        describe("followbench:answer", {"before": "a", "after": 3})
