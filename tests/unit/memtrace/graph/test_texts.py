"""Plain form, containment, snippets, and repeated patterns."""

from __future__ import annotations

import pytest

from memtrace.graph.explaining.runs import runs
from memtrace.graph.explaining.texts import Phrase, plain, snippet, text_of


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("Lisbon", "I moved to LISBON!"),
        ("new  york", "New\nYork, that is."),
        ("café", "The cafe\u0301 on the corner"),
        ("ﬁne", "all fine here"),
        ("ＡＢＣ", "the abc of it"),
        ("straße", "in der STRASSE"),
        ("里斯本", "我搬到里斯本了。"),
        ("hotel", "ho\u00adtel"),
        (":-)", "well :-) yes"),
        ("don't", "I DON’T know"),
    ],
)
def test_a_phrase_is_found_however_it_is_written(phrase: str, text: str) -> None:
    assert Phrase(phrase).is_in(text), (plain(phrase), plain(text))


@pytest.mark.parametrize(
    ("phrase", "text"),
    [("no", "I know"), ("art", "party"), ("", "anything"), ("8", "18 May"), ("a b", "a c b")],
)
def test_a_phrase_is_not_found_inside_words_or_across_them(phrase: str, text: str) -> None:
    assert not Phrase(phrase).is_in(text)


def test_the_text_of_a_structure_is_its_texts_line_by_line() -> None:
    value = {"role": "user", "parts": ["Hi", {"n": 3}], "none": None, "raw": b"x"}
    assert text_of(value) == "user\nHi\n3"


@pytest.mark.parametrize("value", ["a" * 500, "a\nb\x00\x1b[31m\ud800", b"abc", {"a": ["b"] * 99}])
def test_a_snippet_is_one_printable_line(value: object) -> None:
    shown = snippet(value, 40)
    assert len(shown) <= 40
    assert shown.isprintable(), ascii(shown)


def test_patterns_that_repeat_are_one_run() -> None:
    found = [(run.start, run.period, run.times) for run in runs("aaxyxyxyb")]
    assert found == [(0, 1, 2), (2, 2, 3), (8, 1, 1)]


def test_runs_cover_every_entry_once() -> None:
    labels = "abcabcaabbaabbxyzzzzxyzq"
    covered = [place for run in runs(labels) for place in range(run.start, run.stop)]
    assert covered == list(range(len(labels)))
