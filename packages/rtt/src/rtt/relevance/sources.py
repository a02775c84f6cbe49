"""Where relevances come from: deciding spans of the program checks, and two ablations.

In: (criterion, verdict, rollout) items. Out: one number in [0, 1] a token of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Verdict
from lmcommon.rng import random_for
from rtt.relevance.offsets import spans_to_tokens
from rtt.taxonomy import deciding_spans
from rtt.types import Rollout

__all__ = [
    "RandomRelevance", "RelevanceItem", "RelevanceSource", "SpanRelevance", "UniformRelevance",
    "runs_policy",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RelevanceItem:
    """One (response, criterion) pair whose tokens are to be weighed.

    Example:
        `RelevanceItem(prompt=prompt, criterion=prompt.rubric.criteria[0], verdict=verdict,
        rollout=rollout)`
    """

    prompt: RubricPrompt
    criterion: Criterion
    verdict: Verdict
    rollout: Rollout


class RelevanceSource(Protocol):
    """Says how much each token of a response decides a criterion; many pairs at once."""

    def relevances(self, items: Sequence[RelevanceItem]) -> list[tuple[float, ...]]:
        """One number in [0, 1] a token of each item's rollout, [T]; in the order of the items."""
        ...


def runs_policy(source: RelevanceSource) -> bool:
    """Whether a source asks the policy itself, which may be busy: it says `runs_policy = True`."""
    return bool(getattr(source, "runs_policy", False))


@dataclass(frozen=True, slots=True)
class SpanRelevance:
    """Deciding spans of the verdict, by the paper's taxonomy (`rtt.taxonomy`)."""

    def relevances(self, items: Sequence[RelevanceItem]) -> list[tuple[float, ...]]:
        """All ones for a global criterion (or a verdict without spans), else ones on the spans."""
        return [_of_spans(item) for item in items]


@dataclass(frozen=True, slots=True)
class UniformRelevance:
    """Every token decides everything: token credit is zero, so this is plain GRPO (ablation)."""

    def relevances(self, items: Sequence[RelevanceItem]) -> list[tuple[float, ...]]:
        """All ones."""
        return [(1.0,) * len(item.rollout.tokens) for item in items]


@dataclass(frozen=True, slots=True)
class RandomRelevance:
    """Uniform draws from [0, 1], fixed by the seed and the rollout (ablation)."""

    seed: int = 0

    def relevances(self, items: Sequence[RelevanceItem]) -> list[tuple[float, ...]]:
        """One independent draw a token."""
        return [self._draw(item) for item in items]

    def _draw(self, item: RelevanceItem) -> tuple[float, ...]:
        rollout = item.rollout
        random = random_for(
            self.seed, "relevance", rollout.prompt_id, item.criterion.id, rollout.policy_version,
            *rollout.tokens,
        )  # fmt: skip
        return tuple(random.random() for _ in rollout.tokens)


def _of_spans(item: RelevanceItem) -> tuple[float, ...]:
    spans = deciding_spans(item.criterion, item.verdict)
    if spans is None:
        return (1.0,) * len(item.rollout.tokens)
    return spans_to_tokens(spans, item.rollout.offsets)
