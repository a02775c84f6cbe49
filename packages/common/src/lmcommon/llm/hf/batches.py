"""Which rows run together: by shared prefix where that saves work, else by similar length.

In: the token ids of every row. Out: batches of row numbers, each with the number of leading
tokens that its rows share and that are computed once. Pure functions of integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Batch", "Limits", "common_length", "plan"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a batch may be, and when a prefix is worth sharing."""

    rows: int = 16
    tokens: int = 16384
    """Rows times the longest row (prompt and reply)."""
    min_shared: int = 32
    """Shorter common prefixes are computed with each row."""
    decode_cost: int = 16
    """Prefill tokens that one decoding step of a separate batch costs: sharing must save more."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that run together, and how many leading tokens they share."""

    rows: tuple[int, ...]
    shared: int = 0


def common_length(one: Sequence[int], two: Sequence[int]) -> int:
    """Length of the common prefix of two sequences."""
    length = min(len(one), len(two))
    if one[:length] == two[:length]:
        return length
    low, high = 0, length  # the prefixes of length low agree, those of length high differ
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if one[low:middle] == two[low:middle] else (low, middle)
    return low


def plan(
    sequences: Sequence[Sequence[int]],
    reserve: Sequence[int],
    limits: Limits,
    *,
    held: Sequence[int] = (),
) -> list[Batch]:
    """Divide rows into batches.

    Args:
        sequences: What may be shared of each row, as ids: the context without its last token.
        reserve: Tokens of each row beyond `sequences` (reply, continuation).
        limits: Sizes.
        held: A prefix whose result is still at hand from an earlier call.

    Returns:
        Batches that hold every row exactly once.
    """
    if not sequences:
        return []
    batches: list[Batch] = []
    loose: list[int] = []
    for cluster, shared in _clusters(sequences, limits):
        saved = shared * (len(cluster) - 1)
        steps = max(reserve[row] for row in cluster)
        if shared >= limits.min_shared and saved > limits.decode_cost * steps:
            batches += _split(cluster, sequences, reserve, limits, shared)
        else:
            loose += cluster
    if len(loose) == 1:
        return [*batches, _single(loose[0], sequences, limits, held)]
    return batches + _split(loose, sequences, reserve, limits, 0)


def _single(
    row: int, sequences: Sequence[Sequence[int]], limits: Limits, held: Sequence[int]
) -> Batch:
    """A lone row: run its context as a prefix, which starts from, and becomes, the one held."""
    length = len(sequences[row])
    is_held = common_length(sequences[row], held) >= limits.min_shared
    return Batch((row,), length if is_held or length >= 8 * limits.min_shared else 0)


def _clusters(sequences: Sequence[Sequence[int]], limits: Limits) -> list[tuple[list[int], int]]:
    """Neighbours in lexicographic order that share at least half of their tokens."""
    order = sorted(range(len(sequences)), key=lambda row: (list(sequences[row]), row))
    found: list[tuple[list[int], int]] = []
    for row in order:
        ids = sequences[row]
        if found:
            cluster, shared = found[-1]
            length = min(shared, common_length(sequences[cluster[0]], ids))
            longest = max(len(ids), *(len(sequences[other]) for other in cluster[-1:]))
            if length >= limits.min_shared and 2 * length >= longest:
                cluster.append(row)
                found[-1] = (cluster, length)
                continue
        found.append(([row], len(ids)))
    return found


def _split(
    rows: Sequence[int],
    sequences: Sequence[Sequence[int]],
    reserve: Sequence[int],
    limits: Limits,
    shared: int,
) -> list[Batch]:
    """Cut rows, sorted by length, so that each batch keeps the limits."""
    size = {row: len(sequences[row]) + reserve[row] for row in rows}
    batches: list[Batch] = []
    current: list[int] = []
    for row in sorted(rows, key=lambda row: (-size[row], row)):
        longest = size[current[0]] if current else size[row]
        if current and (
            len(current) == limits.rows or (len(current) + 1) * longest > limits.tokens
        ):
            batches.append(Batch(tuple(current), shared))
            current = []
        current.append(row)
    return [*batches, Batch(tuple(current), shared)] if current else batches
