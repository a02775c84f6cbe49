"""Settings of the relevance sources, one class each: the group `relevance` of the verbs.

Every one has `build(scorer)`; only `policy_contrast` needs the policy as a scorer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from lmcommon.errors import UserError
from rtt.relevance.contrast import PolicyContrast, PolicyScorer
from rtt.relevance.served import DiscriminatorServerSource, DiscriminatorSource
from rtt.relevance.sources import (
    RandomRelevance,
    RelevanceSource,
    SpanRelevance,
    UniformRelevance,
)

__all__ = [
    "RELEVANCE_SCHEMAS", "ContrastSource", "DiscriminatorServerSource", "DiscriminatorSource",
    "RandomSource", "RelevanceSettings", "SpanSource", "UniformSource",
]  # fmt: skip


class RelevanceSettings(Protocol):
    """What every option of the group can do."""

    def build(self, scorer: PolicyScorer | None = None) -> RelevanceSource:
        """The source; `scorer` is the policy of the run, where there is one."""
        ...


@dataclass(kw_only=True)
class SpanSource:
    """Deciding spans of the program checks."""

    def build(self, scorer: PolicyScorer | None = None) -> SpanRelevance:
        """The source."""
        return SpanRelevance()


@dataclass(kw_only=True)
class UniformSource:
    """Every token decides everything (ablation)."""

    def build(self, scorer: PolicyScorer | None = None) -> UniformRelevance:
        """The source."""
        return UniformRelevance()


@dataclass(kw_only=True)
class RandomSource:
    """Relevances drawn at random (ablation)."""

    seed: int = 0

    def build(self, scorer: PolicyScorer | None = None) -> RandomRelevance:
        """The source."""
        return RandomRelevance(seed=self.seed)


@dataclass(kw_only=True)
class ContrastSource:
    """The policy's own likelihoods with and without the criterion (CoRT)."""

    tau: float = 1.0
    """Steepness, per nat."""
    bias: float = 0.0
    """Nats by which the criterion must help before a token counts as more than neutral."""
    whole: bool = False
    """Whether the whole rubric is taken out at once, as CoRT does."""

    def __post_init__(self) -> None:
        if not self.tau > 0:
            raise UserError(f"relevance.tau: expected a number above 0; got {self.tau!r}")

    def build(self, scorer: PolicyScorer | None = None) -> PolicyContrast:
        """The source.

        Raises:
            UserError: There is no policy to score with.
        """
        if scorer is None:
            raise UserError(
                "relevance=policy_contrast: expected the policy of a training run to score with, "
                "got none; take relevance=spans here"
            )
        return PolicyContrast(scorer=scorer, tau=self.tau, bias=self.bias, whole=self.whole)


RELEVANCE_SCHEMAS: Mapping[str, type] = MappingProxyType(
    {
        "spans": SpanSource, "discriminator": DiscriminatorSource,
        "discriminator_server": DiscriminatorServerSource,
        "policy_contrast": ContrastSource, "uniform": UniformSource, "random": RandomSource,
    }
)  # fmt: skip
"""Options of the group `relevance`."""
