"""Intervals over seeds and prompts: both are drawn again, since both would be others next time.

In: one column on several seeds. Out: the mean over seeds and its bootstrap interval. Seeds and
prompts are crossed (every seed answers the same prompts), so a draw takes seeds with replacement
and, apart from them, prompts. With one seed only prompts are drawn; a column without prompts (a
figure of whole runs) has only seeds; with neither there is no interval. A few seeds make any such
interval too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from lmcommon.stats import Interval, quantile
from rtt.run.studying.results import Column

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Estimate", "difference", "estimate", "ratio_of_gains"]

_DRAWS = 2000
_UNBOUNDED = 0.025
"""Share of draws without a gain from which on a share of it has no interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over seeds and where it lies.

    Example:
        `Estimate(value=0.31, interval=(0.25, 0.36), seeds=(0.3, 0.32), over="seeds, prompts")`
    """

    value: float | None
    interval: Interval | None
    """95 %; None where nothing was drawn."""
    seeds: tuple[float, ...]
    """The value of each seed."""
    over: str
    """What was drawn: "seeds, prompts", "seeds", "prompts" or "nothing"."""


def estimate(columns: Sequence[Column], *, draws: int = _DRAWS) -> Estimate:
    """One arm's column, one entry a seed.

    Raises:
        UserError: The seeds answered different prompts.
    """
    table = _Table(columns)
    plan = _Draws(table, draws)
    return _told(table.values(), plan, plan.means(table))


def difference(
    ours: Sequence[Column], theirs: Sequence[Column], *, draws: int = _DRAWS
) -> Estimate:
    """Mean difference of two arms, paired by seed and prompt.

    Args:
        ours: One entry a seed.
        theirs: The same seeds in the same order.
        draws: How many samples.

    Raises:
        UserError: They answered different prompts.
    """
    left, right = _paired(ours, theirs)
    plan = _Draws(left, draws)
    each = left.values() - right.values()
    return _told(each, plan, plan.means(left) - plan.means(right))


def ratio_of_gains(
    ours: Sequence[Column], theirs: Sequence[Column], base: Sequence[Column], *, draws: int = _DRAWS
) -> Estimate:
    """(ours - base) / (theirs - base) of the means over seeds: what is kept of a gain.

    Where more than a fortieth of the draws has no gain above zero to be a share of, the ratio has
    no bounds and there is no interval; fewer are left out. A seed without a gain has NaN.

    Args:
        ours: One entry a seed.
        theirs: Whose gain counts as 1.
        base: What both are compared with.
        draws: How many samples.
    """
    left, right = _paired(ours, theirs)
    _, below = _paired(ours, base)
    plan = _Draws(left, draws)
    low = plan.means(below)
    gain = plan.means(right) - low
    drawn = _share(plan.means(left) - low, gain)
    mean = [float(table.values().mean()) for table in (left, right, below)]
    whole = mean[1] - mean[2]
    each = _share(left.values() - below.values(), right.values() - below.values())
    is_bounded = plan.over != "nothing" and float((gain > 0).mean()) >= 1 - _UNBOUNDED
    interval = _interval(drawn) if is_bounded else None
    return Estimate(
        value=(mean[0] - mean[2]) / whole if whole > 0 else None, interval=interval,
        seeds=tuple(map(float, each)), over=plan.over,
    )  # fmt: skip


def _share(part: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """The one over the other; NaN where nothing was gained."""
    import numpy as np

    told: np.ndarray = np.divide(part, gain, out=np.full(len(gain), np.nan), where=gain > 0)
    return told


class _Table:
    """Hits and counts [S, N] of a column on S seeds and N prompts."""

    def __init__(self, columns: Sequence[Column]) -> None:
        import numpy as np

        if not columns:
            raise ValueError("expected the column of at least one seed; got none")
        self.prompts = columns[0].prompts
        if any(column.prompts != self.prompts for column in columns):
            raise UserError(
                "results: expected the same prompts for every arm and seed of a benchmark; got "
                "different ones; measure all arms with the same settings"
            )
        self.hits_SN = np.array([column.hits for column in columns], dtype=float)
        self.counts_SN = np.array([column.counts for column in columns], dtype=float)

    def values(self) -> np.ndarray:
        """The ratio of each seed, [S]."""
        told: np.ndarray = self.hits_SN.sum(axis=1) / self.counts_SN.sum(axis=1)
        return told


class _Draws:
    """How often each seed and each prompt is taken in every draw."""

    def __init__(self, table: _Table, draws: int) -> None:
        import numpy as np

        seeds, prompts = table.hits_SN.shape
        rng = np.random.default_rng(seed_for(0, "study-intervals"))
        many, asked = seeds > 1, len(table.prompts) > 1
        self.over = ", ".join(
            name for name, is_drawn in (("seeds", many), ("prompts", asked)) if is_drawn
        ) or "nothing"  # fmt: skip
        self._seeds_DS = _taken(rng, seeds if many else 0, seeds, draws)
        self._prompts_DN = _taken(rng, prompts if asked else 0, prompts, draws)

    def means(self, table: _Table) -> np.ndarray:
        """The mean over the drawn seeds of the ratio over the drawn prompts, [draws]."""
        import numpy as np

        hits_DS = self._prompts_DN @ table.hits_SN.T
        counts_DS = self._prompts_DN @ table.counts_SN.T
        nothing = np.full(hits_DS.shape, np.nan)  # no counted prompt was drawn
        ratios_DS = np.divide(hits_DS, counts_DS, out=nothing, where=counts_DS > 0)
        weighed_DS = np.where(self._seeds_DS > 0, ratios_DS * self._seeds_DS, 0.0)
        told: np.ndarray = weighed_DS.sum(axis=1) / self._seeds_DS.sum(axis=1)
        return told


def _taken(rng: np.random.Generator, size: int, items: int, draws: int) -> np.ndarray:
    """How often each item is taken, [draws, items]; size 0: once each, in every draw."""
    import numpy as np

    if not size:
        return np.ones((draws, items))
    return rng.multinomial(size, np.full(items, 1 / items), size=draws).astype(float)


def _paired(ours: Sequence[Column], theirs: Sequence[Column]) -> tuple[_Table, _Table]:
    if len(ours) != len(theirs):
        raise ValueError(f"expected the same seeds; got {len(ours)} and {len(theirs)}")
    left, right = _Table(ours), _Table(theirs)
    if left.prompts != right.prompts:
        raise UserError(
            "results: expected two arms measured on the same prompts; got different ones; measure "
            "them with the same settings"
        )
    return left, right


def _told(each: np.ndarray, plan: _Draws, drawn: np.ndarray) -> Estimate:
    return Estimate(
        value=float(each.mean()), seeds=tuple(map(float, each)), over=plan.over,
        interval=None if plan.over == "nothing" else _interval(drawn),
    )  # fmt: skip


def _interval(drawn: np.ndarray) -> Interval:
    values = [float(value) for value in drawn if value == value]
    return quantile(values, 0.025), quantile(values, 0.975)
