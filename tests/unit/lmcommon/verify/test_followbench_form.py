"""FollowBench's rows that a program decides: the form of an answer, and known answers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.verify import check, describe, scope_of


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


def found(how: str, response: str, *answers: str) -> tuple[bool | None, object]:
    kwargs = {"answers": list(answers), "how": how}
    verdict = check("followbench:target", kwargs, prompt="", response=response)
    return verdict.satisfied, verdict.spans


@pytest.mark.parametrize(
    ("how", "response", "satisfied", "spans"),
    [
        ("whole", "Bonn", True, None),
        ("whole", "Bonn.", False, None),
        ("lines", "Oslo\nBonn", True, ((0, 4), (5, 9))),
        ("lines", "Oslo\nRome\nBonn", False, ((5, 9),)),
        ("lines", "Oslo\n\nBonn", False, ((5, 5),)),
        ("anywhere", "In Bonn, near Bonn.", True, ((3, 7), (14, 18))),
        ("anywhere", "In Rome.", False, ()),
    ],
)
def test_a_known_answer(how: str, response: str, satisfied: bool, spans: object) -> None:
    assert found(how, response, "Bonn", "Oslo") == (satisfied, spans)


@pytest.mark.parametrize(
    ("how", "response", "answer", "satisfied", "spans"),
    [
        ("option", "Not (A) but (B).", "(B)", True, ((12, 15),)),
        ("option", "Not (B) but (A).", "(B)", False, ((12, 15),)),
        ("option", "It is B.", "(B)", False, ()),
        ("date", "From 12/24/1937 it is 12/29/1937", "12/29/1937", True, ((22, 32),)),
        ("amount", "$7 and $7 make $14.", "$14", True, ((15, 18),)),
        ("amount", "It is $14, not $12.", "$14", False, ((15, 18),)),
    ],
)
def test_the_last_one_named_counts(
    how: str, response: str, answer: str, satisfied: bool, spans: object
) -> None:
    assert found(how, response, answer) == (satisfied, spans)


@pytest.mark.parametrize(
    ("how", "scope"), [("whole", "global"), ("lines", "every"), ("date", "required")]
)
def test_what_its_spans_are_evidence_of(how: str, scope: str) -> None:
    assert scope_of("followbench:target", {"answers": ["x"], "how": how}) == scope
