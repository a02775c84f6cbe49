"""Where big values are cut, and recipes."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memtrace.graph.storage.chunks import MAX_BYTES, MIN_BYTES, cuts, numbers_of, recipe

WORDS = ["a", "I", "moved", "to", "Lisbon", "in", "May", "because", "work", "wanted", "it,", "so."]


def english(size: int, seed: int) -> bytes:
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) + str(draw.randrange(50)) for _ in range(size // 6)).encode()


def pieces(data: bytes) -> list[bytes]:
    ends = cuts(data)
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


SAMPLES = {
    "english": english(60_000, 1),
    "one word": b"x" * 60_000,
    "spaces": b" " * 60_000,
    "chinese": "".join(chr(random.Random(2).randrange(0x4E00, 0x9FA0)) * 2 for _ in range(9000))
    .encode(),
    "russian, no spaces": "\u0436\u0448".encode() * 15_000,
    "emoji": "\U0001f600".encode() * 15_000,
    "noise": random.Random(3).randbytes(60_000),
}  # fmt: skip


@pytest.mark.parametrize("data", SAMPLES.values(), ids=SAMPLES)
def test_pieces_make_up_the_value_and_keep_to_the_sizes(data: bytes) -> None:
    found = pieces(data)
    assert b"".join(found) == data
    assert all(MIN_BYTES <= len(piece) <= MAX_BYTES for piece in found[:-1])
    assert 0 < len(found[-1]) <= MAX_BYTES


@given(st.binary(max_size=300), st.integers(1, 200))
def test_any_bytes_are_cut_without_loss(unit: bytes, times: int) -> None:
    assert b"".join(pieces(unit * times)) == unit * times


@given(st.text(min_size=1, max_size=40), st.integers(1, 1500))
@settings(max_examples=60)
def test_no_character_is_split(unit: str, times: int) -> None:
    for piece in pieces((unit * times).encode()):
        piece.decode()


@pytest.mark.parametrize("name", ["english", "chinese"])
def test_no_word_is_split(name: str) -> None:
    for piece in pieces(SAMPLES[name])[:-1]:
        last = piece.decode()[-1]
        assert not last.isalnum() or "\u3000" <= last <= "\u9fff"


def test_english_pieces_are_about_a_kilobyte() -> None:
    assert 500 <= len(SAMPLES["english"]) / len(pieces(SAMPLES["english"])) <= 2_000


@pytest.mark.parametrize("name", ["english", "one word", "chinese", "noise"])
def test_appended_text_moves_no_cut_before_the_last(name: str) -> None:
    data = SAMPLES[name]
    before = cuts(data)[:-1]
    assert cuts(data + data[:5_000])[: len(before)] == before


@pytest.mark.parametrize("edit", [(0, 777, b""), (20_000, 20_050, b""), (30_000, 30_000, b"new, ")])
def test_an_edit_leaves_the_pieces_elsewhere_as_they_were(edit: tuple[int, int, bytes]) -> None:
    start, stop, new = edit
    data = SAMPLES["english"]
    before, after = pieces(data), set(pieces(data[:start] + new + data[stop:]))
    changed = sum(len(piece) for piece in before if piece not in after)
    assert changed <= (stop - start) + 2 * MAX_BYTES


@given(st.lists(st.integers(1, 2**40)))
def test_recipes_come_back(numbers: list[int]) -> None:
    assert [number for run in numbers_of(recipe(numbers)) for number in run] == numbers


def test_a_run_of_chunks_takes_few_bytes() -> None:
    assert len(recipe([*range(1, 500), 7_000])) <= 8


def test_many_like_runs_take_few_bytes() -> None:
    assert len(recipe(range(1, 1_001, 2))) <= 30


@pytest.mark.parametrize("damaged", [b"", b"\2\0", b"\0\0", b"\1nonsense", b"\0\x80"])
def test_a_damaged_recipe_is_told(damaged: bytes) -> None:
    with pytest.raises((ValueError, zlib.error)):
        numbers_of(damaged)
