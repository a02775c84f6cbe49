"""Judging again what was scored before, wholly or where a verdict is missing.

In: scored groups (unjudged ones too) and a scorer. Out: the same responses, scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Rubric, Verdict
from rtt.relevance.sources import RelevanceItem
from rtt.train.scoring import Scorer
from rtt.types import Group, ScoredGroup, ScoredRollout

__all__ = ["score_anew", "score_missing"]


def score_anew(groups: Sequence[ScoredGroup], scorer: Scorer) -> list[ScoredGroup]:
    """Every verdict and relevance anew; what was there before is forgotten."""
    return scorer.score(
        [
            Group(prompt=group.prompt, rollouts=tuple(one.rollout for one in group.samples))
            for group in groups
        ]
    )


def score_missing(groups: Sequence[ScoredGroup], scorer: Scorer) -> list[ScoredGroup]:
    """Only criteria without a verdict are asked about; the others stay as they are.

    A criterion that goes without a verdict again keeps its zero relevance and says why.
    """
    asked = [_missing(group) for group in groups]
    items = [item for group in asked for item in group if item is not None]
    if not items:
        return list(groups)
    told = iter(
        scorer.verdicts.verdicts([(prompt, sample.rollout.text) for prompt, sample in items])
    )
    filled = [
        replace(
            group,
            samples=tuple(
                sample if item is None else _filled(sample, next(told))
                for sample, item in zip(group.samples, waiting, strict=True)
            ),
        )
        for group, waiting in zip(groups, asked, strict=True)
    ]
    return _weighed(groups, filled, scorer)


def _missing(group: ScoredGroup) -> list[tuple[RubricPrompt, ScoredRollout] | None]:
    """For each sample the prompt with only the criteria that it lacks a verdict on."""
    prompts: dict[tuple[int, ...], RubricPrompt] = {}
    waiting: list[tuple[RubricPrompt, ScoredRollout] | None] = []
    for sample in group.samples:
        open_ = tuple(k for k, verdict in enumerate(sample.verdicts) if not verdict.is_scored)
        if not open_:
            waiting.append(None)
            continue
        criteria = tuple(group.prompt.rubric.criteria[k] for k in open_)
        prompt = prompts.setdefault(open_, replace(group.prompt, rubric=Rubric(criteria)))
        waiting.append((prompt, sample))
    return waiting


def _filled(sample: ScoredRollout, told: Sequence[Verdict]) -> ScoredRollout:
    new = iter(told)
    return replace(
        sample,
        verdicts=tuple(one if one.is_scored else next(new) for one in sample.verdicts),
    )


def _weighed(
    before: Sequence[ScoredGroup], after: Sequence[ScoredGroup], scorer: Scorer
) -> list[ScoredGroup]:
    """Relevances of the verdicts that are new."""
    fresh = [
        (g, i, k)
        for g, group in enumerate(after)
        for i, sample in enumerate(group.samples)
        for k, verdict in enumerate(sample.verdicts)
        if verdict.is_scored and not before[g].samples[i].verdicts[k].is_scored
    ]
    items = [
        RelevanceItem(
            prompt=after[g].prompt, criterion=after[g].prompt.rubric.criteria[k],
            verdict=after[g].samples[i].verdicts[k], rollout=after[g].samples[i].rollout,
        )
        for g, i, k in fresh
    ]  # fmt: skip
    weights = dict(zip(fresh, scorer.relevance.relevances(items), strict=True))
    return [
        replace(
            group,
            samples=tuple(
                replace(
                    sample,
                    relevance=tuple(
                        weights.get((g, i, k), row) for k, row in enumerate(sample.relevance)
                    ),
                )
                for i, sample in enumerate(group.samples)
            ),
        )
        for g, group in enumerate(after)
    ]
