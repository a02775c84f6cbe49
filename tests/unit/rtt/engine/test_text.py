"""Text and offsets of response ids: the one-pass path beside the general one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lmcommon.testing.tiny_lm import tiny_tokenizer
from rtt.engine import text_with_offsets
from rtt.engine.text import _grow

TOKENIZER = tiny_tokenizer()  # byte-level: one token a byte, 256 to 262 are special
SPECIAL = set(range(256, 263))
WORDS = st.text(st.sampled_from("ab, é—🌊"), min_size=1, max_size=12)


@given(st.lists(st.integers(0, 262), max_size=24))
@example([169, 94])  # the first two bytes of a surrogate
@example([169, 94, 0])
def test_one_pass_gives_what_decoding_every_prefix_gives(ids: list[int]) -> None:
    text, offsets = text_with_offsets(TOKENIZER, ids)
    slow_text, slow_offsets = _grow(TOKENIZER, ids, SPECIAL)
    assert text == slow_text
    # Where an empty span lies inside a character that is still open is of no account.
    assert [(a, b) for a, b in offsets if a < b] == [(a, b) for a, b in slow_offsets if a < b]
    assert len(offsets) == len(ids)


@given(WORDS)
def test_every_character_is_covered_by_the_tokens_of_its_bytes(text: str) -> None:
    ids = TOKENIZER(text)["input_ids"]
    told, offsets = text_with_offsets(TOKENIZER, ids)
    assert told == text
    expected = [(place, place + 1) for place, letter in enumerate(text) for _ in letter.encode()]
    assert list(offsets) == expected


@pytest.mark.parametrize("special", [256, 257, 260, 262])
def test_a_special_token_covers_nothing(special: int) -> None:
    before, after = TOKENIZER("ab")["input_ids"], TOKENIZER("c")["input_ids"]
    text, offsets = text_with_offsets(TOKENIZER, [*before, special, *after])
    assert (text, offsets) == ("abc", ((0, 1), (1, 2), (2, 2), (2, 3)))


def test_a_character_that_is_never_finished_is_covered_as_it_is_shown() -> None:
    ids = TOKENIZER("a🌊")["input_ids"][:3]
    assert text_with_offsets(TOKENIZER, ids) == ("a\ufffd", ((0, 1), (1, 2), (1, 2)))


def test_no_tokens_are_no_text() -> None:
    assert text_with_offsets(TOKENIZER, []) == ("", ())
