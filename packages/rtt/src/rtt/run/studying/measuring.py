"""What a trained arm does on the held-out prompts of its task: columns of counts by prompt.

In: a policy and a task. Out: two columns, `heldout/prompt` (responses that meet every criterion)
and `heldout/criteria` (criteria met). A criterion of negative weight is met when it does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Verdict
from lmcommon.rng import seed_for
from rtt.engine.base import RolloutEngine
from rtt.engine.drawing import Sampling
from rtt.run.studying.results import Column
from rtt.tasks.base import Task
from rtt.train.local.trainer import HELDOUT_SEED
from rtt.verdicts import VerdictSource

__all__ = ["columns_of", "measure"]


def measure(
    sampler: RolloutEngine, task: Task, verdicts: VerdictSource, *, prompts: int, samples: int,
    sampling: Sampling, seed: int,
) -> tuple[dict[str, Column], int]:  # fmt: skip
    """Sample held-out prompts and judge the responses.

    Args:
        sampler: Of the policy.
        task: For its held-out prompts, the same for every seed.
        verdicts: What judges.
        prompts: At most.
        samples: Of each.
        sampling: How they are drawn.
        seed: Of the draws; arms of one seed share them.

    Returns:
        The columns, and how many verdicts could not be had.
    """
    asked = list(islice(task.prompts("heldout", HELDOUT_SEED), prompts))
    groups = sampler.sample(
        asked, samples=samples, seed=seed_for(seed, "study", "heldout"), sampling=sampling
    )
    told = iter(
        verdicts.verdicts([(group.prompt, one.text) for group in groups for one in group.rollouts])
    )
    return columns_of(asked, [[next(told) for _ in group.rollouts] for group in groups])


def columns_of(
    prompts: Sequence[RubricPrompt], told: Sequence[Sequence[Sequence[Verdict]]]
) -> tuple[dict[str, Column], int]:
    """Columns from verdicts [prompts, samples, criteria], and how many verdicts are missing.

    A response with a missing verdict counts in no prompt-level figure, whatever the others say:
    counting those that fail anyway would pull the rate down.
    """
    whole: list[tuple[float, float]] = []
    single: list[tuple[float, float]] = []
    missing = 0
    for prompt, samples in zip(prompts, told, strict=True):
        responses: list[bool] = []
        criteria: list[bool] = []
        for verdicts in samples:
            known = [
                bool(criterion.is_met(verdict.satisfied))
                for criterion, verdict in zip(prompt.rubric.criteria, verdicts, strict=True)
                if verdict.satisfied is not None
            ]
            missing += len(verdicts) - len(known)
            criteria += known
            if known and len(known) == len(verdicts):
                responses.append(all(known))
        whole.append((sum(responses), len(responses)))
        single.append((sum(criteria), len(criteria)))
    ids = tuple(prompt.id for prompt in prompts)
    return {
        "heldout/prompt": _column(ids, whole), "heldout/criteria": _column(ids, single),
    }, missing  # fmt: skip


def _column(ids: tuple[str, ...], pairs: Sequence[tuple[float, float]]) -> Column:
    return Column(
        prompts=ids, hits=tuple(float(hit) for hit, _ in pairs),
        counts=tuple(float(count) for _, count in pairs),
    )  # fmt: skip
