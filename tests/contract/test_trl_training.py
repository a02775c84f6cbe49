"""Training through TRL: everything it gives keeps working with an advantage per token."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import HfArgumentParser, TrainerCallback

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Verdict
from rtt.records import read_rollouts
from rtt.train.scoring import Scorer
from rtt.train.trl import RTTConfig, RTTTrainer

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from trl_support import (
    batch,
    config,
    fixed_rollouts,
    history,
    loss_and_gradient,
    parameters,
    rtt_trainer,
    timeless,
    trained,
    words_policy,
    words_prompts,
)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout functions are experimental


class Down:
    """A judge that nobody answers for."""

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        return [(Verdict.unscored("connection refused"),) * len(p.rubric) for p, _ in items]


class DownForOne:
    """A judge that fails on the responses to one prompt."""

    def __init__(self, prompt_id: str) -> None:
        self.prompt_id = prompt_id

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        told = Scorer().verdicts.verdicts(items)
        return [
            (Verdict.unscored("timeout"),) * len(prompt.rubric) if prompt.id == self.prompt_id
            else verdicts
            for (prompt, _), verdicts in zip(items, told, strict=True)
        ]  # fmt: skip


def test_a_run_logs_what_the_docs_promise(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    class Logger(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            seen.append(dict(logs))

    trained(rtt_trainer(tmp_path, callbacks=[Logger()]))
    names = {
        "reward", "all_satisfied", "satisfied_rate", "unscored", "length", "token_over_response",
        "groups_without_signal", "token_row_sum_max", "eos_advantage", "approx_kl", "tokens_per_s",
        "clipped_positive_relevant", "clipped_negative_irrelevant", "rollout_s", "verdict_s",
        "relevance_s", "credit_s", "update_s", "by_kind/words:include",
    }  # fmt: skip
    assert {f"rtt/{name}" for name in names} <= seen[0].keys(), sorted(seen[0])
    assert seen[0]["rtt/token_row_sum_max"] < 1e-4
    total = sum(seen[0][f"rtt/{name}_s"] for name in ("rollout", "credit", "update"))
    assert 0 < total < 60


@pytest.mark.parametrize("scheme", ["intra", "inter", "mean_then_group", "softmax_share"])
def test_token_credit_moves_the_weights_elsewhere(tmp_path: Path, scheme: str) -> None:
    ends = [
        parameters(trained(rtt_trainer(
            tmp_path, rollout_func=fixed_rollouts,
            changed={"credit": {"scheme": name, "reward": "csr"}},
        )))
        for name in ("none", scheme)
    ]  # fmt: skip
    assert ends[1].isfinite().all()
    assert not torch.equal(*ends)


def test_gradient_accumulation_changes_nothing(tmp_path: Path) -> None:
    whole = trained(rtt_trainer(tmp_path, rollout_func=fixed_rollouts))
    parts = trained(rtt_trainer(
        tmp_path, rollout_func=fixed_rollouts,
        changed={"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4},
    ))  # fmt: skip
    torch.testing.assert_close(parameters(parts), parameters(whole), atol=2e-5, rtol=0)
    for one, other in zip(*(history(t, "loss", "grad_norm") for t in (parts, whole)), strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_lora_trains_the_adapter_alone(tmp_path: Path) -> None:
    from peft import LoraConfig

    policy = words_policy()
    before = {name: one.clone() for name, one in policy.model.named_parameters()}
    trainer = trained(rtt_trainer(
        tmp_path, policy=policy,
        peft_config=LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
    ))  # fmt: skip
    base = trainer.model.get_base_model()
    after = {name.replace("base_layer.", ""): one for name, one in base.named_parameters()}
    assert all(torch.equal(after[name], one) for name, one in before.items())
    moved = [n for n, one in base.named_parameters() if "lora_B" in n and bool(one.any())]
    assert len(moved) == 4, moved


@pytest.mark.parametrize("changed", [
    {"loss_type": "grpo", "importance_sampling_level": "sequence", "num_iterations": 2},
    {"loss_type": "cispo", "epsilon_high": 5.0}, {"loss_type": "sapo"},
    {"loss_type": "luspo", "importance_sampling_level": "sequence"}, {"loss_type": "vespo"},
    {"loss_type": "bnpo", "beta": 0.04}, {"loss_type": "dr_grpo", "delta": 4.0},
    {"top_entropy_quantile": 0.5}, {"off_policy_mask_threshold": 0.1, "num_iterations": 2},
    {"mask_truncated_completions": True}, {"scale_rewards": "batch", "response_advantage": "trl"},
    {"entropy_coef": 0.01},
])  # fmt: skip
def test_what_trl_offers_trains_with_token_credit(tmp_path: Path, changed: dict[str, Any]) -> None:
    policy = words_policy()
    if "beta" in changed:  # TRL loads its reference policy from where the policy came from
        policy.model.save_pretrained(tmp_path / "policy")
        policy.model.config._name_or_path = str(tmp_path / "policy")
    trainer = rtt_trainer(tmp_path, policy=policy, changed=changed, rollout_func=fixed_rollouts)
    before = parameters(trainer)
    trained(trainer)
    assert parameters(trainer).isfinite().all()
    assert not torch.equal(parameters(trainer), before)
    assert all(math.isfinite(x) for row in history(trainer, "loss", "grad_norm") for x in row)


@pytest.mark.parametrize(("stop", "more"), [
    (2, {}), (3, {}),
    (3, {"per_device_train_batch_size": 4, "steps_per_generation": 2, "num_iterations": 2}),
])  # fmt: skip
def test_a_resumed_run_has_the_metrics_of_an_uninterrupted_one(
    tmp_path: Path, stop: int, more: dict[str, Any]
) -> None:
    settings = {  # 4 prompts, 2 a generation batch: an epoch is 2 of them
        "max_steps": 5, "save_strategy": "steps", "save_steps": stop, "max_completion_length": 6,
        "rollout_file": str(tmp_path / "whole.jsonl"), **more,
    }  # fmt: skip
    prompts = words_prompts(4)
    whole = trained(rtt_trainer(tmp_path / "a", prompts=prompts, changed=settings))
    cut = {**settings, "max_steps": stop, "rollout_file": str(tmp_path / "cut.jsonl")}
    trained(rtt_trainer(tmp_path / "b", prompts=prompts, changed=cut))
    again = rtt_trainer(
        tmp_path / "b", prompts=prompts, changed={**cut, "max_steps": settings["max_steps"]}
    )
    again.train(resume_from_checkpoint=str(tmp_path / "b" / f"checkpoint-{stop}"))
    rows, expected = (
        [timeless(row) for row in one.state.log_history if "loss" in row] for one in (again, whole)
    )
    assert rows == expected
    assert torch.equal(parameters(again), parameters(whole))
    told = [
        [
            (record.step, record.scored.rollout.text, record.advantage)
            for record in read_rollouts(file)
        ]
        for file in (tmp_path / "cut.jsonl", tmp_path / "whole.jsonl")
    ]
    assert told[0] == told[1]


def test_every_training_response_is_written_down(tmp_path: Path) -> None:
    file = tmp_path / "out" / "rollouts.jsonl"
    trained(rtt_trainer(tmp_path, rollout_func=fixed_rollouts,
                        changed={"rollout_file": str(file)}))  # fmt: skip
    records = list(read_rollouts(file))
    places = [(record.step, record.group, record.sample) for record in records]
    assert places == [(s, g, i) for s in (1, 2) for g in range(2) for i in range(4)]
    one = records[0]
    assert len(one.advantage) == len(one.scored.rollout.tokens)
    assert one.label == "RTT-CSR"
    assert all(value <= -0.5 for value in one.scored.rollout.logprobs), "as the sampler gave them"


def test_a_dead_judge_moves_nothing_and_is_counted(tmp_path: Path) -> None:
    trainer = rtt_trainer(
        tmp_path, scorer=Scorer(verdicts=Down()), changed={"weight_decay": 0.1, "max_steps": 3}
    )
    before = parameters(trainer)
    trained(trainer)
    assert torch.equal(parameters(trainer), before)
    assert history(trainer, "rtt/unscored", "loss") == [[8.0, 0.0]] * 3


def test_an_unscored_group_has_no_part_in_the_gradient(tmp_path: Path) -> None:
    prompts = words_prompts(2)
    trainer = rtt_trainer(
        tmp_path, prompts=prompts, scorer=Scorer(verdicts=DownForOne(prompts[0].id)),
        rollout_func=fixed_rollouts,
    )  # fmt: skip
    inputs = batch(trainer)
    is_down = torch.tensor([row.prompt.id == prompts[0].id for row in trainer._reward.rows])
    assert not inputs["advantages"][is_down].any()
    assert inputs["advantages"][~is_down].any()
    assert inputs["advantages"].isfinite().all()
    assert trainer._metrics["train"]["rtt/unscored"] == [4.0]
    loss, gradient = loss_and_gradient(trainer, inputs)
    assert loss.isfinite()
    assert gradient.isfinite().all()


def test_a_truncated_response_is_left_out_on_request(tmp_path: Path) -> None:
    inputs = batch(rtt_trainer(
        tmp_path, rollout_func=fixed_rollouts, changed={"mask_truncated_completions": True}
    ))  # fmt: skip
    ended = inputs["completion_mask"].any(dim=1)
    assert 0 < int(ended.sum()) < 8
    assert not inputs["advantages"][~ended].any()
    assert inputs["advantages"][ended].any()


def test_the_end_of_a_response_has_an_advantage_of_its_own(tmp_path: Path) -> None:
    trainer = rtt_trainer(tmp_path, rollout_func=fixed_rollouts)
    inputs = batch(trainer)
    end = trainer.processing_class.eos_token_id
    is_end = (inputs["completion_ids"] == end) & inputs["completion_mask"].bool()
    told = trainer._metrics["train"]["rtt/eos_advantage"]
    assert told == [pytest.approx(inputs["advantages"][is_end].mean().item(), abs=1e-6)]
    assert int(is_end.sum()) > 0


class _FakeSampler(RTTTrainer):  # type: ignore[misc]
    """Log-probabilities of a sampler that differs from the policy, as vLLM's do."""

    def _generate_single_turn(self, prompt_ids: Any, *_: Any, **__: Any) -> Any:
        told = fixed_rollouts(self._decoded(prompt_ids), self)
        return told["completion_ids"], told["logprobs"]

    def _decoded(self, prompt_ids: Any) -> list[str]:
        return self.processing_class.batch_decode(prompt_ids, skip_special_tokens=True)


