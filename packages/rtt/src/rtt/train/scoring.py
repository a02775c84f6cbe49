"""Scoring: rollouts to verdicts and relevances, and those to padded tensors.

In: groups of rollouts. Out: `ScoredGroup`s, and the tensors that `rtt.credit` reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rtt.relevance.sources import RelevanceSource
from rtt.types import Group, ScoredGroup, ScoredRollout
from rtt.verdicts import program_verdicts

__all__ = ["ScoreTensors", "score", "score_tensors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTensors:
    """Verdicts and relevances of B rows, padded; rows of one prompt are consecutive."""

    verdict_BR: Tensor  # noqa: N815
    criterion_mask_BR: Tensor  # noqa: N815
    """1 where a criterion exists and was scored."""
    relevance_BRT: Tensor  # noqa: N815
    mask_BT: Tensor  # noqa: N815
    """1 on response tokens."""


def score(groups: Sequence[Group], source: RelevanceSource) -> list[ScoredGroup]:
    """Check every rollout against its rubric and find the relevance of its tokens."""
    scored = []
    for group in groups:
        criteria = group.prompt.rubric.criteria
        samples = []
        for rollout in group.rollouts:
            verdicts = program_verdicts(group.prompt, rollout.text)
            relevance = tuple(
                source.relevance(criterion, verdict, rollout)
                for criterion, verdict in zip(criteria, verdicts, strict=True)
            )
            samples.append(ScoredRollout(rollout=rollout, verdicts=verdicts, relevance=relevance))
        scored.append(ScoredGroup(prompt=group.prompt, samples=tuple(samples)))
    return scored


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
