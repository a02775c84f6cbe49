"""Every recipe is a run that the installed TRL takes, and the paper's are the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lmcommon.app import compose
from lmcommon.extras import is_available

if not (is_available("trl") and is_available("hydra")):
    pytest.skip("needs rtt-llm[trl] and lmcommon[app]", allow_module_level=True)

from rtt.policy.pretrained import PretrainedPolicy
from rtt.run.train import main
from rtt.run.train_trl import run_arguments
from rtt.run.trl_engine import TrlEngine

RECIPES = Path(__file__).resolve().parents[2] / "conf" / "experiment" / "rtt"
PAPER = {"qwen3_4b": 0.27, "qwen25_7b": 0.27, "llama32_3b": 0.2}
METHODS = {
    "rl_aon": ("none", "aon", "SpanSource"), "rl_csr": ("none", "csr", "SpanSource"),
    "rtt_aon": ("intra", "aon", "SpanSource"), "rtt_csr": ("intra", "csr", "SpanSource"),
    "inter": ("inter", "aon", "SpanSource"), "random": ("intra", "aon", "RandomSource"),
    "uniform": ("intra", "aon", "UniformSource"),
}  # fmt: skip


def composed(*overrides: str) -> Any:
    return compose(main.name, main.schema, main.groups, list(overrides))


def built(config: Any, folder: Path) -> Any:
    return run_arguments(
        config, folder, is_cpu=True, processes=config.launch.world,
        is_mixed=getattr(config.policy, "dtype", "") == "mixed",
    )  # fmt: skip


def trl_recipes() -> list[str]:
    names = [
        path.relative_to(RECIPES.parent).with_suffix("").as_posix()
        for path in sorted(RECIPES.rglob("*.yaml"))
        if "override /engine: trl" in path.read_text(encoding="utf-8")
        and path.parent.name != "tables"  # those are rtt-study's
    ]
    assert len(names) >= 7, names
    return names


@pytest.mark.parametrize("name", trl_recipes())
def test_a_recipe_builds_what_the_installed_trl_takes(name: str, tmp_path: Path) -> None:
    config = composed(f"experiment={name}")
    assert isinstance(config.engine, TrlEngine)
    args = built(config, tmp_path)
    rows = args.per_device_train_batch_size * args.steps_per_generation * config.launch.world
    assert rows == config.engine.prompts * config.engine.samples
    if isinstance(config.policy, PretrainedPolicy):
        assert args.gradient_checkpointing == config.policy.gradient_checkpointing


@pytest.mark.parametrize("model", PAPER)
def test_the_papers_settings_reach_trl(model: str, tmp_path: Path) -> None:
    config = composed(f"experiment=rtt/paper/{model}")
    args = built(config, tmp_path)
    told = {
        "rows": args.per_device_train_batch_size * args.steps_per_generation * 4,
        "updates": args.steps_per_generation // args.gradient_accumulation_steps,
        "batches": config.engine.generation_batches,
        "save": args.save_steps * config.engine.generation_batches / args.max_steps,
        "prompt": config.engine.max_prompt_tokens,
        **{
            key: getattr(args, key)
            for key in ("num_generations", "learning_rate", "warmup_steps", "weight_decay",
                        "temperature", "top_p", "top_k", "max_completion_length", "epsilon",
                        "epsilon_high", "beta", "loss_type", "max_grad_norm", "seed",
                        "per_device_train_batch_size", "importance_sampling_level")
        },
    }  # fmt: skip
    assert told == {
        "rows": 512, "updates": 2, "batches": 500, "save": 20, "prompt": 2048,
        "num_generations": 8, "learning_rate": 1e-6, "warmup_steps": 20, "weight_decay": 0,
        "temperature": 0.99, "top_p": 0.99, "top_k": 100, "max_completion_length": 4096,
        "epsilon": 0.2, "epsilon_high": PAPER[model], "beta": 0, "loss_type": "dapo",
        "max_grad_norm": 1, "seed": 42, "per_device_train_batch_size": 4,
        "importance_sampling_level": "token",
    }  # fmt: skip
    assert (args.use_vllm, args.vllm_mode) == (True, "server")
    assert not args.vllm_importance_sampling_correction  # the paper has none
    assert args.lr_scheduler_type == "constant_with_warmup"
    credit = args.build_credit()
    assert (credit.scheme, credit.reward, credit.combine, credit.weight) == (
        "intra", "aon", "add", 0.5,
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_laid_over_a_recipe(method: str) -> None:
    config = composed(f"experiment=[rtt/paper/qwen3_4b,rtt/method/{method}]")
    credit = config.credit
    told = (credit.scheme, credit.reward, type(config.relevance).__name__)
    assert told == METHODS[method]
    assert config.policy.path == "Qwen/Qwen3-4B-Instruct-2507"
    assert credit.weight == 0.5


def test_every_method_has_a_file() -> None:
    assert {path.stem for path in (RECIPES / "method").glob("*.yaml")} == set(METHODS)
