"""rtt-baseline in a process of its own, on recorded responses to the words task."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from lmcommon.app import compose
from lmcommon.app.unkept import Unkept
from lmcommon.errors import UserError
from lmcommon.extras import is_available
from lmcommon.rng import random_for
from rtt.records import records_of, write_rollouts
from rtt.run.baseline import baseline, main
from rtt.tasks.words import WordsTask
from rtt.train.scoring import Scorer
from rtt.types import Group, Rollout

from .verb_support import run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (is_available("hydra") and is_available("trl")),
        reason="needs lmcommon[app] and rtt-llm[trl]",
    ),
]
SMALL = [
    "policy.hidden=32", "baseline.rows_at_once=8", "baseline.accumulation=1",
    "baseline.learning_rate=5e-3", "baseline.warmup=2", "baseline.heldout=8",
]  # fmt: skip


def command(*arguments: str, name: str = "baseline") -> list[str]:
    return [sys.executable, "-m", f"rtt.run.{name}", *arguments]


def verb(*arguments: str, cwd: Path, name: str = "baseline") -> subprocess.CompletedProcess[str]:
    return run(name, *arguments, cwd=cwd)


def record(folder: Path, *, care: float, split: str = "train") -> Path:
    """Responses to 24 prompts that meet each criterion with probability `care`, four to each."""
    task, groups = WordsTask(), []
    for place, prompt in enumerate(islice(task.prompts(split, 3), 24)):  # type: ignore[arg-type]
        texts = [
            task.sketch(prompt, random_for(5, "sketch", place, draw), care=care)
            for draw in range(4)
        ]
        rollouts = tuple(
            Rollout(
                prompt_id=prompt.id, tokens=(1,), logprobs=(-1.0,), text=text,
                offsets=((0, len(text)),), finish_reason="stop",
            )
            for text in texts
        )  # fmt: skip
        groups.append(Group(prompt=prompt, rollouts=rollouts))
    folder.mkdir()
    write_rollouts(folder / "rollouts.jsonl", records_of(Scorer().score(groups)))
    return folder


def rows(path: Path) -> list[dict[str, Any]]:
    """Whole rows without the times."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [
        {k: v for k, v in json.loads(line).items() if "runtime" not in k and "per_second" not in k}
        for line in lines
        if line.endswith("}")
    ]


@pytest.mark.slow
def test_sft_learns_recorded_responses_and_rtt_rollout_samples_what_came_of_it(
    tmp_path: Path,
) -> None:
    recorded = record(tmp_path / "recorded", care=0.9)
    done = verb(f"rollouts={recorded}", *SMALL, "baseline.epochs=4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    data = figures["data"]
    assert (figures["method"], data["responses"]) == ("SFT", 96)
    assert 0 < data["trained_on"] == 96 - data["violating"] - data["repeated"]
    assert figures["late_loss"] < figures["first_loss"]
    told = rows(Path(figures["run"]) / "metrics.jsonl")
    assert [row["step"] for row in told] == list(range(figures["steps"] + 1))
    assert "heldout_all_satisfied" in told[0]
    assert "heldout_all_satisfied" in told[-1]
    sampled = verb(
        "policy=pretrained", f"policy.path={figures['policy']}", "prompts=4", "samples=2",
        cwd=tmp_path, name="rollout",
    )  # fmt: skip
    assert sampled.returncode == 0, sampled.stderr
    assert json.loads(sampled.stdout.splitlines()[-1])["responses"] == 8


def test_dpo_learns_better_from_worse(tmp_path: Path) -> None:
    recorded = record(tmp_path / "recorded", care=0.6)
    done = verb(
        "baseline=dpo", f"rollouts=[{recorded / 'rollouts.jsonl'}]", *SMALL, "baseline.steps=6",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["method"], figures["steps"]) == ("DPO", 6)
    assert figures["data"]["trained_on"] == figures["data"]["prompts"] - figures["data"]["ties"]
    told = rows(Path(figures["run"]) / "metrics.jsonl")
    assert told[-1]["rewards/margins"] > told[1]["rewards/margins"], told


def test_heldout_prompts_are_never_trained_on(tmp_path: Path) -> None:
    """All that was recorded belongs to the prompts of the evaluation."""
    recorded = record(tmp_path / "recorded", care=1.0, split="heldout")
    done = verb(f"rollouts={recorded}", *SMALL, "baseline.heldout=2000", cwd=tmp_path)
    assert done.returncode == 2
    assert "'held_out': 96" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_rollouts_one_line_says_what_to_give(tmp_path: Path) -> None:
    done = verb(cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "rollouts: expected a rollouts file of rtt-rollout or rtt-train" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.mark.parametrize(("overrides", "expected"), [
    (["rollouts=nowhere.jsonl"], "rollouts: expected a run folder.*got 'nowhere.jsonl'"),
    (["rollouts=recorded", "rejected=recorded"], "rejected: expected nothing with baseline=sft"),
    (["rollouts=recorded", "baseline=dpo", "baseline.accept=all"], "rejected: expected the file"),
    (["rollouts=recorded", "baseline.accept=some"], "baseline.accept: .*got 'some'"),
    (["rollouts=recorded", "baseline.epochs=0"], "baseline.epochs: expected a number above 0"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_before_any_model_is_loaded(
    overrides: list[str], expected: str, tmp_path: Path
) -> None:
    record(tmp_path / "recorded", care=1.0)
    full = [one.replace("=recorded", f"={tmp_path / 'recorded'}") for one in overrides]
    with pytest.raises(UserError, match=expected):
        baseline(compose(main.name, main.schema, main.groups, full), Unkept())


@pytest.mark.slow
def test_a_run_killed_and_resumed_has_the_metrics_of_an_uninterrupted_one(tmp_path: Path) -> None:
    recorded = record(tmp_path / "recorded", care=0.9)
    arguments = [
        f"rollouts={recorded}", *SMALL, "baseline.steps=60", "baseline.checkpoint_every=5",
    ]  # fmt: skip
    whole = verb(*arguments, "hydra.run.dir=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    victim = subprocess.Popen(
        command(*arguments, "hydra.run.dir=killed"), cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    told = tmp_path / "killed" / "metrics.jsonl"
    deadline = time.monotonic() + 200
    while len(rows(told)) < 9 and time.monotonic() < deadline and victim.poll() is None:
        time.sleep(0.01)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait(timeout=60)
    assert 9 <= len(rows(told)) < 61
    resumed = verb("resume=killed", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert rows(told) == rows(tmp_path / "whole" / "metrics.jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_two_processes_take_the_steps_of_one(kind: str, tmp_path: Path) -> None:
    recorded = record(tmp_path / "recorded", care=0.6)
    arguments = [f"baseline={kind}", f"rollouts={recorded}", *SMALL, "baseline.steps=2"]
    one = verb(*arguments, "hydra.run.dir=one", cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    two = subprocess.run(
        [sys.executable, *launcher, "-m", "rtt.run.baseline", *arguments,
         "baseline.rows_at_once=4", "hydra.run.dir=two"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert two.returncode == 0, two.stderr[-4000:]
    wanted, told = (rows(tmp_path / run / "metrics.jsonl") for run in ("one", "two"))
    assert len(told) == 3
    for got, row in zip(told[1:], wanted[1:], strict=True):
        for key in ("step", "loss", "grad_norm", "tokens"):
            assert got[key] == pytest.approx(row[key], rel=1e-4), (key, got, row)
