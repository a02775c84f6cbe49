"""Where relevances come from: deciding spans of the program checks, and two ablations.

`SpanRelevance` follows the paper's taxonomy (section 3.3 of its appendix C): a *global* criterion
(length, count, format of the whole) is decided by every token; a *local positive* one (X must
occur) by the tokens that fulfil it, and by none when it is unmet; a *local negative* one (X must
not occur) by the offending tokens, and by none when it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lmcommon.judge.types import Criterion, Verdict
from lmcommon.rng import random_for
from rtt.relevance.offsets import spans_to_tokens
from rtt.types import Rollout

__all__ = ["RandomRelevance", "RelevanceSource", "SpanRelevance", "UniformRelevance"]

GLOBAL = frozenset({"words:count", "words:length"})
"""Constraints decided by the whole response although their check can point at places."""

NEGATIVE = frozenset({"words:exclude"})
"""Constraints that forbid: their spans are the offences."""


class RelevanceSource(Protocol):
    """Says how much each token of a rollout decides one criterion."""

    def relevance(
        self, criterion: Criterion, verdict: Verdict, rollout: Rollout
    ) -> tuple[float, ...]:
        """One number in [0, 1] a token, [T]."""
        ...


@dataclass(frozen=True, slots=True)
class SpanRelevance:
    """Deciding spans of the verdict, by the paper's taxonomy."""

    def relevance(
        self, criterion: Criterion, verdict: Verdict, rollout: Rollout
    ) -> tuple[float, ...]:
        """All ones for a global criterion (or a verdict without spans), else ones on the spans."""
        if verdict.spans is None or criterion.constraint_id in GLOBAL:
            return (1.0,) * len(rollout.tokens)
        is_negative = criterion.constraint_id in NEGATIVE
        decides = verdict.satisfied is not is_negative
        return spans_to_tokens(verdict.spans if decides else (), rollout.offsets)


@dataclass(frozen=True, slots=True)
class UniformRelevance:
    """Every token decides everything: token credit is zero, so this is plain GRPO (ablation)."""

    def relevance(
        self, criterion: Criterion, verdict: Verdict, rollout: Rollout
    ) -> tuple[float, ...]:
        """All ones."""
        return (1.0,) * len(rollout.tokens)


@dataclass(frozen=True, slots=True)
class RandomRelevance:
    """Uniform draws from [0, 1], fixed by the seed and the rollout (ablation)."""

    seed: int = 0

    def relevance(
        self, criterion: Criterion, verdict: Verdict, rollout: Rollout
    ) -> tuple[float, ...]:
        """One independent draw a token."""
        random = random_for(
            self.seed, "relevance", rollout.prompt_id, criterion.id, rollout.policy_version,
            *rollout.tokens,
        )  # fmt: skip
        return tuple(random.random() for _ in rollout.tokens)