@pytest.mark.parametrize(
    "mode", ["sequence_mask", "sequence_truncate", "token_mask", "token_truncate"]
)
def test_sampler_correction_works_on_rows_with_tokens_of_both_signs(
    tmp_path: Path, mode: str
) -> None:
    trainer = rtt_trainer(
        tmp_path, kind=_FakeSampler,
        changed={"vllm_importance_sampling_mode": mode, "vllm_importance_sampling_clip_max": 0.02,
                 "credit": {"reward": "csr", "weight": 3.0}},
    )  # fmt: skip
    trainer.use_vllm = True  # vLLM itself is not needed: `_generate_single_turn` is the sampler
    inputs = batch(trainer)
    ratio = inputs["importance_sampling_ratio"]
    assert ratio.shape == ((8, 1) if mode.startswith("sequence") else (8, 8))
    loss, gradient = loss_and_gradient(trainer, inputs)
    without, _ = loss_and_gradient(trainer, {**inputs, "importance_sampling_ratio": ratio * 0 + 1})
    assert gradient.isfinite().all()
    assert loss != without
    if mode == "sequence_mask":
        masked = inputs["importance_sampling_ratio"][:, 0] == 0
        assert masked.any()
        assert (inputs["advantages"][masked] > 0).any()
        kept = {**inputs, "advantages": inputs["advantages"] * ~masked.unsqueeze(1)}
        torch.testing.assert_close(loss_and_gradient(trainer, kept)[0], loss, atol=1e-7, rtol=0)


