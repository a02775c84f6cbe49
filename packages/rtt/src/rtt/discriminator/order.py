"""In which order rows are learned from: all steps of a run, drawn once.

A fixed list makes resuming exact (the trainer skips what was read) and deals the same rows to any
number of processes. Kinds can be balanced, and each batch holds rows of similar length.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import ceil
from random import Random

from lmcommon.rng import random_for
from rtt.discriminator.rows import TokenRow

__all__ = ["row_order"]

_POOL = 32
"""Batches that are sorted by length together: enough to be alike, few enough to stay mixed."""


def row_order(
    rows: Sequence[TokenRow], *, batch: int, batches: int, balance: bool, seed: int
) -> list[int]:
    """Places of rows, `batch * batches` of them; every `batch` of them are one forward batch.

    Without balance, every row comes once before any comes again. With it, kinds come equally often
    (those with few rows repeat them), each kind's rows once before any comes again.

    Args:
        rows: What there is.
        batch: Rows in a forward batch.
        batches: Forward batches of the whole run, over all processes.
        balance: Whether kinds come equally often.
        seed: Decides everything.

    Raises:
        ValueError: There are no rows.
    """
    if not rows:
        raise ValueError("row_order: expected at least one row")
    random = random_for(seed, "order")
    size = batch * batches
    drawn = _balanced(rows, size, random) if balance else _passes(range(len(rows)), size, random)
    pool, whole = batch * _POOL, []
    for first in range(0, size, pool):
        part = sorted(drawn[first : first + pool], key=lambda place: len(rows[place].ids))
        cut = [part[start : start + batch] for start in range(0, len(part), batch)]
        random.shuffle(cut)
        whole += cut
    return list(chain.from_iterable(whole))


def _passes(places: Sequence[int], size: int, random: Random) -> list[int]:
    passes = (random.sample(places, len(places)) for _ in range(ceil(size / len(places))))
    return list(chain.from_iterable(passes))[:size]


def _balanced(rows: Sequence[TokenRow], size: int, random: Random) -> list[int]:
    kinds: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        kinds.setdefault(row.kind, []).append(place)
    each = ceil(size / len(kinds))
    dealt = [_passes(places, each, random) for _, places in sorted(kinds.items())]
    rounds = [random.sample(one, len(one)) for one in zip(*dealt, strict=True)]
    return list(chain.from_iterable(rounds))[:size]
