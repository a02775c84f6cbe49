"""What there is to show of a scored response: its tokens, their credit, and why.

In: scored groups and a credit scheme. Out: one plain `CreditView` a response; the terminal and
the HTML page draw the same record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rtt.train.advantage import Credit
from rtt.train.scoring import score_tensors
from rtt.types import ScoredGroup, ScoredRollout

__all__ = ["CreditView", "CriterionView", "view_groups"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionView:
    """One criterion of a shown response."""

    text: str
    satisfied: bool | None
    relevance: tuple[float, ...]
    """[T]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditView:
    """One response with the credit of its tokens.

    Example:
        `CreditView(prompt="start amber :", label="RTT-AON", tokens=("amber", " dune"),
        advantage=(1.2, -0.4), criteria=(...))`
    """

    prompt: str
    label: str
    """Name of the credit scheme."""
    tokens: tuple[str, ...]
    advantage: tuple[float, ...]
    """Advantage of each token: response part plus token part, [T]."""
    criteria: tuple[CriterionView, ...]


def view_groups(groups: Sequence[ScoredGroup], credit: Credit) -> list[CreditView]:
    """Views of every sample of `groups`, in order; groups must be of one size."""
    advantage_BT, _ = credit.advantages(score_tensors(groups), len(groups[0].samples))
    samples = [(group, sample) for group in groups for sample in group.samples]
    return [
        CreditView(
            prompt=group.prompt.prompt,
            label=credit.label,
            tokens=_token_texts(sample),
            advantage=tuple(row[: len(sample.rollout.tokens)]),
            criteria=_criteria(group, sample),
        )
        for (group, sample), row in zip(samples, advantage_BT.tolist(), strict=True)
    ]


def _token_texts(sample: ScoredRollout) -> tuple[str, ...]:
    text = sample.rollout.text
    return tuple(text[start:end] or "\N{SYMBOL FOR END OF TEXT}"
                 for start, end in sample.rollout.offsets)  # fmt: skip


def _criteria(group: ScoredGroup, sample: ScoredRollout) -> tuple[CriterionView, ...]:
    return tuple(
        CriterionView(text=criterion.text, satisfied=verdict.satisfied, relevance=relevance)
        for criterion, verdict, relevance in zip(
            group.prompt.rubric.criteria, sample.verdicts, sample.relevance, strict=True
        )
    )
