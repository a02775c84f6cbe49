"""Every character is shown, once, and none can steer a page or a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtt.show.glyphs import CONTINUED, ENDED, cut_tokens, harmless, visible


@st.composite
def covered_texts(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    """A text and offsets that may overlap, repeat, leave gaps, or be empty."""
    text = draw(st.text(max_size=20))
    bounds = st.integers(0, len(text))
    starts = sorted(draw(st.lists(bounds, max_size=8)))
    return text, [(start, max(start, draw(bounds))) for start in starts]


@given(covered_texts())
def test_every_character_comes_out_once(given_text: tuple[str, list[tuple[int, int]]]) -> None:
    text, offsets = given_text
    tokens, gaps = cut_tokens(text, offsets)
    assert len(tokens) == len(offsets)
    pieces = [piece for pair in zip(gaps, tokens, strict=False) for piece in pair] + [gaps[-1]]
    assert "".join(pieces) == text, (tokens, gaps)


def test_two_tokens_of_one_character_show_it_once() -> None:
    tokens, _ = cut_tokens("a😀b", [(0, 1), (1, 2), (1, 2), (2, 3)])
    assert tokens == ("a", "😀", "", "b")


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("\n", "↵\n"),
        ("\n\n", "↵\n↵\n"),
        ("\t", "→\t"),
        ("  ", "··"),
        (" a b", " a b"),
        ("\x1b[31m", "␛[31m"),
        ("\x00", "␀"),
        ("\x9b", "\ufffd"),
        ("\u202eevil", "[U+202E]evil"),
        ("\u200b", "[U+200B]"),
        ("\ud800", "\ufffd"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("שלום", "שלום"),
        ("", ENDED),
    ],
)
def test_a_token_can_be_seen(token: str, shown: str) -> None:
    assert visible(token) == shown


def test_a_token_whose_character_was_shown_says_so() -> None:
    assert visible("", is_covered=True) == CONTINUED


@given(st.text())
def test_nothing_steers_the_terminal(text: str) -> None:
    shown = harmless(text) + visible(text)
    bad = [char for char in shown if (ord(char) < 32 and char not in "\n\t") or char == "\x7f"]
    assert not bad, (text, shown)
    shown.encode("utf-8")
