"""The verbs of rtt in a process of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lmcommon.extras import is_available
from rtt.records import read_rollouts

from .verb_support import run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]"),
]
SMALL = [
    "warm_start.steps=4", "warm_start.check_prompts=8", "policy.hidden=32", "train.steps=3",
    "train.prompts=4", "train.samples=4", "train.eval_every=2", "train.heldout=8",
]  # fmt: skip


def test_train_ends_with_its_figures_as_json(tmp_path: Path) -> None:
    done = run("train", *SMALL, "experiment=rtt/words_rtt_aon", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["method"] == "RTT-AON"
    assert figures["steps"] == 3
    folder = Path(figures["run"])
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2, 3]
    recorded = list(read_rollouts(folder / "rollouts.jsonl"))
    assert [(one.step, one.group, one.sample) for one in recorded] == [
        (2, group, sample) for group in range(4) for sample in range(4)
    ]
    assert all(len(one.advantage) == len(one.scored.rollout.tokens) for one in recorded)
    assert json.loads((folder / "summary.json").read_text()) == figures


def test_a_wrong_scheme_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = run("train", "credit.scheme=intro", cwd=tmp_path)
    assert done.returncode == 2
    assert "none, intra, inter" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_run_killed_and_resumed_has_the_metrics_of_an_uninterrupted_one(tmp_path: Path) -> None:
    arguments = [*SMALL, "train.steps=40", "train.checkpoint_every=3", "train.record_every=5"]
    whole = run("train", *arguments, "hydra.run.dir=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    victim = start([], arguments, cwd=tmp_path)
    before = rows_when_dead(victim, [victim.pid], tmp_path)
    resumed = run("train", "resume=killed", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert 6 <= before < 41, before
    assert rows(tmp_path / "killed" / "metrics.jsonl") == rows(tmp_path / "whole" / "metrics.jsonl")
    recorded = [tmp_path / name / "rollouts.jsonl" for name in ("whole", "killed")]
    assert rows(recorded[1]) == rows(recorded[0])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds its victim in /proc")
def test_a_sharded_run_killed_and_resumed_has_the_metrics_of_an_uninterrupted_one(
    tmp_path: Path,
) -> None:
    """One of two processes is killed; the two that go on end as one that was never disturbed."""
    arguments = [*SMALL, "train.steps=20", "train.checkpoint_every=3", "engine.parallel=fsdp2"]
    whole = run("train", *arguments, "hydra.run.dir=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    victim = start(launcher, arguments, cwd=tmp_path)
    children = Path(f"/proc/{victim.pid}/task/{victim.pid}/children")
    workers = []
    while len(workers) < 2 and victim.poll() is None:
        workers = [int(pid) for pid in children.read_text(encoding="utf-8").split()]
        time.sleep(0.05)
    before = rows_when_dead(victim, workers[1:2], tmp_path)
    assert 6 <= before < 21, before
    resumed = start(launcher, ["resume=killed"], cwd=tmp_path)
    code = resumed.wait(timeout=300)
    assert code == 0, (tmp_path / "said.txt").read_text(encoding="utf-8")
    expected = rows(tmp_path / "whole" / "metrics.jsonl")
    for row, wanted in zip(rows(tmp_path / "killed" / "metrics.jsonl"), expected, strict=True):
        assert row.keys() == wanted.keys()
        for key, value in wanted.items():
            assert row[key] == pytest.approx(value, rel=1e-4, abs=1e-7), (wanted["step"], key)


def start(launcher: list[str], arguments: list[str], cwd: Path) -> subprocess.Popen[bytes]:
    """rtt-train in the folder `killed`, not waited for; what the last one said is in said.txt."""
    with (cwd / "said.txt").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, *launcher, "-m", "rtt.run.train", *arguments, "hydra.run.dir=killed"],
            cwd=cwd, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=said, stderr=said,
        )  # fmt: skip


def rows_when_dead(victim: subprocess.Popen[bytes], pids: list[int], folder: Path) -> int:
    """Kill some processes after six rows or more, wait for the end; how many rows there are."""
    recorded = folder / "killed" / "metrics.jsonl"
    deadline = time.monotonic() + 200
    while len(rows(recorded)) < 6 and time.monotonic() < deadline and victim.poll() is None:
        time.sleep(0.02)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    victim.wait(timeout=100)
    return len(rows(recorded))


def rows(path: Path) -> list[dict[str, object]]:
    """Whole rows without the times."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [
        {k: v for k, v in json.loads(line).items() if not k.endswith("_s")}
        for line in lines
        if line.endswith("}")
    ]


@pytest.mark.slow
@pytest.mark.skipif(not is_available("matplotlib"), reason="needs rtt-llm[plot]")
def test_demo_trains_side_by_side_and_names_its_files(tmp_path: Path) -> None:
    done = run("demo", *SMALL, "methods=[aon,rtt_aon]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert set(figures["methods"]) == {"AON", "RTT-AON"}
    assert "RTT-AON minus AON" in figures["gains"]
    assert Path(figures["learning_curve"]).read_bytes().startswith(b"\x89PNG")
    assert "<!doctype html>" in Path(figures["credit_html"]).read_text(encoding="utf-8")
