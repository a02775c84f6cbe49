"""The commands that start a run: vLLM's server, accelerate, torchrun, a Slurm cluster."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from lmcommon.app import conf_dir
from rtt.run.launching import Launch
from rtt.run.planning.batches import BatchPlan
from rtt.run.trl_engine import TrlEngine

__all__ = ["launch_commands", "torch_environment"]


def torch_environment(file: str) -> dict[str, str]:
    """What `accelerate launch` would put into the environment for FSDP or ZeRO.

    For launchers that start processes and know nothing of these: torchrun, Slurm.
    """
    if not file:
        return {}
    told = yaml.safe_load((conf_dir() / "launch" / f"{file}.yaml").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    if told["distributed_type"] == "FSDP":
        found["ACCELERATE_USE_FSDP"] = "true"
        found |= {key.upper(): _word(value) for key, value in told["fsdp_config"].items()}
    if told["distributed_type"] == "DEEPSPEED":
        fields = told["deepspeed_config"]
        found["ACCELERATE_USE_DEEPSPEED"] = "true"
        found["ACCELERATE_DEEPSPEED_ZERO_STAGE"] = str(fields["zero_stage"])
        if fields["zero3_init_flag"]:
            found["ACCELERATE_DEEPSPEED_ZERO3_INIT"] = "true"
        if fields.get("zero3_save_16bit_model"):
            found["ACCELERATE_DEEPSPEED_ZERO3_SAVE_16BIT_MODEL"] = "true"
    if told.get("mixed_precision", "no") != "no":
        found["ACCELERATE_MIXED_PRECISION"] = told["mixed_precision"]
    return found


def launch_commands(
    config: Any, batch: BatchPlan, overrides: Sequence[str]
) -> list[tuple[str, str]]:
    """(what it is, command) of every way to start the run, the server first."""
    launch: Launch = config.launch
    words = " ".join(shlex.quote(word) for word in overrides)
    server = _server(config, batch)
    is_shared = bool(server) and launch.nodes == 1
    seen = _visible(range(launch.gpus - launch.rollout_gpus)) if is_shared else ""
    if launch.world < 2:
        return [*server, ("run", f"{seen}rtt-train {words}".strip())]
    train = f"-m rtt.run.train {words}"
    return [
        *server,
        ("accelerate", f"{seen}{_accelerate(launch)} {train}"),
        ("torchrun", f"{seen}{_assigned(_told(launch))}{_torchrun(launch)} {train}"),
        ("Slurm", _slurm(launch, words)),
    ]


def _server(config: Any, batch: BatchPlan) -> list[tuple[str, str]]:
    engine, launch = config.engine, config.launch
    if not isinstance(engine, TrlEngine) or not launch.rollout_gpus:
        return []
    gpus = range(launch.gpus - launch.rollout_gpus, launch.gpus)
    where = "in its own shell" if launch.nodes == 1 else "on a machine of its own"
    length = f" --max_model_len {batch.sequence_tokens}" if batch.prompt_tokens else ""
    return [
        (
            f"vLLM, first and {where}",
            f"{_visible(gpus)}trl vllm-serve --model {config.policy.path} "
            f"--tensor_parallel_size {launch.rollout_gpus} --gpu_memory_utilization 0.9{length}",
        )
    ]


def _accelerate(launch: Launch) -> str:
    file = conf_dir() / "launch" / f"{launch.file or ('ddp' if launch.gpus else 'cpu')}.yaml"
    many = (
        f" --num_machines {launch.training_nodes} --machine_rank RANK --main_process_ip HOST "
        "--main_process_port 29500"
        if launch.training_nodes > 1
        else ""
    )
    return (
        f"accelerate launch --config_file {shlex.quote(str(file))} "
        f"--num_processes {launch.world}{many}"
    )


def _torchrun(launch: Launch) -> str:
    each = launch.world // launch.training_nodes
    where = (
        "--standalone"
        if launch.training_nodes == 1
        else f"--nnodes {launch.training_nodes} --rdzv-backend c10d --rdzv-endpoint HOST:29500"
    )
    return f"torchrun {where} --nproc-per-node {each}"


def _slurm(launch: Launch, words: str) -> str:
    each = launch.world // launch.training_nodes
    gpus = f" hydra.launcher.gpus_per_node={launch.gpus}" if launch.gpus else ""
    told = _assigned(_told(launch)).strip()
    setup = " " + shlex.quote(f'hydra.launcher.setup=["export {told}"]') if told else ""
    return (
        f"rtt-train -m hydra/launcher=submitit_slurm hydra.launcher.nodes={launch.training_nodes} "
        f"hydra.launcher.tasks_per_node={each}{gpus} hydra.launcher.timeout_min=1440{setup} {words}"
    ).strip()


def _told(launch: Launch) -> Mapping[str, str]:
    return torch_environment(launch.file if launch.shards != "nothing" else "")


def _assigned(values: Mapping[str, str]) -> str:
    return "".join(f"{key}={value} " for key, value in values.items())


def _visible(gpus: Sequence[int]) -> str:
    return f"CUDA_VISIBLE_DEVICES={','.join(map(str, gpus))} "


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
