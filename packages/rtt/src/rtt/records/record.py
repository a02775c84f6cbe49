"""One scored response with what its tokens got, and how such records are made of scored groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lmcommon.data.types import RubricPrompt
from rtt.types import ScoredGroup, ScoredRollout

__all__ = ["Place", "RolloutRecord", "records_of"]

Place = tuple[int, int, int]
"""Step, group and sample: which response of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRecord:
    """One scored response with what its tokens got.

    Example:
        `RolloutRecord(step=3, group=0, sample=1, prompt=prompt, scored=scored,
        advantage=(0.5, -0.1), label="RTT-AON")`
    """

    step: int
    """Optimiser step (or 0 where nothing is trained)."""
    group: int
    """Which prompt of the step."""
    sample: int
    """Which sample of the prompt."""
    prompt: RubricPrompt
    scored: ScoredRollout
    advantage: tuple[float, ...]
    """What each token was trained with, [T]; empty where no credit was given."""
    label: str = ""
    """Name of the credit scheme."""


def records_of(
    groups: Sequence[ScoredGroup],
    advantages: Sequence[Sequence[float]] = (),
    *,
    step: int = 0,
    label: str = "",
) -> list[RolloutRecord]:
    """Records of all samples of `groups`, in order.

    Args:
        groups: Scored groups.
        advantages: One row a sample, at least as long as its response; empty: no credit.
        step: Optimiser step.
        label: Name of the credit scheme.
    """
    records = []
    rows = iter(advantages)
    for number, group in enumerate(groups):
        for place, scored in enumerate(group.samples):
            row = tuple(next(rows))[: len(scored.rollout.tokens)] if advantages else ()
            records.append(
                RolloutRecord(
                    step=step,
                    group=number,
                    sample=place,
                    prompt=group.prompt,
                    scored=scored,
                    advantage=row,
                    label=label,
                )
            )
    return records
