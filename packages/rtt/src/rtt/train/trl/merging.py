"""Metrics that several processes measured on their rows, as one set for the whole batch.

A mean is weighted by what it is a mean of, so that it comes out as one process would have it.
Only what is no mean at all stays an approximation: `length_p95`, and the relevance figures, whose
pairs are not counted; both are averaged by rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rtt.train.advantage import Credit
from rtt.train.scoring import ScoreTensors
from rtt.train.trl.reward import ScoredRow

__all__ = ["Measured", "measured", "merge_metrics"]

_WEIGHTS = {
    "reward": "scored",
    "all_satisfied": "scored",
    "satisfied_rate": "scored",
    "response_advantage_abs": "tokens",
    "token_advantage_abs": "tokens",
    "token_clipped": "tokens",
    "eos_advantage": "ended",
    "eos_token_advantage": "ended",
}
"""What a metric is a mean over; all others are means over rows (or groups, which are as many)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one process measured, and on how much.

    Example:
        `Measured(counts={"rows": 8, "scored": 8, "tokens": 96, "ended": 3},
        metrics={"reward": 0.5}, verdicts={"words:start": (3, 8)})`
    """

    counts: Mapping[str, float]
    """Rows; rows with a reward; response tokens; responses that ended."""
    metrics: Mapping[str, float]
    verdicts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By kind of criterion: satisfied verdicts, and all."""


def measured(
    rows: Sequence[ScoredRow], scores: ScoreTensors, credit: Credit, metrics: Mapping[str, float]
) -> Measured:
    """The metrics of some rows with what they were measured on."""
    verdicts: dict[str, tuple[int, int]] = {}
    for row in rows:
        for criterion, satisfied in zip(
            row.prompt.rubric.criteria, row.scored.satisfied, strict=True
        ):
            if (met := criterion.is_met(satisfied)) is not None:
                kind = criterion.constraint_id or "judged"
                hits, of = verdicts.get(kind, (0, 0))
                verdicts[kind] = hits + met, of + 1
    ended = 0.0 if scores.eos_BT is None else float(scores.eos_BT.sum())
    return Measured(
        counts={
            "rows": len(rows),
            "scored": float((~credit.rewards(scores).isnan()).sum()),
            "tokens": float(scores.mask_BT.sum()),
            "ended": ended,
        },
        metrics=metrics,
        verdicts=verdicts,
    )


def merge_metrics(parts: Sequence[Measured]) -> dict[str, float]:
    """Counts added, maxima kept, means averaged by what they are means over."""
    merged = {}
    for name in {name: None for part in parts for name in part.metrics}:
        told = [
            (part.counts[_WEIGHTS.get(name, "rows")], part.metrics[name])
            for part in parts
            if name in part.metrics
        ]
        if name.startswith("unscored"):
            merged[name] = sum(value for _, value in told)
        elif name.endswith("_max"):
            merged[name] = max(value for _, value in told)
        else:
            total = sum(weight for weight, _ in told)
            merged[name] = sum(weight * value for weight, value in told) / total if total else 0.0
    if response := merged.get("response_advantage_abs"):
        merged["token_over_response"] = merged["token_advantage_abs"] / response
    for kind in sorted({kind for part in parts for kind in part.verdicts}):
        counts = [part.verdicts[kind] for part in parts if kind in part.verdicts]
        merged[f"by_kind/{kind}"] = sum(hits for hits, _ in counts) / sum(of for _, of in counts)
    return merged
