"""Two settings of a system on the same questions: how much better, and how sure that is.

In: scores before and after, in the same order. Out: a `Compared`: the difference with a paired
bootstrap interval, and McNemar's exact test. A pair with an unscored side counts as neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lmcommon.stats import mcnemar_exact, paired_bootstrap
from memtrace.optimizing.types import Scored

__all__ = ["Compared", "compare", "compare_types"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The same questions, before and after.

    Example: `Compared(pairs=40, unscored=0, before=0.6, after=0.75, low=0.025, high=0.275, wins=7,
    losses=1, p_value=0.07)`
    """

    pairs: int
    """Questions that were scored on both sides."""
    unscored: int
    before: float | None
    """Accuracy over the pairs; None: there are none."""
    after: float | None
    low: float | None
    """Of the 95 % interval of the difference."""
    high: float | None
    wins: int
    losses: int
    p_value: float | None
    """Two-sided: right equally often."""

    @property
    def difference(self) -> float | None:
        """After minus before."""
        return None if self.before is None or self.after is None else self.after - self.before

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {**asdict(self), "difference": self.difference}


def compare(before: Sequence[Scored], after: Sequence[Scored], *, seed: int = 0) -> Compared:
    """Compare two settings.

    Args:
        before: One score a question.
        after: The same questions, in the same order.
        seed: Of the bootstrap.

    Raises:
        ValueError: The questions differ.
    """
    if [one.example.key for one in before] != [one.example.key for one in after]:
        raise ValueError("expected the same questions in the same order")
    pairs = [
        (old.score, new.score)
        for old, new in zip(before, after, strict=True)
        if old.score is not None and new.score is not None
    ]
    wins, losses = sum(new > old for old, new in pairs), sum(new < old for old, new in pairs)
    old_scores, new_scores = [old for old, _ in pairs], [new for _, new in pairs]
    low, high = (
        paired_bootstrap(new_scores, old_scores, seed=seed) if pairs else (None, None)
    )  # fmt: skip
    return Compared(
        pairs=len(pairs), unscored=len(before) - len(pairs),
        before=sum(old_scores) / len(pairs) if pairs else None,
        after=sum(new_scores) / len(pairs) if pairs else None,
        low=low, high=high, wins=wins, losses=losses,
        p_value=mcnemar_exact(wins, losses) if pairs else None,
    )  # fmt: skip


def compare_types(
    before: Sequence[Scored], after: Sequence[Scored], *, seed: int = 0
) -> Mapping[str, Compared]:
    """The same for each question type, by its name."""
    found = {}
    for category in sorted({one.example.category for one in before}):
        mine = [n for n, one in enumerate(before) if one.example.category == category]
        found[category or "-"] = compare(
            [before[n] for n in mine], [after[n] for n in mine], seed=seed
        )
    return found
