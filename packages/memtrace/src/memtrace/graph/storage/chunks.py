"""Cutting a big value where its content says so, so that values that share text share pieces.

In: the bytes of a value. Out: where to cut, and a *recipe*: the numbers of the pieces, in order. A
cut depends only on the 16 bytes before it, so text that was inserted, appended or dropped elsewhere
does not move it: a growing context costs its growth. Words stay whole for the sake of the text
index: a cut lies behind an ASCII byte that is neither letter nor digit, or behind a character of
U+3000 to U+9FFF (written without spaces), and never inside a character of UTF-8.

Such a place is a cut when a hash of those 16 bytes is low enough. A piece has `MIN_BYTES` at least
(but for the last) and `MAX_BYTES` at most: where no hash is low enough, the lowest decides. In
English it has about 1 KB.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from itertools import chain

import numpy as np
import numpy.typing as npt

from memtrace.graph.storage.varint import from_varints, signed, to_varints, unsigned

__all__ = ["CHUNK_FROM_BYTES", "MAX_BYTES", "MIN_BYTES", "cuts", "numbers_of", "recipe"]

CHUNK_FROM_BYTES = 4_096
"""Shorter values are not cut."""
MIN_BYTES = 256
MAX_BYTES = 2_048
WORDLESS_BYTES = 1_024
"""Length of a piece in which nothing allows a cut, such as base64."""

_WINDOW = 16
_CUT_BELOW = np.uint64(1 << 64 - 7)  # a cut at one place in 128
_NEAR, _FAR = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_ENDS_WORD = np.array([byte < 0x80 and not chr(byte).isalnum() for byte in range(256)])
_LEADS_CJK = np.array([0xE3 <= byte <= 0xE9 for byte in range(256)])
_COMPRESS_FROM_BYTES = 48
_PLAIN, _PACKED = b"\0", b"\1"

_Places = npt.NDArray[np.intp]
_Hashes = npt.NDArray[np.uint64]


def cuts(data: bytes) -> list[int]:
    """Where the pieces of `data` end, in order; the last is its length."""
    if len(data) <= MIN_BYTES:
        return [len(data)] if data else []
    places = _allowed(data)
    hashes = _hashes(data, places)
    chosen = places[hashes < _CUT_BELOW].tolist()
    found: list[int] = []
    start = 0
    for end in chain(chosen, (len(data),)):
        while end - start > WORDLESS_BYTES and (
            forced := _forced(data, places, hashes, start, end)
        ):
            start = forced
            found.append(start)
        if end - start >= MIN_BYTES or end == len(data) > start:
            start = end
            found.append(end)
    return found


def recipe(numbers: Iterable[int]) -> bytes:
    """What `blobs.data` holds for a value in chunks: runs of numbers that follow each other.

    A run is two varints: how far it starts from the end of the run before, and its length. The
    byte before says whether the varints are compressed.
    """
    runs: list[int] = []
    expected = 0
    for number in numbers:
        if runs and number == expected:
            runs[-1] += 1
        else:
            runs += (unsigned(number - expected), 1)
        expected = number + 1
    plain = to_varints(runs)
    if len(plain) >= _COMPRESS_FROM_BYTES:
        packed = zlib.compress(plain, 6)
        if len(packed) < len(plain):
            return _PACKED + packed
    return _PLAIN + plain


def numbers_of(data: bytes) -> list[range]:
    """The runs of chunk numbers that a recipe lists.

    Raises:
        ValueError: If this is no recipe.
        zlib.error: If it is damaged.
    """
    kind, plain = data[:1], data[1:]
    if kind not in (_PLAIN, _PACKED):
        raise ValueError(f"expected a recipe of chunks; got {data[:16].hex()!r}")
    found = from_varints(zlib.decompress(plain) if kind == _PACKED else plain)
    if len(found) % 2:
        raise ValueError("expected runs of chunks; the last has no length")
    runs, expected = [], 0
    for away, count in zip(found[::2], found[1::2], strict=True):
        first = expected + signed(away)
        expected = first + count
        runs.append(range(first, expected))
    return runs


def _allowed(data: bytes) -> _Places:
    """Where a cut would split neither a word nor a character: positions behind a byte."""
    octets: npt.NDArray[np.uint8] = np.frombuffer(data, np.uint8)
    is_end = _ENDS_WORD[octets]
    if not data.isascii():
        is_end[2:] |= _LEADS_CJK[octets[:-2]]
    return np.flatnonzero(is_end[_WINDOW - 1 :]) + _WINDOW


def _hashes(data: bytes, places: _Places) -> _Hashes:
    """A hash of the 16 bytes before each place."""
    eights: _Hashes = np.ndarray((len(data) - 7,), "<u8", data, 0, (1,))
    mixed: _Hashes = eights[places - 8] * _NEAR + eights[places - 16] * _FAR
    mixed ^= mixed >> np.uint64(29)
    return mixed * _NEAR


def _forced(
    data: bytes, places: _Places, hashes: _Hashes, start: int, end: int
) -> int | None:  # fmt: skip
    """A cut between `start` and `end` where no hash is a cut; None where none is needed."""
    first, last = np.searchsorted(
        places, (start + MIN_BYTES, min(start + MAX_BYTES, end - 1) + 1)
    ).tolist()
    if first < last:
        if end - start <= MAX_BYTES:
            return None
        return int(places[first + int(hashes[first:last].argmin())])
    limit = start + WORDLESS_BYTES
    while limit > start + WORDLESS_BYTES - 3 and data[limit] & 0xC0 == 0x80:
        limit -= 1
    return limit