def test_a_far_off_sequence_is_dropped_whole(tmp_path: Path) -> None:
    trainer = rtt_trainer(
        tmp_path, rollout_func=fixed_rollouts,
        changed={"off_policy_mask_threshold": 1e-6, "credit": {"reward": "csr", "weight": 3.0}},
    )  # fmt: skip
    inputs = batch(trainer)
    inputs["sampling_per_token_logps"] = torch.zeros_like(inputs["advantages"])  # far off
    loss, _ = loss_and_gradient(trainer, inputs)
    negative = inputs["rtt_response"] < 0
    assert (inputs["advantages"][negative] > 0).any(), "has tokens that are pushed up"
    inputs["advantages"] = inputs["advantages"] * ~negative.unsqueeze(1)
    torch.testing.assert_close(loss_and_gradient(trainer, inputs)[0], loss, atol=1e-7, rtol=0)


def test_evaluation_reports_under_its_own_prefix(tmp_path: Path) -> None:
    trainer = rtt_trainer(
        tmp_path, eval_prompts=words_prompts(3),
        changed={"num_generations_eval": 2, "per_device_eval_batch_size": 4},
    )  # fmt: skip
    told = trainer.evaluate()
    assert 0 <= told["eval_rtt/satisfied_rate"] <= 1
    assert math.isfinite(told["eval_loss"])


def test_settings_come_from_a_command_line(tmp_path: Path) -> None:
    (parsed,) = HfArgumentParser(RTTConfig).parse_args_into_dataclasses(
        ["--output_dir", str(tmp_path), "--use_cpu", "true", "--bf16", "false",
         "--credit", '{"scheme": "inter", "weight": 0.2}', "--num_generations", "8"]
    )  # fmt: skip
    assert (parsed.build_credit().scheme, parsed.build_credit().weight) == ("inter", 0.2)
    assert json.loads(parsed.to_json_string())["credit"] == {"scheme": "inter", "weight": 0.2}
    assert config(tmp_path).epsilon_high == 0.27
