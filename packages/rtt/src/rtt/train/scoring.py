"""Scoring: rollouts to verdicts and relevances, and those to padded tensors.

In: groups of rollouts. Out: `ScoredGroup`s, and the tensors that `rtt.credit` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Verdict
from rtt.relevance.sources import RelevanceItem, RelevanceSource, SpanRelevance
from rtt.types import Group, Rollout, ScoredGroup, ScoredRollout
from rtt.verdicts import JudgedVerdicts, VerdictSource

__all__ = ["ScoreTensors", "Scorer", "score_tensors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTensors:
    """Verdicts and relevances of B rows, padded; rows of one prompt are consecutive."""

    verdict_BR: Tensor  # noqa: N815
    criterion_mask_BR: Tensor  # noqa: N815
    """1 where a criterion exists and was scored."""
    relevance_BRT: Tensor  # noqa: N815
    mask_BT: Tensor  # noqa: N815
    """1 on response tokens."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """Verdicts and relevances of rollouts; every engine scores through one of these.

    Example:
        `Scorer().score(groups)`: program checks, and the spans that decide them.
    """

    verdicts: VerdictSource = field(default_factory=JudgedVerdicts)
    relevance: RelevanceSource = field(default_factory=SpanRelevance)

    def score(
        self, groups: Sequence[Group], *, lap: Callable[[str], None] | None = None
    ) -> list[ScoredGroup]:
        """Hold every rollout to its rubric and weigh its tokens, all groups as one batch.

        An unscored criterion has zero relevance, and no relevance source is asked about it.

        Args:
            groups: Rollouts by prompt.
            lap: Told the name of each phase as it ends: "verdict", "relevance".
        """
        rows = [(group.prompt, rollout) for group in groups for rollout in group.rollouts]
        lap = lap or _unheard
        told = self.verdicts.verdicts([(prompt, rollout.text) for prompt, rollout in rows])
        lap("verdict")
        samples = iter(self._weigh(rows, told))
        lap("relevance")
        return [
            ScoredGroup(prompt=group.prompt, samples=tuple(next(samples) for _ in group.rollouts))
            for group in groups
        ]

    def _weigh(
        self,
        rows: Sequence[tuple[RubricPrompt, Rollout]],
        told: Sequence[tuple[Verdict, ...]],
    ) -> list[ScoredRollout]:
        items = [
            RelevanceItem(prompt=prompt, criterion=criterion, verdict=verdict, rollout=rollout)
            for (prompt, rollout), verdicts in zip(rows, told, strict=True)
            for criterion, verdict in zip(prompt.rubric.criteria, verdicts, strict=True)
            if verdict.is_scored
        ]
        weights = iter(self.relevance.relevances(items))
        return [
            ScoredRollout(
                rollout=rollout,
                verdicts=verdicts,
                relevance=tuple(
                    next(weights) if verdict.is_scored else (0.0,) * len(rollout.tokens)
                    for verdict in verdicts
                ),
            )
            for (_, rollout), verdicts in zip(rows, told, strict=True)
        ]


def _unheard(_: str) -> None:
    """Nobody measures."""


def score_tensors(groups: Sequence[ScoredGroup]) -> ScoreTensors:
    """Pad verdicts and relevances of all samples into tensors (float32, on the CPU)."""
    samples = [sample for group in groups for sample in group.samples]
    rows = len(samples)
    criteria = max((len(sample.verdicts) for sample in samples), default=0)
    width = max((len(sample.rollout.tokens) for sample in samples), default=0)
    verdicts = [[0.0] * criteria for _ in samples]
    active = [[0.0] * criteria for _ in samples]
    relevance = [[[0.0] * width for _ in range(criteria)] for _ in samples]
    mask = [[0.0] * width for _ in samples]
    for row, sample in enumerate(samples):
        length = len(sample.rollout.tokens)
        mask[row][:length] = [1.0] * length
        for k, verdict in enumerate(sample.verdicts):
            if verdict.is_scored:
                verdicts[row][k], active[row][k] = float(bool(verdict.satisfied)), 1.0
                relevance[row][k][:length] = sample.relevance[k]
    return ScoreTensors(
        verdict_BR=torch.tensor(verdicts).reshape(rows, criteria),
        criterion_mask_BR=torch.tensor(active).reshape(rows, criteria),
        relevance_BRT=torch.tensor(relevance).reshape(rows, criteria, width),
        mask_BT=torch.tensor(mask).reshape(rows, width),
    )
