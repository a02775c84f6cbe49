"""Two methods on the same cases: paired tests.

In: the outcomes of two methods. Out: `Comparison`s over the cases that both have scored. Yes-no
metrics by the exact McNemar test, means by a sign-flip permutation test and a paired bootstrap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from lmcommon.stats import mcnemar_exact, paired_bootstrap, sign_flip_test
from memtrace.scoring.metrics import MEANS, RATES
from memtrace.scoring.outcomes import Outcome

__all__ = ["COMPARED", "Comparison", "compare"]

COMPARED = ("exact", "error_type", "joint", "false_blame", "f1")
"""What methods are compared by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric, left against right, on the same cases.

    Example: `Comparison(metric="exact", left=0.9, right=0.4, cases=200, p=1e-20, ...)`
    """

    metric: str
    cases: int
    left: float
    right: float
    only_left: int
    """Cases in which left is ahead (yes against no, or the higher value)."""
    only_right: int
    p: float
    """Two-sided, of one test; nothing is corrected for how many are made."""
    test: str
    low: float
    """Of the 95 % interval of left - right (paired bootstrap over cases)."""
    high: float


def compare(
    left: Iterable[Outcome], right: Iterable[Outcome], *, seed: int = 0,
    metrics: Iterable[str] = COMPARED,
) -> list[Comparison]:  # fmt: skip
    """Compare two methods; metrics that apply to no common case are left out.

    Args:
        left: Outcomes of one method.
        right: Outcomes of the other.
        seed: Of bootstrap and permutations.
        metrics: Names of `RATES` or `MEANS`.
    """
    ours = {one.case: one for one in left if one.is_scored}
    theirs = {one.case: one for one in right if one.is_scored}
    both = [(ours[case], theirs[case]) for case in sorted(ours.keys() & theirs.keys())]
    return [found for name in metrics if (found := _compared(name, both, seed)) is not None]


def _compared(name: str, both: list[tuple[Outcome, Outcome]], seed: int) -> Comparison | None:
    metric = RATES[name] if name in RATES else MEANS[name]
    pairs = [
        (float(a), float(b))
        for one, other in both
        if (a := metric(one)) is not None and (b := metric(other)) is not None
    ]
    if not pairs:
        return None
    mine, others = [a for a, _ in pairs], [b for _, b in pairs]
    only_left, only_right = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
    if name in RATES:
        p, test = mcnemar_exact(only_left, only_right), "McNemar, exact"
    else:
        p, test = sign_flip_test(mine, others, seed=seed), "sign flips"
    low, high = paired_bootstrap(mine, others, seed=seed)
    return Comparison(
        metric=name, cases=len(pairs), left=fmean(mine), right=fmean(others),
        only_left=only_left, only_right=only_right, p=p, test=test, low=low, high=high,
    )  # fmt: skip
