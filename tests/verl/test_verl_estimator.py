"""Our estimator among verl's own functions: the direct formula; verl's grpo: plain GRPO."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from typing import Any

import pytest
import torch

pytest.importorskip("verl", reason="needs verl: nox -s verl")

from verl.trainer.ppo import core_algos
from verl.trainer.ppo.ray_trainer import compute_advantage
from verl.workers.config import FSDPActorConfig
from verl_support import largest, packed, scores, uids, verl_advantage

from rtt.train.advantage import Credit
from rtt.train.verl.codec import unpack_rows

pytestmark = [pytest.mark.verl, pytest.mark.filterwarnings("ignore")]

CREDITS = [
    Credit(), Credit(reward="csr"), Credit(scheme="none", reward="csr"),
    Credit(reward="csr", clip=1.0, exclude_eos=True), Credit(reward="csr_signed", weight=2.0),
]  # fmt: skip


@pytest.mark.parametrize("credit", CREDITS, ids=lambda credit: credit.label)
def test_verls_advantages_are_the_direct_formula(credit: Credit) -> None:
    found = scores(prompts=6)
    expected_BT, _ = credit.advantages(found, 4)
    got_BT = verl_advantage(packed(found, credit), found.mask_BT, uids(found), "rtt")
    assert expected_BT.any()
    assert largest(got_BT, expected_BT) <= 1e-6


def test_the_order_of_the_rows_does_not_matter() -> None:
    found, credit = scores(prompts=6), Credit(reward="csr")
    order = torch.randperm(24, generator=torch.Generator().manual_seed(3))
    rows, mask = packed(found, credit)[order], found.mask_BT[order]
    got_BT = verl_advantage(rows, mask, uids(found)[order.numpy()], "rtt")
    assert largest(got_BT, credit.advantages(found, 4)[0][order]) <= 1e-6


@pytest.mark.parametrize("estimator", ["grpo", "grpo_vectorized"])
def test_verls_grpo_on_the_same_rows_is_plain_grpo(estimator: str) -> None:
    found = scores(prompts=6)
    rows = packed(found, Credit(reward="csr"))
    assert unpack_rows(rows)[1].abs().max() > 0.1, "these rows carry token credit"
    got_BT = verl_advantage(rows, found.mask_BT, uids(found), estimator)
    expected_BT, _ = Credit(scheme="none", reward="csr").advantages(found, 4)
    assert largest(got_BT, expected_BT) <= 1e-6


def test_an_unscored_response_gets_nothing_and_moves_no_other() -> None:
    found, credit = scores(prompts=3, unscored=[1, 8, 9, 10, 11]), Credit(reward="csr")
    rows = packed(found, credit)
    got_BT = verl_advantage(rows, found.mask_BT, uids(found), "rtt")
    assert not got_BT[[1, 8, 9, 10, 11]].any()
    assert largest(got_BT, credit.advantages(found, 4)[0]) <= 1e-6


def test_verls_grpo_shows_an_unscored_response_rather_than_taking_it_for_a_zero() -> None:
    found = scores(prompts=2, unscored=[1])
    rows = packed(found, Credit(reward="csr"))
    got_BT = verl_advantage(rows, found.mask_BT, uids(found), "grpo")
    assert got_BT[:4].isnan().any(dim=1).all(), "its whole group is NaN"
    assert not got_BT[4:].isnan().any()


def test_rejected_tokens_get_nothing_and_the_score_stays() -> None:
    found, credit = scores(prompts=6), Credit(reward="csr")
    mask_BT = found.mask_BT.clone()
    last_B = mask_BT.sum(1).long() - 1
    mask_BT[torch.arange(24), last_B] = 0  # as verl's rejection sampling does
    got_BT = verl_advantage(packed(found, credit), mask_BT, uids(found), "rtt")
    assert largest(got_BT, credit.advantages(found, 4)[0] * mask_BT) <= 1e-6


def test_verls_policy_loss_moves_each_token_by_its_own_advantage() -> None:
    found, credit = scores(prompts=6), Credit(reward="csr")
    got_BT = verl_advantage(packed(found, credit), found.mask_BT, uids(found), "rtt")
    logprob_BT = torch.full_like(got_BT, -1.0, requires_grad=True)
    actor = FSDPActorConfig(
        strategy="fsdp2", rollout_n=4, ppo_mini_batch_size=6, ppo_micro_batch_size_per_gpu=1,
        clip_ratio_low=0.2, clip_ratio_high=0.27,
    )  # fmt: skip
    loss, _ = core_algos.get_policy_loss_fn("vanilla")(
        old_log_prob=logprob_BT.detach(), log_prob=logprob_BT, advantages=got_BT,
        response_mask=found.mask_BT, loss_agg_mode="token-mean", config=actor,
    )  # fmt: skip
    loss.backward()
    assert logprob_BT.grad is not None
    assert largest(logprob_BT.grad, -got_BT / found.mask_BT.sum()) <= 1e-8


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_verls_signatures_are_those_that_are_relied_on() -> None:
    from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
    from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase
    from verl.trainer.ppo.v1 import get_trainer_cls

    base = get_trainer_cls("sync")
    assert parameters(compute_advantage)[:2] == ["data", "adv_estimator"]
    assert parameters(RewardManagerBase.__init__) == [
        "self",
        "config",
        "tokenizer",
        "compute_score",
    ]
    assert parameters(RewardManagerBase.run_single) == ["self", "data"]
    assert parameters(RewardManagerBase.assemble_rm_scores) == ["data", "scores"]
    assert parameters(base._compute_advantage) == ["self", "batch", "metrics"]
    assert parameters(base._compute_metrics)[:3] == ["self", "batch", "metrics"]
    assert {"reward_score", "extra_fields"} <= set(AgentLoopOutput.model_fields)


def test_verl_imports_the_plug_in_by_its_environment_variable() -> None:
    code = (
        "import verl\n"
        "from verl.trainer.ppo.core_algos import get_adv_estimator_fn\n"
        "from verl.experimental.reward_loop.reward_manager import get_reward_manager_cls\n"
        "from verl.trainer.ppo.v1 import get_trainer_cls\n"
        "print(get_adv_estimator_fn('rtt').__name__, get_reward_manager_cls('rtt').__name__,\n"
        "      *(get_trainer_cls('rtt_' + mode).__mro__[1].__name__ for mode in\n"
        "        ('sync', 'colocate_async', 'separate_async')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300,
        env={**os.environ, "VERL_USE_EXTERNAL_MODULES": "rtt.train.verl.plugin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = "rtt_estimator RubricRewardManager TokenCredit TokenCredit TokenCredit"
    assert done.stdout.split("\n")[-2] == expected, done.stdout
