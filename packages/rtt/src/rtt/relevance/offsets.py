"""From characters to tokens, so that any tokenizer can be served.

In: relevant spans, or a relevance for every character; the offsets of the tokens. Out: one number
a token, that of its most relevant character.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rtt.types import Span

__all__ = ["chars_to_relevance", "spans_to_tokens"]


def spans_to_tokens(spans: Sequence[Span], offsets: Sequence[Span]) -> tuple[float, ...]:
    """Project character spans onto tokens.

    Args:
        spans: Relevant characters `[start, end)`.
        offsets: Characters `[start, end)` of each token, [T]; an empty one (a special token) is
            never relevant.

    Returns:
        1.0 for a token that shares a character with a span, else 0.0; [T].

    Example:
        `spans_to_tokens([(2, 4)], [(0, 3), (3, 3), (3, 6), (6, 9)])` is `(1.0, 0.0, 1.0, 0.0)`.
    """
    return tuple(
        float(any(max(start, low) < min(end, high) for low, high in spans))
        for start, end in offsets
    )


def chars_to_relevance(
    char_relevance: np.ndarray[Any, Any], offsets: Sequence[Span]
) -> tuple[float, ...]:
    """Project a relevance for every character onto tokens: the largest of each token's.

    Args:
        char_relevance: One number in [0, 1] a character of the response.
        offsets: Characters `[start, end)` of each token, [T]; an empty one gets 0.

    Returns:
        One number a token, [T].

    Raises:
        ValueError: An offset outside the text.
    """
    if not offsets:
        return ()
    bounds = np.asarray(offsets, dtype=np.int64)
    if bounds.min() < 0 or bounds.max() > len(char_relevance):
        raise ValueError(
            f"offsets: expected places in a text of {len(char_relevance)} characters; got "
            f"{tuple(bounds.max(axis=0).tolist())}"
        )
    filled = np.flatnonzero(bounds[:, 0] < bounds[:, 1])
    told = np.zeros(len(bounds))
    if len(filled):
        ended = np.append(char_relevance, 0.0)  # reduceat needs every bound to be a place
        told[filled] = np.maximum.reduceat(ended, bounds[filled].ravel())[::2]
    return tuple(told.tolist())
