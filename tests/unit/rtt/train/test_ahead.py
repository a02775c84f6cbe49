"""Batches drawn one step ahead: from which weights, in which order, and what is refused."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import torch

from lmcommon.errors import UserError
from rtt.engine.base import RolloutEngine
from rtt.engine.copied import CopiedSampler
from rtt.engine.sampler import Sampler
from rtt.policy import Policy, TinyPolicy
from rtt.relevance.contrast import PolicyContrast
from rtt.relevance.policy_scores import PolicyScores
from rtt.tasks import WordsTask
from rtt.train import Credit, LocalTrainer, TrainSettings, UpdateSettings
from rtt.train.scoring import Scorer

TASK = WordsTask()
SIZES = TrainSettings(
    steps=4, prompts=4, samples=4, heldout=4, eval_every=2, staleness=1,
    update=UpdateSettings(learning_rate=1e-2, minibatches=1),
)  # fmt: skip


def policy() -> Policy:
    return TinyPolicy(hidden=32).build(TASK.tokens, seed=0)


def trainer(
    subject: Policy, engine: RolloutEngine, settings: TrainSettings = SIZES, **more: Any
) -> LocalTrainer:
    return LocalTrainer(
        policy=subject, task=TASK, credit=Credit(reward="csr"), settings=settings, seed=7,
        rollouts=engine, **more,
    )  # fmt: skip


def run(settings: TrainSettings) -> tuple[list[dict[str, Any]], list[list[tuple[int, ...]]]]:
    subject = policy()
    drawn = []
    with closing(
        trainer(subject, CopiedSampler(subject, TASK.max_tokens), settings)
    ) as one:  # fmt: skip
        rows = []
        for row in one.steps():
            rows.append(row)
            assert one.latest is not None
            drawn.append(
                [sample.rollout.tokens for group in one.latest[0] for sample in group.samples]
            )
            if one.step == 2:
                one.evaluate()
    return rows, drawn


def test_every_batch_but_the_first_is_one_step_old() -> None:
    rows, _ = run(SIZES)
    assert [row["staleness"] for row in rows] == [0, 1, 1, 1]
    assert rows[0]["approx_kl"] == pytest.approx(0, abs=1e-6)
    assert all(row["approx_kl"] > 1e-6 for row in rows[1:])


def test_the_first_batches_are_those_of_the_weights_before_training() -> None:
    fresh = policy()
    _, drawn = run(SIZES)
    still = replace(SIZES, staleness=0, update=UpdateSettings(learning_rate=1e-30, minibatches=1))
    _, unmoved = run(still)
    assert drawn[:2] == unmoved[:2]
    assert drawn[2] != unmoved[2]
    assert torch.equal(
        next(iter(fresh.model.parameters())), next(iter(policy().model.parameters()))
    )


def test_on_policy_training_is_on_policy() -> None:
    rows, _ = run(replace(SIZES, staleness=0))
    assert [row["staleness"] for row in rows] == [0, 0, 0, 0]


def test_an_engine_on_the_policy_itself_is_refused() -> None:
    subject = policy()
    with pytest.raises(UserError, match=r"weights of its own.*sampler\.copy=true"):
        trainer(subject, Sampler(subject, TASK.max_tokens))


def test_relevance_by_the_policy_is_refused() -> None:
    subject = policy()
    scorer = Scorer(relevance=PolicyContrast(scorer=PolicyScores(policy=subject)))
    with pytest.raises(UserError, match="policy_contrast"):
        trainer(subject, CopiedSampler(subject, TASK.max_tokens), scorer=scorer)


def test_more_than_one_step_is_refused() -> None:
    with pytest.raises(UserError, match="expected 0 or 1"):
        TrainSettings(staleness=2)
