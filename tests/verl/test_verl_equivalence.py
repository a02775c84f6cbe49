"""verl's side of the engine equivalence: the file's batch through its own data structures.

`tests/contract/test_engine_equivalence.py` holds the local engine and TRL to the same numbers.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from make_batch import CREDITS, G, padded, read
from torch import Tensor

from lmcommon.extras import is_available
from rtt.train.advantage import Credit
from rtt.train.scoring import score_tensors
from rtt.train.verl.rows import TOKEN_KEY, packed_rows
from rtt.types import ScoredGroup

pytestmark = [
    pytest.mark.verl,
    pytest.mark.skipif(not is_available("verl"), reason="needs the real verl: nox -s verl"),
]

BATCH, RECORDS = read()
MASK_BT = padded([[1] * len(row["logprob"]) for row in BATCH["rows"]]).long()
UID = [record.prompt.id for record in RECORDS]
SCORED = [place for place, record in enumerate(RECORDS) if record.scored.is_scored]


def packed(credit: Credit) -> Tensor:
    """Rows of rewards as verl's workers and our trainer make them: one response at a time."""
    score_BT, extra = torch.zeros(MASK_BT.shape), []
    for place, record in enumerate(RECORDS):
        alone = score_tensors([ScoredGroup(prompt=record.prompt, samples=(record.scored,))])
        token_1T, _ = credit.advantages(alone, 1)
        last = len(record.scored.rollout.tokens) - 1
        score_BT[place, last] = credit.rewards(alone)[0]
        extra.append({"reward_extra_info": {TOKEN_KEY: json.dumps(token_1T[0].tolist())}})
    return packed_rows(score_BT, MASK_BT, extra)


def advantages(reward_BT: Tensor, places: list[int], estimator: str) -> Tensor:
    """What verl's `compute_advantage` makes of some rows."""
    import numpy as np
    from verl import DataProto
    from verl.trainer.config import AlgoConfig
    from verl.trainer.ppo.ray_trainer import compute_advantage

    import rtt.train.verl.plugin  # noqa: F401

    data = DataProto.from_dict(
        tensors={"token_level_rewards": reward_BT[places], "response_mask": MASK_BT[places]},
        non_tensors={"uid": np.array([UID[place] for place in places], dtype=object)},
    )
    told = compute_advantage(
        data, adv_estimator=estimator, config=AlgoConfig(adv_estimator=estimator)
    )
    advantage_BT: Tensor = told.batch["advantages"]
    return advantage_BT


def vanilla_loss(advantage_BT: Tensor, *, dual_clip: float = 1e9) -> tuple[Tensor, Tensor]:
    """verl's loss of the batch, and its gradient with respect to the log-probabilities."""
    from verl.trainer.ppo.core_algos import get_policy_loss_fn
    from verl.workers.config import FSDPActorConfig

    config = FSDPActorConfig(
        rollout_n=G, use_dynamic_bsz=True, clip_ratio=BATCH["clip_low"],
        clip_ratio_low=BATCH["clip_low"], clip_ratio_high=BATCH["clip_high"],
        clip_ratio_c=dual_clip, loss_agg_mode="token-mean",
    )  # fmt: skip
    logprob_BT = padded([row["logprob"] for row in BATCH["rows"]]).requires_grad_()
    loss, _ = get_policy_loss_fn("vanilla")(
        old_log_prob=padded([row["old_logprob"] for row in BATCH["rows"]]),
        log_prob=logprob_BT, advantages=advantage_BT, response_mask=MASK_BT.float(),
        loss_agg_mode="token-mean", config=config,
    )  # fmt: skip
    loss.backward()
    assert logprob_BT.grad is not None
    return loss.detach(), logprob_BT.grad


@pytest.mark.parametrize("name", CREDITS)
def test_advantages_and_loss_are_those_of_the_other_engines(name: str) -> None:
    want: dict[str, Any] = BATCH["expected"][name]
    everyone = list(range(len(RECORDS)))
    got_BT = advantages(packed(CREDITS[name]), everyone, "rtt")
    torch.testing.assert_close(got_BT, padded(want["advantage"]), rtol=0, atol=1e-6)
    loss, gradient_BT = vanilla_loss(got_BT)
    assert loss.item() == pytest.approx(want["loss"], abs=1e-5)
    assert gradient_BT.isfinite().all()
    assert gradient_BT[SCORED].any()
    lost = next(place for place in everyone if place not in SCORED)
    assert not gradient_BT[lost].any(), "an unscored response moves nothing"


def test_rows_in_any_order_give_the_same() -> None:
    name = "RTT-CSR"
    order = torch.randperm(len(RECORDS), generator=torch.Generator().manual_seed(0)).tolist()
    got_BT = advantages(packed(CREDITS[name]), order, "rtt")
    want_BT = padded(BATCH["expected"][name]["advantage"])[order]
    torch.testing.assert_close(got_BT, want_BT, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["RTT-AON", "RTT-CSR", "RTT-CSR, weight 2, clip 1"])
def test_the_stock_estimator_on_the_same_rows_gives_plain_grpo(name: str) -> None:
    """verl's own `grpo` knows no unscored rows, so these are left out for it."""
    credit = CREDITS[name]
    got_BT = advantages(packed(credit), SCORED, "grpo")
    plain = replace(Credit(scheme="none"), reward=credit.reward)
    scores = score_tensors(
        [ScoredGroup(prompt=RECORDS[place].prompt, samples=(RECORDS[place].scored,))
         for place in range(len(RECORDS))]
    )  # fmt: skip
    want_BT = (plain.response(scores, G).unsqueeze(1) * MASK_BT)[SCORED]
    torch.testing.assert_close(got_BT.float(), want_BT, rtol=0, atol=1e-6)
    assert want_BT.any()


def test_a_group_of_equal_rewards_stays_exactly_zero_for_the_stock_estimator() -> None:
    got_BT = advantages(packed(CREDITS["RTT-CSR"]), list(range(2 * G, 3 * G)), "grpo")
    assert got_BT.abs().max() < 1e-9, got_BT


def test_the_dual_clip_of_verl_is_not_in_the_papers_loss() -> None:
    advantage_BT = padded(BATCH["expected"]["RTT-CSR"]["advantage"])
    without, _ = vanilla_loss(advantage_BT)
    strict, _ = vanilla_loss(advantage_BT, dual_clip=1.05)
    assert strict < without, "it cuts what a negative advantage may cost"
