"""The verbs of rtt in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lmcommon.extras import is_available

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]"),
]
SMALL = [
    "warm_start.steps=4", "warm_start.check_prompts=8", "policy.hidden=32", "train.steps=3",
    "train.prompts=4", "train.samples=4", "train.eval_every=2", "train.heldout=8",
]  # fmt: skip


def verb(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"rtt.run.{name}", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_train_ends_with_its_figures_as_json(tmp_path: Path) -> None:
    done = verb("train", *SMALL, "experiment=rtt/words_rtt_aon", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["method"] == "RTT-AON"
    assert figures["steps"] == 3
    folder = Path(figures["run"])
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2, 3]
    assert json.loads((folder / "summary.json").read_text()) == figures


def test_a_wrong_scheme_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = verb("train", "credit.scheme=intro", cwd=tmp_path)
    assert done.returncode == 2
    assert "none, intra, inter" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_run_killed_and_resumed_has_the_metrics_of_an_uninterrupted_one(tmp_path: Path) -> None:
    arguments = [*SMALL, "train.steps=40", "train.checkpoint_every=3"]
    whole = verb("train", *arguments, "hydra.run.dir=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    victim = subprocess.Popen(
        [sys.executable, "-m", "rtt.run.train", *arguments, "hydra.run.dir=killed"],
        cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    recorded = tmp_path / "killed" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while len(rows(recorded)) < 6 and time.monotonic() < deadline and victim.poll() is None:
        time.sleep(0.02)
    victim.kill()
    victim.wait()
    before = len(rows(recorded))
    resumed = verb("train", "resume=killed", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert 6 <= before < 41, before
    assert rows(recorded) == rows(tmp_path / "whole" / "metrics.jsonl")


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
    done = verb("demo", *SMALL, "methods=[aon,rtt_aon]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert set(figures["methods"]) == {"AON", "RTT-AON"}
    assert "RTT-AON minus AON" in figures["gains"]
    assert Path(figures["learning_curve"]).read_bytes().startswith(b"\x89PNG")
    assert "<!doctype html>" in Path(figures["credit_html"]).read_text(encoding="utf-8")
