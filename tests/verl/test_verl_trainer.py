"""verl's trainer with token credit, on a batch in verl's real TransferQueue."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

pytest.importorskip("verl", reason="needs verl: nox -s verl")

import ray
import transfer_queue
from omegaconf import OmegaConf
from verl.trainer.ppo.v1 import get_trainer_cls
from verl.utils.tensordict_utils import list_of_dict_to_tensordict
from verl_support import GROUP, largest, scores, uids

from rtt.train.advantage import Credit
from rtt.train.verl.rows import TOKEN_KEY
from rtt.train.verl.trainer import MODES, PREFIX

pytestmark = [pytest.mark.verl, pytest.mark.filterwarnings("ignore")]
CREDIT = Credit(reward="csr")


@pytest.fixture(scope="module")
def queue() -> Iterator[Any]:
    """verl's queue between processes, on this machine alone."""
    ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1",
             logging_level="error", log_to_driver=False)  # fmt: skip
    storage = {"num_data_storage_units": 1, "total_storage_size": 1000}
    transfer_queue.init(OmegaConf.create({"backend": {"SimpleStorage": storage}}))
    yield transfer_queue
    transfer_queue.close()
    ray.shutdown()


def trainer(estimator: str) -> Any:
    """A trainer with no workers behind it: only what computes advantages is used."""
    made = object.__new__(get_trainer_cls(PREFIX + "sync"))
    made.config = OmegaConf.create(
        {
            "algorithm": {
                "adv_estimator": estimator, "use_kl_in_reward": False, "gamma": 1.0, "lam": 1.0,
                "norm_adv_by_std_in_grpo": True, "rollout_correction": None,
            },
            "actor_rollout_ref": {"rollout": {"n": GROUP}},
        }
    )  # fmt: skip
    return made


def put(queue: Any, found: Any, name: str, *, fill: int = 0) -> Any:
    """Rows as verl's agent loop leaves them, and rows that only fill the batch up."""
    score_B, uid = CREDIT.rewards(found), uids(found)
    token_BT, _ = CREDIT.advantages(found, 1)
    keys, rows = [], []
    for place, length in enumerate(found.mask_BT.sum(1).long().tolist()):
        reward = torch.zeros(length)
        reward[-1] = score_B[place]
        keys.append(f"{name}-{uid[place]}_{place}_0")
        info = {TOKEN_KEY: json.dumps(token_BT[place, :length].tolist())}
        rows.append(
            {"uid": uid[place], "rm_scores": reward,
             "response_mask": torch.ones(length, dtype=torch.int64),
             "extra_fields": {"reward_extra_info": info}}
        )  # fmt: skip
    for place in range(fill):
        keys.append(f"{name}-pad_{place}_0")
        rows.append({**rows[0], "uid": "pad", "rm_scores": torch.zeros(1),
                     "response_mask": torch.zeros(1, dtype=torch.int64)})  # fmt: skip
    return queue.kv_batch_put(
        keys=keys, fields=list_of_dict_to_tensordict(rows), tags=[{} for _ in keys],
        partition_id="train",
    )  # fmt: skip


def advantages(queue: Any, batch: Any) -> torch.Tensor:
    told = queue.kv_batch_get(keys=batch.keys, partition_id="train", select_fields=["advantages"])
    padded: torch.Tensor = told["advantages"].to_padded_tensor(0)
    return padded


def test_streamed_scores_become_the_direct_formula(queue: Any) -> None:
    found, metrics = scores(prompts=4, unscored=[2]), {}
    batch = put(queue, found, "direct")
    trainer("rtt")._compute_advantage(batch, metrics)
    expected_BT, _ = CREDIT.advantages(found, GROUP)
    got_BT = advantages(queue, batch)
    assert largest(got_BT, expected_BT[:, : got_BT.shape[1]]) <= 1e-6
    assert metrics["rtt/unscored"] == 1.0
    assert metrics["rtt/token_advantage_abs"] > 0


def test_rows_that_fill_a_batch_up_get_nothing_and_change_nothing(queue: Any) -> None:
    found, metrics = scores(prompts=2), {}
    batch = put(queue, found, "filled", fill=3)
    trainer("rtt")._compute_advantage(batch, metrics)
    got_BT = advantages(queue, batch)
    assert not got_BT[-3:].any()
    assert largest(got_BT[:-3], CREDIT.advantages(found, GROUP)[0]) <= 1e-6
    assert metrics["rtt/unscored"] == 0.0


def test_verls_grpo_behind_the_same_trainer_is_plain_grpo(queue: Any) -> None:
    found = scores(prompts=4)
    batch = put(queue, found, "plain")
    trainer("grpo")._compute_advantage(batch, {})
    expected_BT, _ = Credit(scheme="none", reward="csr").advantages(found, GROUP)
    assert largest(advantages(queue, batch), expected_BT) <= 1e-6


def test_the_rows_in_the_queue_still_sum_to_the_scores(queue: Any) -> None:
    found = scores(prompts=2, unscored=[3])
    batch = put(queue, found, "sums")
    trainer("rtt")._compute_advantage(batch, {})
    rows = queue.kv_batch_get(keys=batch.keys, partition_id="train", select_fields=["rm_scores"])
    got = [
        math.nan if one.isnan().any() else one.sum().item() for one in rows["rm_scores"].unbind()
    ]
    assert got == pytest.approx(CREDIT.rewards(found).tolist(), abs=1e-6, nan_ok=True)


def test_figures_of_scores_leave_unscored_responses_out(queue: Any) -> None:
    class Stock:
        def _compute_advantage(self, batch: Any, metrics: dict[str, float]) -> Any:
            return batch

        def _compute_metrics(self, batch: Any, metrics: dict[str, float], **_: Any) -> None:
            metrics["critic/score/mean"] = math.nan  # as verl's mean over all rows is

    found, metrics = scores(prompts=2, unscored=[3]), {}
    batch = put(queue, found, "figures")
    token_credit = get_trainer_cls(PREFIX + "sync").__mro__[1]
    made = object.__new__(type("Made", (token_credit, Stock), {"mode": "sync"}))
    made._compute_advantage(batch, metrics)
    made._compute_metrics(batch, metrics, timing_raw={}, global_steps=1, epoch=0)
    wanted = CREDIT.rewards(found).nanmean().item()
    assert metrics["critic/score/mean"] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_each_of_verls_modes_has_its_trainer(mode: str) -> None:
    made = get_trainer_cls(PREFIX + mode)
    assert issubclass(made, get_trainer_cls(mode))
    assert made.mode == mode


def test_verl_finds_its_own_mode_in_the_configuration() -> None:
    """It compares the mode with "sync", so the name of ours must not reach it."""
    seen = []

    class Stock:
        def __init__(self, config: Any) -> None:
            seen.append(config.trainer.v1.trainer_mode)

    token_credit = get_trainer_cls(PREFIX + "sync").__mro__[1]
    made = type("Made", (token_credit, Stock), {"mode": "sync"})
    made(OmegaConf.create({"trainer": {"v1": {"trainer_mode": "rtt_sync"}}}))
    assert seen == ["sync"]
