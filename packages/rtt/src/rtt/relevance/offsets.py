"""From characters to tokens: a token is relevant if any of its characters is."""

from __future__ import annotations

from collections.abc import Sequence

from rtt.types import Span

__all__ = ["spans_to_tokens"]


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
