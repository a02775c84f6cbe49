"""Shares and means over prompts, with intervals, and bounds for what went unscored.

In: `Unit`s, what each prompt contributes, sample by sample. Out: a `Rate`. The estimate is
`sum(hits) / sum(of)` over what has a verdict; its interval resamples whole clusters (a prompt with
all of its samples and criteria, or a ladder of prompts), because what belongs together is not
independent. The bounds say what the rate would be if everything unscored had failed, or had not; an
estimate outside of them (prompts of many criteria go unscored more often) is moved to the nearer
one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lmcommon.stats import Interval, ratio_interval, wilson_interval

__all__ = ["Count", "Rate", "Spread", "Unit", "rate_of", "spread_of", "succeeds"]

_DRAWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What one response contributes to a rate.

    Example: a response with two criteria met, one not, and one without a verdict:
        `Count(hits=2, of=3, total=4, low=2, high=3)`
    """

    hits: float
    of: float
    """What has a verdict; `hits / of` is the response's own rate."""
    total: float
    """The same with what is unscored."""
    low: float
    """Hits if all that is unscored had failed."""
    high: float
    """Hits if nothing of it had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What one prompt (or one ladder) contributes, one count a sample."""

    key: str
    cluster: str
    """Units of one cluster are drawn together."""
    samples: tuple[Count, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """An estimate with its 95 % interval over clusters.

    Example:
        `Rate(value=0.5, interval=(0.3, 0.7), wilson=(0.24, 0.76), worst=0.4, best=0.6, scored=10,
        unscored=2, units=12)`
    """

    value: float
    interval: Interval
    """Bootstrap over clusters; Wilson's over clusters where all of them are alike; of a mean of
    one cluster: unbounded."""
    wilson: Interval | None
    """Wilson's, where each unit is one yes or no and the estimate is within its bounds; None
    otherwise."""
    worst: float
    """The value if all that is unscored had failed."""
    best: float
    """The value if none of it had."""
    scored: float
    unscored: float
    units: int
    """Prompts (ladders) that have anything scored."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        told = asdict(self)
        told["interval"] = list(self.interval)
        told["wilson"] = self.wilson and list(self.wilson)
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How far the samples differ: the rate of each sample number over all prompts."""

    values: tuple[float, ...]
    deviation: float | None
    """Standard deviation between samples (n - 1); None for a single one."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {"values": list(self.values), "deviation": self.deviation}


def rate_of(
    units: Sequence[Unit], *, is_clipped: bool = False, is_share: bool = True, seed: int = 0
) -> Rate | None:
    """The rate over units; None where nothing is scored.

    Args:
        units: What each prompt contributes.
        is_clipped: Whether the mean is cut to [0, 1], as HealthBench's is (single scores are not).
        is_share: Whether hits lie in [0, of], so that Wilson's interval is defined.
        seed: Of the resampling.
    """
    known = [unit for unit in units if any(one.of for one in unit.samples)]
    if not known:
        return None
    counts = [one for unit in units for one in unit.samples]
    hits, of, total = (_sum(counts, name) for name in ("hits", "of", "total"))
    pools: dict[str, list[Unit]] = {}
    for unit in known:
        pools.setdefault(unit.cluster, []).append(unit)
    parts = [sum(_sum(unit.samples, "hits") for unit in pool) for pool in pools.values()]
    wholes = [sum(_sum(unit.samples, "of") for unit in pool) for pool in pools.values()]
    value = hits / of
    interval = ratio_interval(parts, wholes, seed=seed, draws=_DRAWS)
    if is_share and interval[0] == interval[1]:  # resampling what is all alike has no width
        interval = wilson_interval(value * len(pools), len(pools))
    elif len(pools) == 1:  # a single one says nothing of how others would fare
        interval = (-math.inf, math.inf)
    worst, best = _sum(counts, "low") / total, _sum(counts, "high") / total
    shift = min(max(value, worst), best) - value if total > of else 0.0
    cut = _clipped if is_clipped or (is_share and shift) else _same
    return Rate(
        value=cut(value + shift),
        interval=(cut(interval[0] + shift), cut(interval[1] + shift)),
        wilson=_wilson(known) if is_share and len(pools) == len(known) and not shift else None,
        worst=cut(worst),
        best=cut(best),
        scored=of, unscored=total - of, units=len(known),
    )  # fmt: skip


def spread_of(units: Sequence[Unit], *, is_clipped: bool = False) -> Spread | None:
    """The rate of each sample number, over units that have as many; None where one has nothing."""
    number = min((len(unit.samples) for unit in units), default=0)
    cut = _clipped if is_clipped else _same
    values = []
    for place in range(number):
        counts = [unit.samples[place] for unit in units]
        if not (of := _sum(counts, "of")):
            return None
        values.append(cut(_sum(counts, "hits") / of))
    if not values:
        return None
    return Spread(
        values=tuple(values), deviation=statistics.stdev(values) if len(values) > 1 else None
    )


def succeeds(units: Sequence[Unit], *, needs_all: bool) -> list[Unit]:
    """Units of one yes or no each: does any sample of a prompt succeed, or do all of them?

    In: units of responses that succeed or not (`total` 1, or 0 where nothing is asked). A prompt
    with an unscored response is unscored, though the others may settle it: only one of the two
    answers can be settled early, and counting it alone would pull the rate to its side.
    """
    settled = []
    for unit in units:
        asked = [one for one in unit.samples if one.total]
        if not asked:
            continue
        lows = [one.low >= one.total for one in asked]
        highs = [one.high >= one.total for one in asked]
        low, high = (all(lows), all(highs)) if needs_all else (any(lows), any(highs))
        is_known = all(one.of for one in asked)
        count = Count(
            hits=float(low and is_known), of=float(is_known), total=1.0,
            low=float(low), high=float(high),
        )  # fmt: skip
        settled.append(Unit(key=unit.key, cluster=unit.cluster, samples=(count,)))
    return settled


def _wilson(known: Sequence[Unit]) -> Interval | None:
    counts = [unit.samples for unit in known]
    if not all(len(one) == 1 and one[0].of == 1 and one[0].hits in (0, 1) for one in counts):
        return None
    return wilson_interval(round(sum(one[0].hits for one in counts)), len(counts))


def _sum(counts: Iterable[Count], name: str) -> float:
    return float(sum(getattr(one, name) for one in counts))


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value))


def _same(value: float) -> float:
    return value
