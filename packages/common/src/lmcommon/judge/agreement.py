"""How far two judges agree: accuracy with an interval, Cohen's kappa, confusion counts.

In: verdicts as True, False or None (unscored). Out: an `Agreement` over the pairs in which both
are scored; the others are counted apart, never as disagreement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lmcommon.stats import Interval, bootstrap_interval, wilson_interval

__all__ = ["Agreement", "bootstrap_interval", "compare_verdicts", "wilson_interval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Counts of a judge against the truth. Example: `compare_verdicts([True], [False])`."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int
    unscored: int
    """Pairs in which one side or both have no verdict."""

    @property
    def n(self) -> int:
        """Scored pairs."""
        counts = (self.true_positive, self.false_positive, self.true_negative, self.false_negative)
        return sum(counts)

    @property
    def correct(self) -> int:
        """Scored pairs that agree."""
        return self.true_positive + self.true_negative

    @property
    def accuracy(self) -> float | None:
        """Share of scored pairs that agree; None without any."""
        return self.correct / self.n if self.n else None

    def interval(self, confidence: float = 0.95) -> Interval:
        """Wilson interval of the accuracy."""
        return wilson_interval(self.correct, self.n, confidence)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa (Cohen 1960); None where it is undefined (one class alone, no pairs)."""
        if not self.n:
            return None
        judge_yes = (self.true_positive + self.false_positive) / self.n
        truth_yes = (self.true_positive + self.false_negative) / self.n
        chance = judge_yes * truth_yes + (1 - judge_yes) * (1 - truth_yes)
        if math.isclose(chance, 1.0):
            return None
        return (self.correct / self.n - chance) / (1 - chance)

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean of the two classes' recalls: 0.5 for a judge that always says the same."""
        positives = self.true_positive + self.false_negative
        negatives = self.true_negative + self.false_positive
        if not positives or not negatives:
            return None
        return (self.true_positive / positives + self.true_negative / negatives) / 2


def compare_verdicts(judge: Sequence[bool | None], truth: Sequence[bool | None]) -> Agreement:
    """Compare verdicts item by item.

    Raises:
        ValueError: Different lengths.
    """
    if len(judge) != len(truth):
        raise ValueError(f"expected as many verdicts as truths; got {len(judge)}, {len(truth)}")
    pairs = list(zip(judge, truth, strict=True))
    return Agreement(
        true_positive=pairs.count((True, True)),
        false_positive=pairs.count((True, False)),
        true_negative=pairs.count((False, False)),
        false_negative=pairs.count((False, True)),
        unscored=sum(left is None or right is None for left, right in pairs),
    )
