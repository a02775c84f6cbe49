"""One batch through the local engine and through TRL: the same advantages, the same loss.

verl's side is `tests/verl/test_verl_equivalence.py`, on the same file with the same numbers.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lmcommon.extras import is_available
from rtt.train.advantage import Credit
from rtt.train.clipping import relevant_tokens
from rtt.train.local.objective import micro_batch_loss
from rtt.train.local.packing import pack, token_scales, train_rows
from rtt.train.local.settings import UpdateSettings
from rtt.train.scoring import score_tensors
from rtt.types import ScoredGroup

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
sys.path.insert(0, str(Path(__file__).parents[1] / "verl"))
from make_batch import CREDITS, PATH, G, make, padded, read, the_policy, tokens_of

BATCH, RECORDS = read()


def groups() -> list[ScoredGroup]:
    """The groups of the file, with the older policy's log-probabilities as the sampler's."""
    told = []
    for place, (record, row) in enumerate(zip(RECORDS, BATCH["rows"], strict=True)):
        rollout = replace(record.scored.rollout, logprobs=tuple(row["old_logprob"]))
        sample = replace(record.scored, rollout=rollout)
        if place % G == 0:
            told.append(ScoredGroup(prompt=record.prompt, samples=()))
        told[-1] = replace(told[-1], samples=(*told[-1].samples, sample))
    return told


def expected(name: str) -> tuple[Tensor, float]:
    want = BATCH["expected"][name]
    return padded(want["advantage"]), want["loss"]


def test_the_file_is_what_its_script_makes() -> None:
    def differences(kept: Any, made: Any, place: str) -> list[str]:
        if isinstance(kept, dict) and isinstance(made, dict) and kept.keys() == made.keys():
            return [line for key in kept
                    for line in differences(kept[key], made[key], f"{place}.{key}")]  # fmt: skip
        if isinstance(kept, list) and isinstance(made, list) and len(kept) == len(made):
            return [line for number, pair in enumerate(zip(kept, made, strict=True))
                    for line in differences(*pair, f"{place}[{number}]")]  # fmt: skip
        if isinstance(kept, float) and isinstance(made, float):
            return [] if abs(kept - made) <= 2e-6 else [f"{place}: {kept} {made}"]
        return [] if kept == made else [f"{place}: {kept!r} {made!r}"]

    told = differences(BATCH, json.loads(json.dumps(make())), "batch")
    assert not told, f"run {PATH.name}'s script again, or find out why: {told[:5]}"


def test_the_file_has_every_hard_case() -> None:
    scores = score_tensors(groups())
    reward_B = Credit().rewards(scores)
    assert reward_B.isnan().sum() == 1, "one response is unscored"
    assert len(set(scores.mask_BT.sum(1).tolist())) >= 6, "lengths are ragged"
    assert scores.mask_BT.sum(1).min() == 1, "one response has one token"
    assert len(set(scores.criterion_mask_BR.sum(1).tolist())) == 4, "so are rubrics"
    assert len({row.nanmean().item() for row in reward_B.view(-1, G)}) > 1, "rewards differ"
    ratio_BT = (padded([row["logprob"] for row in BATCH["rows"]])
                - padded([row["old_logprob"] for row in BATCH["rows"]])).exp()  # fmt: skip
    assert ((ratio_BT < 0.8).any() and (ratio_BT > 1.27).any()).item(), "both clips are reached"


@pytest.mark.parametrize("name", CREDITS)
@pytest.mark.parametrize("budget", [10_000, 40])
def test_the_local_engine(name: str, budget: int) -> None:
    want_BT, want = expected(name)
    credit, policy, scored = CREDITS[name], the_policy(), groups()
    scores = score_tensors(scored)
    advantage_BT, _ = credit.advantages(scores, G)
    torch.testing.assert_close(advantage_BT, want_BT, rtol=0, atol=1e-6)
    relevant_BT = relevant_tokens(scores.relevance_BRT, scores.criterion_mask_BR, scores.mask_BT)
    rows = [one for group in train_rows(policy, scored, advantage_BT, relevant_BT)
            for one in group]  # fmt: skip
    settings = UpdateSettings(clip_low=BATCH["clip_low"], clip_high=BATCH["clip_high"])
    scales = token_scales([len(row.response) for row in rows], "token-mean")
    batches = pack(rows, scales, budget=budget, device="cpu")
    loss = sum(micro_batch_loss(policy.model, one, settings)[0].item() for one in batches)
    assert loss == pytest.approx(want, abs=1e-5)


@pytest.mark.skipif(not is_available("trl"), reason="needs rtt-llm[trl]")
@pytest.mark.parametrize("name", CREDITS)
def test_trl(name: str, tmp_path: Path) -> None:
    from dataclasses import asdict

    from trl_support import rtt_trainer

    from rtt.train.trl.reward import ScoredRow

    want_BT, want = expected(name)
    policy, scored = the_policy(), groups()
    tokens = tokens_of(policy, scored)
    trainer = rtt_trainer(
        tmp_path, policy=policy, prompts=[group.prompt for group in scored],
        changed={"credit": asdict(CREDITS[name]), "per_device_train_batch_size": len(RECORDS),
                 "epsilon": BATCH["clip_low"], "epsilon_high": BATCH["clip_high"],
                 "num_generations": G},
    )  # fmt: skip
    trainer.model.train()
    trainer._reward.rows = [
        ScoredRow(prompt=record.prompt, scored=record.scored) for record in RECORDS
    ]
    mask_BT = tokens["mask_BT"]
    inputs = trainer._with_credit(
        {
            "prompt_ids": tokens["prompt_BL"], "prompt_mask": tokens["prompt_mask_BL"],
            "completion_ids": tokens["response_BT"], "completion_mask": mask_BT,
            "advantages": torch.zeros(len(RECORDS)),
            "old_per_token_logps": padded([row["old_logprob"] for row in BATCH["rows"]]),
            "num_items_in_batch": mask_BT.sum(),
        }
    )  # fmt: skip
    torch.testing.assert_close(inputs["advantages"], want_BT, rtol=0, atol=1e-6)
    trainer.current_gradient_accumulation_steps = 1
    loss = trainer._compute_loss(trainer.model, inputs)
    assert loss.item() == pytest.approx(want, abs=1e-5)
