"""Which rows are forwarded together: similar lengths, or rows that begin alike.

In: lengths or token ids of rows. Out: batches of at most so many tokens. `length_buckets` pads
little; `shared_beginnings` finds what a causal model needs to read only once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Bundle", "filled", "length_buckets", "saved_tokens", "shared_beginnings"]

_LEAST_SLACK = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Rows that begin alike. Example: `Bundle(shared=20, places=(3, 7))` saves 20 tokens."""

    shared: int
    """Tokens at the beginning that all of them have."""
    places: tuple[int, ...]


def length_buckets(
    lengths: Sequence[int], batch_tokens: int, *, slack: float = 1.0
) -> list[list[int]]:
    """Cut rows into batches of similar length, each of at most `batch_tokens` with padding.

    A single row longer than that is a batch by itself. The longest come first, so that a machine
    too small for them fails at once.

    Args:
        lengths: Tokens of each row.
        batch_tokens: Most tokens in a batch, padding included.
        slack: Share of a row that padding may be at most (or 16 tokens); 1: whatever comes.
    """
    buckets: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if buckets:
            width = lengths[buckets[-1][0]]
            fits = (len(buckets[-1]) + 1) * width <= batch_tokens
            if fits and width - lengths[place] <= max(_LEAST_SLACK, slack * width):
                buckets[-1].append(place)
                continue
        buckets.append([place])
    return buckets


def shared_beginnings(rows: Sequence[Sequence[int]], limits: Sequence[int]) -> list[Bundle]:
    """Group rows so that forwarding each group's common beginning once saves most tokens.

    The rows form a tree of beginnings. A node either is a group, which saves its depth for each
    row but one, or leaves that to its branches, whichever saves more; so either the samples of a
    criterion share all of its text, or the criteria of a prompt share what comes before them.

    Args:
        rows: Token ids of each row.
        limits: Most tokens of each row that may be shared.

    Returns:
        Bundles that hold every row once; `shared` is 0 for a row by itself.
    """
    order = sorted(range(len(rows)), key=lambda place: tuple(rows[place][: limits[place]]))
    heads = [tuple(rows[place][: limits[place]]) for place in order]
    _, cuts = _best(heads, 0, len(heads))
    return [
        Bundle(shared=depth if last - first > 1 else 0, places=tuple(order[first:last]))
        for first, last, depth in cuts
    ]


_Cut = tuple[int, int, int]


def _best(heads: Sequence[tuple[int, ...]], first: int, last: int) -> tuple[int, list[_Cut]]:
    """Tokens saved, and groups (first, last, depth), among sorted heads `[first, last)`."""
    if last - first < 1:
        return 0, []
    depth = _common(heads[first], heads[last - 1])
    whole = (last - first - 1) * depth
    if heads[first] == heads[last - 1]:
        return whole, [(first, last, depth)]
    saved, cuts = 0, []
    begin = first
    for place in range(first + 1, last + 1):
        if place == last or heads[place][: depth + 1] != heads[begin][: depth + 1]:
            more, parts = _best(heads, begin, place)
            saved, begin = saved + more, place
            cuts += parts
    return (whole, [(first, last, depth)]) if whole >= saved else (saved, cuts)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def saved_tokens(bundles: Sequence[Bundle]) -> int:
    """Tokens that need not be forwarded."""
    return sum((len(bundle.places) - 1) * bundle.shared for bundle in bundles)


def filled(
    bundles: Sequence[Bundle], lengths: Sequence[int], batch_tokens: int
) -> list[list[Bundle]]:
    """Cut bundles into batches of at most `batch_tokens`; one too large is cut into several.

    A row that is longer than that is a batch by itself. The longest rows come first.
    """
    batches: list[list[Bundle]] = []
    room = 0
    for bundle in sorted(bundles, key=lambda one: -max(lengths[place] for place in one.places)):
        for part in _parts(bundle, lengths, batch_tokens):
            size = _size(part, lengths)
            if not batches or size > room:
                batches.append([])
                room = batch_tokens
            batches[-1].append(part)
            room -= size
    return batches


def _parts(bundle: Bundle, lengths: Sequence[int], batch_tokens: int) -> list[Bundle]:
    parts: list[list[int]] = []
    room = 0
    for place in sorted(bundle.places, key=lambda one: -lengths[one]):
        size = lengths[place] - bundle.shared
        if not parts or size > room:
            parts.append([])
            room = batch_tokens - bundle.shared
        parts[-1].append(place)
        room -= size
    return [Bundle(shared=bundle.shared, places=tuple(part)) for part in parts]


def _size(bundle: Bundle, lengths: Sequence[int]) -> int:
    return bundle.shared + sum(lengths[place] - bundle.shared for place in bundle.places)
