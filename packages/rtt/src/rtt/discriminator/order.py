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

_OFTENER = 4
"""How much oftener kinds with irrelevant tokens come than those without."""


def row_order(
    rows: Sequence[TokenRow], *, batch: int, batches: int, balance: bool, seed: int
) -> list[int]:
    """Places of rows, `batch * batches` of them; every `batch` of them are one forward batch.

    Without balance, every row comes once before any comes again. With it, kinds come equally often
    (those with few rows repeat them), each kind's rows once before any comes again; but kinds whose
    tokens are all relevant, which are learned at once, come a quarter as often.

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
    easy = {
        kind for kind, places in kinds.items() if all(0 not in rows[one].labels for one in places)
    }
    if len(easy) == len(kinds):
        easy = set()
    shares = {kind: 1 if kind in easy else _OFTENER for kind in sorted(kinds)}
    cycles = ceil(size / sum(shares.values()))
    dealt = {
        kind: iter(_passes(places, cycles * shares[kind], random))
        for kind, places in sorted(kinds.items())
    }
    drawn: list[int] = []
    for _ in range(cycles):
        cycle = [next(dealt[kind]) for kind, share in shares.items() for _ in range(share)]
        drawn += random.sample(cycle, len(cycle))
    return drawn[:size]
