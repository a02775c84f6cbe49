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
    """1 where the response does what the criterion wants: it is satisfied, or, for one of negative
    weight (that must not hold), it is not."""
    criterion_mask_BR: Tensor  # noqa: N815
    """1 where a criterion exists and was scored."""
    relevance_BRT: Tensor  # noqa: N815
    mask_BT: Tensor  # noqa: N815
    """1 on response tokens."""
    weight_BR: Tensor | None = None  # noqa: N815
    """Size of each criterion's weight; None: all 1."""
    hard_BR: Tensor | None = None  # noqa: N815
    """1 where a program decided, 0 where a judge did; None: not known."""
    eos_BT: Tensor | None = None  # noqa: N815
    """1 on the token that ended the response; None: not known."""


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
    rows = [(group.prompt, sample) for group in groups for sample in group.samples]
    criteria = max((len(sample.verdicts) for _, sample in rows), default=0)
    width = max((len(sample.rollout.tokens) for _, sample in rows), default=0)
    names = ("verdict", "active", "weight", "hard")
    table = {name: torch.zeros(len(rows), criteria) for name in names}
    relevance_BRT = torch.zeros(len(rows), criteria, width)
    mask_BT, eos_BT = torch.zeros(len(rows), width), torch.zeros(len(rows), width)
    for row, (prompt, sample) in enumerate(rows):
        length = len(sample.rollout.tokens)
        mask_BT[row, :length] = 1.0
        if _is_ended_by_token(sample.rollout):
            eos_BT[row, length - 1] = 1.0
        for k, (criterion, verdict) in enumerate(
            zip(prompt.rubric.criteria, sample.verdicts, strict=True)
        ):
            if verdict.satisfied is None:
                continue
            does = verdict.satisfied is (criterion.weight >= 0)
            hard = verdict.source == "program"
            for name, value in zip(names, (does, True, abs(criterion.weight), hard), strict=True):
                table[name][row, k] = float(value)
            relevance_BRT[row, k, :length] = torch.tensor(sample.relevance[k])
    return ScoreTensors(
        verdict_BR=table["verdict"], criterion_mask_BR=table["active"],
        relevance_BRT=relevance_BRT, mask_BT=mask_BT, weight_BR=table["weight"],
        hard_BR=table["hard"], eos_BT=eos_BT,
    )  # fmt: skip


def _is_ended_by_token(rollout: Rollout) -> bool:
    """Whether its last token is an end-of-sequence token; a stop string ends with ordinary ones."""
    return (
        rollout.finish_reason == "stop"
        and bool(rollout.offsets)
        and rollout.offsets[-1][0] == rollout.offsets[-1][1]
    )
