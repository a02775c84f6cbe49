"""The score of a method: every metric over its outcomes, with intervals.

In: outcomes (of one method, in any order). Out: a `Score`, and the same for every part of a
breakdown. What failed is unscored and counted apart, never a miss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from lmcommon.stats import mean_interval, quantile
from memtrace.attribution.types import Rate, Verdict, rate
from memtrace.scoring.metrics import COSTS, MEANS, RATES, sort_of
from memtrace.scoring.outcomes import Outcome

__all__ = ["Mean", "Score", "Spread", "confusion", "group_of", "score", "score_by"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over cases with its 95 % interval (bootstrap over cases)."""

    value: float
    cases: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What cases cost: `Spread(median=3, mean=4.1, p95=11, total=820)`."""

    median: float
    mean: float
    p95: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The figures of one method over some cases.

    Example: `score(outcomes).rates["exact"]` is a `Rate`; a metric that applies to no case is
    not there.
    """

    cases: int
    """All that were tried."""
    unscored: int
    """Of them without an attribution (failed) or without a label."""
    failed: int
    sorts: Mapping[str, int] = field(default_factory=dict)
    """Scored cases by `single`, `multi`, `control`."""
    rates: Mapping[str, Rate] = field(default_factory=dict)
    means: Mapping[str, Mean] = field(default_factory=dict)
    costs: Mapping[str, Spread] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, Rate | Mean]:
        """Shares and means together."""
        return {**self.rates, **self.means}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; shares rounded to four places."""
        return {
            "cases": self.cases, "unscored": self.unscored, "failed": self.failed,
            **{f"{name}_cases": count for name, count in sorted(self.sorts.items())},
            **{name: _brief(one.share, one.low, one.high, one.trials)
               for name, one in self.rates.items()},
            **{name: _brief(one.value, one.low, one.high, one.cases)
               for name, one in self.means.items()},
            "cost": {
                name: {"median": round(one.median, 4), "mean": round(one.mean, 4),
                       "p95": round(one.p95, 4)}
                for name, one in self.costs.items()
            },
        }  # fmt: skip


def _brief(value: float | None, low: float, high: float, n: int) -> dict[str, float | None]:
    return {
        "value": None if value is None else round(value, 4), "low": round(low, 4),
        "high": round(high, 4), "n": n,
    }  # fmt: skip


def score(outcomes: Iterable[Outcome], *, seed: int = 0) -> Score:
    """Score outcomes of one method.

    Args:
        outcomes: One a case, in any order.
        seed: Of the bootstrap of means.
    """
    # In one order, so that the intervals do not depend on which worker was faster.
    all_of_them = sorted(outcomes, key=lambda one: one.key)
    scored = [one for one in all_of_them if one.is_scored]
    done = [one for one in all_of_them if one.attribution is not None]
    return Score(
        cases=len(all_of_them), unscored=len(all_of_them) - len(scored),
        failed=len(all_of_them) - len(done), sorts=Counter(map(sort_of, scored)),
        rates={name: share for name, metric in RATES.items()
               if (share := _rate(metric, scored)) is not None},
        means={name: mean for name, metric in MEANS.items()
               if (mean := _mean(metric, scored, seed)) is not None},
        costs=_costs(done),
    )  # fmt: skip


def score_by(outcomes: Iterable[Outcome], key: str, *, seed: int = 0) -> dict[str, Score]:
    """The score of each part; see `group_of` for the keys."""
    parts: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        parts.setdefault(group_of(outcome, key), []).append(outcome)
    return {name: score(part, seed=seed) for name, part in sorted(parts.items())}


def group_of(outcome: Outcome, key: str) -> str:
    """The part of a breakdown that a case belongs to.

    Args:
        outcome: The case.
        key: A key of its `groups`, or `kind` (of the planted fault, or `several`), `error_type`
            (labelled), `sort` (single, multi, control).
    """
    label = outcome.label
    if key == "sort":
        return sort_of(outcome)
    if key == "kind":
        kinds = () if label is None else label.kinds
        return "several" if len(kinds) > 1 else kinds[0] if kinds else "-"
    if key == "error_type":
        if label is None or not label.error_types:
            return "-" if label is None else str(label.verdict)
        return " + ".join(sorted(set(label.error_types)))
    return outcome.groups.get(key, "-")


def confusion(outcomes: Iterable[Outcome], key: str) -> dict[str, Counter[str]]:
    """How often each verdict was given to each part; rows by `group_of`, scored cases only.

    Columns are the error types that were blamed (joined for several), or the verdict where no
    operation was.
    """
    table: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        if outcome.is_scored:
            table.setdefault(group_of(outcome, key), Counter())[_said(outcome)] += 1
    return dict(sorted(table.items()))


def _said(outcome: Outcome) -> str:
    if outcome.verdict is Verdict.MEMORY and outcome.error_types:
        return " + ".join(sorted(set(outcome.error_types)))
    return str(outcome.verdict)


def _rate(metric: Callable[[Outcome], bool | None], scored: Sequence[Outcome]) -> Rate | None:
    found = [said for one in scored if (said := metric(one)) is not None]
    return rate(sum(found), len(found)) if found else None


def _mean(
    metric: Callable[[Outcome], float | None], scored: Sequence[Outcome], seed: int
) -> Mean | None:
    found = [said for one in scored if (said := metric(one)) is not None]
    if not found:
        return None
    low, high = mean_interval(found, seed=seed)
    return Mean(value=fmean(found), cases=len(found), low=low, high=high)


def _costs(done: Sequence[Outcome]) -> dict[str, Spread]:
    costs = [one.cost for one in done if one.cost]
    return {name: _spread([_cost(one, name) for one in costs]) for name in COSTS if costs}


def _cost(cost: Mapping[str, float], name: str) -> float:
    if name == "tokens":
        return float(cost.get("prompt_tokens", 0) + cost.get("completion_tokens", 0))
    return float(cost.get(name, 0))


def _spread(values: Sequence[float]) -> Spread:
    return Spread(
        median=quantile(values, 0.5), mean=fmean(values), p95=quantile(values, 0.95),
        total=sum(values),
    )  # fmt: skip
