"""What the tests of the verl plug-in share: scored responses, and verl's own batches of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmcommon.judge.types import Verdict
from rtt.tasks import WordsTask
from rtt.train.advantage import Credit
from rtt.train.scoring import Scorer, ScoreTensors, score_tensors
from rtt.train.verl.codec import pack_rows
from rtt.types import Group, Rollout, ScoredGroup, ScoredRollout

GROUP = 4


def scored_groups(prompts: int = 3, *, unscored: Sequence[int] = ()) -> list[ScoredGroup]:
    """Ragged responses of several prompts; the rows of these numbers have no verdict."""
    random, task, groups = Random(1), WordsTask(), []
    for prompt in islice(task.prompts("train", 2), prompts):
        rollouts = []
        for _ in range(GROUP):
            words = random.choices(task.words, k=random.randint(2, 7))
            starts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
            rollouts.append(
                Rollout(
                    prompt_id=prompt.id, tokens=tuple(range(len(words))),
                    logprobs=(math.nan,) * len(words), text=" ".join(words),
                    offsets=tuple((s, s + len(w)) for s, w in zip(starts, words, strict=True)),
                )
            )  # fmt: skip
        groups.append(Group(prompt=prompt, rollouts=tuple(rollouts)))
    scored = Scorer().score(groups)
    return [
        ScoredGroup(
            prompt=group.prompt,
            samples=tuple(
                _without_verdicts(sample) if GROUP * number + place in unscored else sample
                for place, sample in enumerate(group.samples)
            ),
        )
        for number, group in enumerate(scored)
    ]


def _without_verdicts(sample: ScoredRollout) -> ScoredRollout:
    return ScoredRollout(
        rollout=sample.rollout,
        verdicts=(Verdict.unscored("judge down"),) * len(sample.verdicts),
        relevance=tuple((0.0,) * len(row) for row in sample.relevance),
    )


def scores(**settings: Any) -> ScoreTensors:
    return score_tensors(scored_groups(**settings))


def packed(found: ScoreTensors, credit: Credit) -> Tensor:
    """The rows of rewards that reward workers and trainer make of these responses."""
    token_BT, _ = credit.advantages(found, 1)
    return pack_rows(credit.rewards(found), token_BT, found.mask_BT)


def uids(found: ScoreTensors) -> np.ndarray[Any, Any]:
    return np.array([f"prompt {row // GROUP}" for row in range(len(found.mask_BT))], dtype=object)


def data_proto(row_BT: Tensor, mask_BT: Tensor, uid: np.ndarray[Any, Any]) -> Any:
    """verl's batch with what its `compute_advantage` reads."""
    from verl import DataProto

    return DataProto.from_dict(
        tensors={"token_level_rewards": row_BT, "response_mask": mask_BT},
        non_tensors={"uid": uid},
    )


def verl_advantage(row_BT: Tensor, mask_BT: Tensor, uid: Any, estimator: str) -> Tensor:
    """Advantages [B, T] by verl's own way through, trainer v1 included."""
    from verl.trainer.config import AlgoConfig
    from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories

    done = compute_advantage_for_multi_trajectories(
        data_proto(row_BT, mask_BT, uid),
        batch_keys=[f"{name}_{row}_0" for row, name in enumerate(uid)],
        adv_estimator=estimator,
        config=AlgoConfig(adv_estimator=estimator),
    )
    advantage_BT: Tensor = done.batch["advantages"]
    return advantage_BT


def largest(one: Tensor, other: Tensor) -> float:
    return torch.as_tensor(one.double() - other.double()).abs().max().item()
