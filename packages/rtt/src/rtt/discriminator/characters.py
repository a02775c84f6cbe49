"""From the tokens of a discriminator to the characters of a response.

In: one value a token and the characters that each token covers. Out: one value a character, the
largest among the tokens that cover it; 0 where none does (white space, with some tokenizers).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from rtt.discriminator.encoding import Encoded
from rtt.types import Span

__all__ = ["Chars", "pair_characters", "to_characters"]

Chars = np.ndarray[Any, np.dtype[np.float32]]
"""One number in [0, 1] a character of a response."""


def to_characters(pieces: Iterable[tuple[Sequence[Span], Chars]], length: int) -> Chars:
    """Spread token values over the characters of one response.

    Args:
        pieces: Offsets `[start, end)` and values of the tokens of each piece, [T].
        length: Characters of the response.

    Example:
        `to_characters([(((0, 2), (3, 4)), np.float32([0.5, 0.9]))], 4)` is `[0.5, 0.5, 0, 0.9]`.
    """
    told = np.zeros(length, dtype=np.float32)
    for offsets, values in pieces:
        bounds = np.asarray(offsets, dtype=np.int64).reshape(-1, 2)
        sizes = bounds[:, 1] - bounds[:, 0]
        ends = np.cumsum(sizes)
        if not len(ends) or not ends[-1]:
            continue
        within = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes)
        places = np.repeat(bounds[:, 0], sizes) + within
        # Bytes of one character can be several tokens, so places can come twice.
        np.maximum.at(told, places, np.repeat(values, sizes))
    return told


def pair_characters(
    responses: Sequence[str], rows: Sequence[Sequence[Encoded]], values: Iterable[Chars]
) -> list[Chars]:
    """One number a character of each response.

    Args:
        responses: Their texts.
        rows: The rows that each became.
        values: Of the response tokens of every row, in that order, [T].
    """
    left = iter(values)
    return [
        to_characters([(row.offsets, next(left)) for row in pieces], len(response))
        for response, pieces in zip(responses, rows, strict=True)
    ]
