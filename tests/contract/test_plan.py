"""rtt-plan as it is called: what it prints, what it refuses, commands that the launchers take."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from lmcommon.app import conf_dir
from lmcommon.extras import is_available

if not (is_available("trl") and is_available("hydra")):
    pytest.skip("needs rtt-llm[trl] and lmcommon[app]", allow_module_level=True)

from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_multi_gpu_env

from rtt.run.plan import main
from rtt.run.planning.commands import torch_environment

PAPER = ["experiment=rtt/paper/qwen3_4b", "task.path=rows.jsonl"]


def planned(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, dict[str, Any]]:
    """Exit code, everything printed, and the last line."""
    code = main.run(list(words))
    told = capsys.readouterr()
    return code, told.out + told.err, json.loads(told.out.splitlines()[-1])


def test_the_papers_plan_says_who_does_what(capsys: pytest.CaptureFixture[str]) -> None:
    code, told, figures = planned(capsys, *PAPER)
    assert code == 0, told
    assert figures["problems"] == []
    assert (figures["rows"], figures["steps"], figures["processes"]) == (512, 1000, 4)
    assert figures["parameters"] == 4_022_468_096
    assert "GPUs 4-7: vLLM server" in told
    assert "GPUs 0-3: 2 optimiser step(s)" in told
    assert "4 process(es) x 16 passes x 4 rows" in told


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("engine.prompts=63", "multiple of minibatches * processes * rows_at_once"),
        ("+engine.options.vlm_mode=server", "fields of trl.GRPOConfig"),
        ("task.max_tokens=300000", "the policy's context"),
        ("engine.heldout=8", "expected 0 where the weights lie in pieces"),
        ("launch.rollout_gpus=0", "how many GPUs serve vLLM"),
        ("task.path=", "task.path: expected a file"),
        ("engine.options.scale_rewards=none", "scale_rewards: expected 'group'"),
    ],
)
def test_what_is_wrong_is_an_error_with_exit_code_2(
    capsys: pytest.CaptureFixture[str], changed: str, said: str
) -> None:
    words = changed.replace("engine.options.scale", "+engine.options.scale")
    code, told, figures = planned(capsys, *PAPER, words)
    assert code == 2
    assert any(said in problem for problem in figures["problems"]), figures["problems"]
    assert said in told


def test_it_takes_the_words_of_rtt_train() -> None:
    choices = [
        re.sub("rtt_(train|plan)", "", (conf_dir() / "rtt" / f"{verb}.yaml").read_text()).split(
            "defaults:"
        )[1]
        for verb in ("train", "plan")
    ]
    assert choices[0] == choices[1]


def test_the_accelerate_command_is_one_that_accelerate_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, _, figures = planned(capsys, *PAPER)
    words = shlex.split(figures["commands"]["accelerate"])
    assert words[:3] == ["CUDA_VISIBLE_DEVICES=0,1,2,3", "accelerate", "launch"]
    got, _, _ = _validate_launch_command(launch_command_parser().parse_args(words[3:]))
    assert (got.num_processes, got.use_fsdp, got.module) == (4, True, True)
    assert got.training_script == "rtt.run.train"
    assert got.training_script_args == PAPER


@pytest.mark.parametrize("name", ["fsdp2", "two_nodes"])
def test_torchrun_is_told_what_accelerate_would_tell(name: str) -> None:
    file = str(conf_dir() / "launch" / f"{name}.yaml")
    where = ["--main_process_ip", "10.0.0.1", "--main_process_port", "0"]  # 0: any free one
    words = ["--config_file", file, *where, "-m", "x"]
    got, _, _ = _validate_launch_command(launch_command_parser().parse_args(words))
    theirs = prepare_multi_gpu_env(got)
    ours = torch_environment(name)
    assert {"ACCELERATE_USE_FSDP", "FSDP_VERSION", "ACCELERATE_MIXED_PRECISION"} <= set(ours)
    assert ours == {key: theirs.get(key) for key in ours}


def test_on_three_machines_two_train_and_one_serves(capsys: pytest.CaptureFixture[str]) -> None:
    machines = ["launch.nodes=3", "launch.rollout_gpus=8", "launch.file=two_nodes"]
    code, told, figures = planned(capsys, *PAPER, *machines)
    assert code == 0, told
    assert "16 GPUs of 2 machine(s)" in told
    assert "4 passes x 4 rows" in told
    assert any("engine.vllm.server_url" in one for one in figures["warnings"]), figures
    commands = figures["commands"]
    assert "--num_processes 16 --num_machines 2 --machine_rank RANK" in commands["accelerate"]
    assert "--nnodes 2" in commands["torchrun"]
    assert "hydra.launcher.nodes=2 hydra.launcher.tasks_per_node=8" in commands["Slurm"]


def test_the_slurm_command_is_one_that_hydra_reads(capsys: pytest.CaptureFixture[str]) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    _, _, figures = planned(capsys, *PAPER)
    words = shlex.split(figures["commands"]["Slurm"])
    assert words[:2] == ["rtt-train", "-m"]
    read = {
        one.key_or_group: one.value() for one in OverridesParser.create().parse_overrides(words[2:])
    }
    assert read["hydra/launcher"] == "submitit_slurm"
    assert read["hydra.launcher.tasks_per_node"] == 4
    (line,) = read["hydra.launcher.setup"]
    assert str(line).startswith("export ACCELERATE_USE_FSDP=true FSDP_VERSION=2 ")


def test_the_vllm_command_is_one_that_trl_takes(capsys: pytest.CaptureFixture[str]) -> None:
    from trl.scripts.vllm_serve import make_parser

    _, _, figures = planned(capsys, *PAPER)
    words = shlex.split(next(iter(figures["commands"].values())))
    assert words[:3] == ["CUDA_VISIBLE_DEVICES=4,5,6,7", "trl", "vllm-serve"]
    (got,) = make_parser().parse_args_and_config(words[3:], separate_remaining_strings=False)
    assert (got.tensor_parallel_size, got.max_model_len) == (4, 6144)


def test_what_a_hub_gives_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    _, told, _ = planned(capsys, PAPER[0], "task.path=sastpg/HIR-16K")
    assert "downloads policy Qwen/Qwen3-4B-Instruct-2507, data sastpg/HIR-16K" in told


def test_a_recipe_of_its_own_is_one_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, told, figures = planned(capsys, "experiment=rtt/cpu_tiny", "seed=4")
    assert code == 0, told
    assert figures["commands"] == {"run": "rtt-train experiment=rtt/cpu_tiny seed=4"}


LOCAL = ["engine=local", "policy=tiny", "launch.gpus=1"]


@pytest.mark.parametrize(
    ("sampler", "rollout", "weights"),
    [
        (["sampler=vllm"], "GPU 0: vLLM in each training process", "in the process"),
        (
            ["sampler=vllm_server", "sampler.url=http://host:1"],
            "vLLM server at http://host:1 (rtt-serve)", "a file in shared memory",
        ),
        (["sampler=auto"], "GPU 0: transformers", None),
        (["sampler=transformers"], "GPU 0: transformers", None),
    ],
)  # fmt: skip
def test_the_local_engine_is_planned_with_its_own_sampler(
    capsys: pytest.CaptureFixture[str], sampler: list[str], rollout: str, weights: str | None
) -> None:
    code, told, _ = planned(capsys, *LOCAL, *sampler)
    assert code == 0, told
    assert f"1 rollout    {rollout}" in told
    assert ("6 weights" in told) == (weights is not None)
    assert weights is None or f"to vLLM, {weights}, before every rollout batch" in told


def test_what_auto_takes_is_left_open_for_a_policy_from_a_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    policy = ["policy=pretrained", "policy.path=Qwen/Qwen2.5-0.5B-Instruct"]
    _, told, _ = planned(capsys, "engine=local", *policy, "launch.gpus=1")
    assert "vLLM in this process where it is installed, else transformers" in told


def test_vllm_beside_the_local_trainer_counts_in_its_gpus_memory(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, _, alone = planned(capsys, *LOCAL, "sampler=transformers")
    _, told, beside = planned(capsys, *LOCAL, "sampler=vllm", "sampler.memory_share=0.5")
    assert beside["gpu_bytes"] - alone["gpu_bytes"] == 0.5 * 80e9
    assert "sampled with transformers" not in told


def test_an_engine_in_each_of_several_local_processes_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, told, _ = planned(capsys, "engine=local", "launch.gpus=2", "sampler=vllm")
    assert code == 2
    assert "expected vllm_server with several processes" in told
