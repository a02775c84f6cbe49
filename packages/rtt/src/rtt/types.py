"""The nouns of rtt: what travels from the engine to the optimiser.

Letters: `P` prompts a step, `G` samples a prompt, `R` criteria of a rubric, `T` response tokens,
`L` prompt tokens, `B = P*G` rows. A group's samples are consecutive rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Verdict

__all__ = ["Group", "Rollout", "ScoredGroup", "ScoredRollout", "Span"]

Span = tuple[int, int]
"""Characters `[start, end)` of a response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One sampled response, as the engine returns it.

    Example:
        `Rollout(prompt_id="w7", tokens=(5, 9), logprobs=(-0.2, -1.1), text="amber dune",
        offsets=((0, 5), (6, 10)))`
    """

    prompt_id: str
    tokens: tuple[int, ...]
    """Response token ids [T]; the end-of-sequence token, if sampled, is the last."""
    logprobs: tuple[float, ...]
    """Log-probability of each token under the sampling policy, [T], natural log."""
    text: str
    """The response without special tokens."""
    offsets: tuple[Span, ...]
    """Which characters of `text` each token covers, [T]; empty spans for special tokens."""
    finish_reason: Literal["stop", "length"] = "length"
    policy_version: int = 0
    """Optimiser steps taken by the policy that sampled it."""

    def __post_init__(self) -> None:
        if not len(self.tokens) == len(self.logprobs) == len(self.offsets):
            raise ValueError(
                f"rollout: expected as many tokens as logprobs and offsets; got "
                f"{len(self.tokens)}, {len(self.logprobs)}, {len(self.offsets)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The G samples of one prompt."""

    prompt: RubricPrompt
    rollouts: tuple[Rollout, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRollout:
    """A rollout with its verdicts [R] and relevances [R][T], in the order of the rubric.

    Example:
        `ScoredRollout(rollout=..., verdicts=(Verdict(satisfied=True, spans=((0, 5),)),),
        relevance=((1.0, 0.0),))`
    """

    rollout: Rollout
    verdicts: tuple[Verdict, ...]
    relevance: tuple[tuple[float, ...], ...]

    @property
    def satisfied(self) -> tuple[bool | None, ...]:
        """Verdicts as booleans, None where unscored."""
        return tuple(verdict.satisfied for verdict in self.verdicts)

    @property
    def is_scored(self) -> bool:
        """Whether at least one criterion has a verdict."""
        return any(verdict.is_scored for verdict in self.verdicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredGroup:
    """The G scored samples of one prompt: one pool of a relative advantage."""

    prompt: RubricPrompt
    samples: tuple[ScoredRollout, ...]
