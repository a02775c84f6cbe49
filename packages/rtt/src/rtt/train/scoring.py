"""Scoring: rollouts to verdicts and relevances, and those to padded tensors.

In: groups of rollouts. Out: `ScoredGroup`s, and the tensors that `rtt.credit` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Verdict
from rtt.relevance.sources import RelevanceItem, RelevanceSource, SpanRelevance
from rtt.types import Group, Rollout, ScoredGroup, ScoredRollout
from rtt.verdicts import JudgedVerdicts, VerdictSource

__all__ = ["ScoreTensors", "Scorer", "score_tensors", "weigh"]


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
    criteria_B: Tensor | None = None  # noqa: N815
    """How many criteria the rubric has, scored or not; None: as many as there are columns."""


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
        samples = iter(weigh(self.relevance, rows, told))
        lap("relevance")
        return [
            ScoredGroup(prompt=group.prompt, samples=tuple(next(samples) for _ in group.rollouts))
            for group in groups
        ]


def weigh(
    source: RelevanceSource,
    rows: Sequence[tuple[RubricPrompt, Rollout]],
    told: Sequence[tuple[Verdict, ...]],
) -> list[ScoredRollout]:
    """Put relevances beside verdicts; an unscored criterion has zeros, and nobody is asked."""
    items = [
        RelevanceItem(prompt=prompt, criterion=criterion, verdict=verdict, rollout=rollout)
        for (prompt, rollout), verdicts in zip(rows, told, strict=True)
        for criterion, verdict in zip(prompt.rubric.criteria, verdicts, strict=True)
        if verdict.is_scored
    ]
    weights = iter(source.relevances(items))
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
    # Small ones as lists: many writes to single elements of a tensor cost more than the rest.
    mask, eos = [[0.0] * width for _ in rows], [[0.0] * width for _ in rows]
    verdict, active, weight, hard = ([[0.0] * criteria for _ in rows] for _ in range(4))
    relevance = np.zeros((len(rows), criteria, width), dtype=np.float32)
    for row, (prompt, sample) in enumerate(rows):
        length = len(sample.rollout.tokens)
        mask[row][:length] = [1.0] * length
        if _is_ended_by_token(sample.rollout):
            eos[row][length - 1] = 1.0
        for k, (criterion, told) in enumerate(
            zip(prompt.rubric.criteria, sample.verdicts, strict=True)
        ):
            if told.satisfied is None:
                continue
            verdict[row][k] = float(bool(criterion.is_met(told.satisfied)))
            active[row][k] = 1.0
            weight[row][k] = abs(criterion.weight)
            hard[row][k] = float(told.source == "program")
            relevance[row, k, :length] = np.fromiter(sample.relevance[k], np.float32, length)
    shape = (len(rows), criteria)
    return ScoreTensors(
        verdict_BR=torch.tensor(verdict).reshape(shape),
        criterion_mask_BR=torch.tensor(active).reshape(shape),
        weight_BR=torch.tensor(weight).reshape(shape),
        hard_BR=torch.tensor(hard).reshape(shape),
        relevance_BRT=torch.from_numpy(relevance),
        mask_BT=torch.tensor(mask).reshape(len(rows), width),
        eos_BT=torch.tensor(eos).reshape(len(rows), width),
        criteria_B=torch.tensor([float(len(sample.verdicts)) for _, sample in rows]),
    )


def _is_ended_by_token(rollout: Rollout) -> bool:
    """Whether its last token is an end-of-sequence token; a stop string ends with ordinary ones."""
    return (
        rollout.finish_reason == "stop"
        and bool(rollout.offsets)
        and rollout.offsets[-1][0] == rollout.offsets[-1][1]
    )
