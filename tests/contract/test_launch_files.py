"""The launch configurations are what the installed accelerate reads and acts on."""

from __future__ import annotations

from typing import Any

import pytest

from lmcommon.app import conf_dir
from lmcommon.extras import is_available

if not (is_available("accelerate") and is_available("hydra")):
    pytest.skip("needs rtt-llm[trl] and lmcommon[app]", allow_module_level=True)

from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

FOLDER = conf_dir() / "launch"
FILES = {
    "cpu": (1, 2, "MULTI_GPU"), "ddp": (1, 8, "MULTI_GPU"), "fsdp2": (1, 8, "FSDP"),
    "two_nodes": (2, 16, "FSDP"), "zero2": (1, 8, "DEEPSPEED"), "zero3": (1, 8, "DEEPSPEED"),
}  # fmt: skip


def arguments(name: str, *more: str) -> Any:
    """What `accelerate launch --config_file NAME` comes to."""
    words = ["--config_file", str(FOLDER / f"{name}.yaml"), *more, "-m", "rtt.run.train"]
    return _validate_launch_command(launch_command_parser().parse_args(words))[0]


@pytest.mark.parametrize("name", FILES)
def test_accelerate_loads_the_file(name: str) -> None:
    loaded = load_config_from_file(str(FOLDER / f"{name}.yaml"))
    told = (loaded.num_machines, loaded.num_processes, loaded.distributed_type.value)
    assert told == FILES[name]


def test_every_file_is_tested() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(FILES)


@pytest.mark.parametrize("name", ["fsdp2", "two_nodes"])
def test_fsdp_is_the_second_version_and_saves_whole_weights(name: str) -> None:
    where = ["--main_process_ip", "10.0.0.1", "--main_process_port", "0"]  # 0: any free one
    environment = prepare_multi_gpu_env(arguments(name, *where))
    told = {
        key: value
        for key, value in environment.items()
        if key.startswith("FSDP") or key in ("ACCELERATE_USE_FSDP", "ACCELERATE_MIXED_PRECISION")
    }
    assert told["ACCELERATE_USE_FSDP"] == "true"
    assert told["ACCELERATE_MIXED_PRECISION"] == "bf16"
    assert told["FSDP_VERSION"] == "2"
    assert told["FSDP_STATE_DICT_TYPE"] == "FULL_STATE_DICT"
    assert told["FSDP_RESHARD_AFTER_FORWARD"] == "true"
    assert told["FSDP_ACTIVATION_CHECKPOINTING"] == "false"


@pytest.mark.parametrize(("name", "stage"), [("zero2", 2), ("zero3", 3)])
def test_deepspeed_is_told_the_stage(name: str, stage: int) -> None:
    _, environment = prepare_deepspeed_cmd_env(
        with_fields(arguments(name, "--main_process_port", "0"))
    )
    assert environment["ACCELERATE_USE_DEEPSPEED"] == "true"
    assert environment["ACCELERATE_DEEPSPEED_ZERO_STAGE"] == str(stage)
    assert environment["ACCELERATE_MIXED_PRECISION"] == "bf16"


def with_fields(got: Any) -> Any:
    """As `launch_command` does before it starts DeepSpeed."""
    got.deepspeed_fields_from_accelerate_config = "zero_stage"
    return got


def test_fewer_processes_can_be_asked_for_on_the_command_line() -> None:
    assert arguments("fsdp2", "--num_processes", "4").num_processes == 4


def test_two_processes_on_processors_go_through_torchrun() -> None:
    got = arguments("cpu")
    assert got.multi_gpu
    assert got.use_cpu
    assert got.num_processes == 2
