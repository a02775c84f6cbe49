"""Patterns find what regular expressions find, and refuse those that could run away."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memtrace.attribution.tracing.patterns import Pattern


@given(st.text("ab \n", max_size=1500), st.text("ab", min_size=1, max_size=6))
def test_words_are_found_where_they_stand(text: str, words: str) -> None:
    found = [match.start() for match in Pattern(words).find(text)]
    assert found == [match.start() for match in re.finditer(words, text)]


def test_words_beyond_the_first_piece_are_found() -> None:
    text = "x" * 5000 + " LISBON " + "y" * 5000
    assert [m.group() for m in Pattern(r"\blisbon\b").find(text)] == ["LISBON"]


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|aa)*b", ".*.*.*x", r"(a)\1", "(?=a)", "(?s)a", "a?" * 5 + "b", "", "  ",
     "(", "x*", "a" * 161, "(a)(b)(c)(d)", "[a-"],
)  # fmt: skip
def test_a_dangerous_or_empty_pattern_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern: "):
        Pattern(pattern)


@pytest.mark.parametrize(
    "pattern", [r"\d{4}-\d{2}-\d{2}", "lisbon|porto", r"ana\b.*lisb.n", "c\\+"]
)
def test_a_usual_pattern_is_taken(pattern: str) -> None:
    assert Pattern(pattern).text == pattern


def test_the_worst_pattern_that_is_taken_ends() -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match="too long"):
        Pattern(".*a.*b").is_in("a" * 2_000_000)
    assert time.monotonic() - started < 30
