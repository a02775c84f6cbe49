"""Values as the page shows them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memtrace.viewing.texts import brief, clipped, marked, shown, word_diff

WORDS = st.lists(st.sampled_from(["a", "b", "moved", " ", "\n", "Lisbon", ".", "é", "<b>"]))


@given(WORDS.map("".join), WORDS.map("".join))
def test_a_diff_holds_both_texts(left: str, right: str) -> None:
    spans = word_diff(left, right)
    assert "".join(text for sign, text in spans if sign != "+") == left
    assert "".join(text for sign, text in spans if sign != "-") == right
    assert all(text for _, text in spans), spans


@given(st.text(), st.text())
def test_a_diff_of_any_texts_holds_both(left: str, right: str) -> None:
    spans = word_diff(left, right)
    assert "".join(text for sign, text in spans if sign != "+") == left
    assert "".join(text for sign, text in spans if sign != "-") == right


def test_a_diff_goes_by_words() -> None:
    assert word_diff("Ana moved to Porto.", "Ana moved to Lisbon.") == [
        ("=", "Ana moved to "), ("-", "Porto"), ("+", "Lisbon"), ("=", "."),
    ]  # fmt: skip
    assert word_diff("same", "same") == [("=", "same")]
    assert word_diff("", "") == []


def test_a_diff_of_very_long_texts_is_coarse_and_right() -> None:
    left = "head " + "x " * 15_000 + "tail"
    right = "head " + "y " * 15_000 + "tail"
    spans = word_diff(left, right)
    assert [sign for sign, _ in spans] == ["=", "-", "+", "="]
    assert "".join(text for sign, text in spans if sign != "+") == left


@given(st.text(), st.text())
def test_marking_changes_no_text(text: str, query: str) -> None:
    spans = marked(text, query)
    assert "".join(piece for piece, _ in spans) == text


def test_words_are_marked_whatever_their_case() -> None:
    assert marked("Ana in lisbon", "LISBON ana") == [
        ("Ana", True), (" in ", False), ("lisbon", True),
    ]  # fmt: skip
    assert marked("a.b", ".*") == [("a.b", False)]


@pytest.mark.parametrize(
    ("value", "text"),
    [("as it is\n", "as it is\n"), (b"\x00\x01", "<2 bytes>"), (None, "null"),
     ({"a": [1, "é"]}, '{\n "a": [\n  1,\n  "é"\n ]\n}')],
)  # fmt: skip
def test_values_are_shown_whole(value: object, text: str) -> None:
    assert shown(value) == text


@given(st.text(), st.integers(4, 50))
def test_a_line_is_one_line(text: str, width: int) -> None:
    line = brief(text, width)
    assert len(line) <= width
    assert not re.search(r"[\n\r\x00-\x08]", line)
    assert len(clipped(text, width)) <= max(width, 4)
