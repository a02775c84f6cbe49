"""Runs that are killed and go on: nothing is paid for twice, and what a run began with counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from lmcommon.extras import is_available
from lmcommon.testing.stub_server import StubServer
from lmcommon.testing.tiny_lm import make_tiny_lm
from rtt.discriminator.tiny import TinyDiscriminator

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]"),
]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
AT_ONCE = 2
"""Calls of the judge at once: what a kill may cost a second time, in each process."""
LOCAL = ["train.steps=6", "train.prompts=2", "train.samples=2", "train.heldout=2",
         "train.eval_every=3", "train.checkpoint_every=3"]  # fmt: skip
TRL = ["engine=trl", "engine.steps=6", "engine.prompts=2", "engine.samples=2", "engine.heldout=2",
       "engine.eval_every=3", "engine.checkpoint_every=3"]  # fmt: skip


class CountingJudge:
    """Says yes or no by a hash of what it is asked, and counts how often it was asked what.

    Args:
        stop_after: Replies after which it answers nobody until `go_on` is set.
    """

    def __init__(self, stop_after: int | None = None) -> None:
        self.asked: Counter[str] = Counter()
        self.go_on = threading.Event()
        self._stop_after = stop_after
        self._lock = threading.Lock()

    def __call__(self, body: Mapping[str, Any]) -> str:
        question = json.dumps(body["messages"])
        with self._lock:
            self.asked[question] += 1
            is_late = self._stop_after is not None and self.asked.total() > self._stop_after
        if is_late:
            self.go_on.wait(timeout=120)
        bit = sha256(question.encode()).digest()[0] % 2
        return json.dumps({"reason": "read it", "satisfied": bool(bit)})

    @property
    def twice(self) -> int:
        """Questions that were asked again."""
        return sum(count - 1 for count in self.asked.values())


def judged(server: StubServer, folder: Path) -> list[str]:
    """Words of a run whose criteria only a judge can decide."""
    make_tiny_lm(folder / "lm")
    rows = [
        {"id": str(n), "instruction": f"Greet {n}.", "input": "",
         "decomposed_questions": ["Is it kind?", "Is it short?"]}
        for n in range(24)
    ]  # fmt: skip
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [
        "task=rubrics", "task.data=infobench", f"task.path={path}", "task.max_tokens=6",
        "task.heldout_every=4", "policy=pretrained", f"policy.path={folder}/lm",
        "verdicts=hybrid", "relevance=uniform", "llm@judge_llm=openai",
        f"judge_llm.base_url={server.base_url}", "judge_llm.model=stub",
        "judge_llm.api_key_env=null", f"judge_llm.concurrency={AT_ONCE}",
    ]  # fmt: skip


def start(verb: str, *words: str, cwd: Path, processes: int = 1) -> subprocess.Popen[str]:
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        if processes > 1
        else []
    )
    return subprocess.Popen(
        [sys.executable, *launcher, "-m", f"rtt.run.{verb}", *words],
        cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a verb; its figures."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    lines = [line for line in out.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def kill_when(victim: subprocess.Popen[str], judge: CountingJudge, asked: int) -> None:
    """Kill a run as soon as the judge was asked so often."""
    deadline = time.monotonic() + 200
    while judge.asked.total() < asked and time.monotonic() < deadline and victim.poll() is None:
        time.sleep(0.01)
    assert victim.poll() is None, victim.communicate()
    victim.kill()
    victim.communicate()


def metrics(folder: Path) -> list[dict[str, Any]]:
    """Rows of metrics without what depends on the clock."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if not k.endswith("_s") and k != "step_time"}
        for line in lines
    ]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "trl"])
def test_a_verdict_asked_before_a_kill_is_not_paid_for_again(tmp_path: Path, engine: str) -> None:
    if engine == "trl" and not is_available("trl"):
        pytest.skip("needs rtt-llm[trl]")
    size = LOCAL if engine == "local" else TRL
    with StubServer(whole := CountingJudge()) as server:
        words = [*judged(server, tmp_path), *size]
        undisturbed = finish(start("train", *words, "hydra.run.dir=whole", cwd=tmp_path))
        port_free = list(words)
    needed = whole.asked.total()
    assert whole.twice == 0, whole.asked.most_common(3)
    assert undisturbed["judge_calls"] == needed
    # In the middle of a step after the first checkpoint, with calls under way.
    stop = needed * 3 // 4
    with StubServer(judge := CountingJudge(stop_after=stop)) as server:
        words = [
            f"judge_llm.base_url={server.base_url}" if word.startswith("judge_llm.base") else word
            for word in port_free
        ]
        victim = start("train", *words, "hydra.run.dir=killed", cwd=tmp_path)
        kill_when(victim, judge, stop + 1)
        judge.go_on.set()
        resumed = finish(start("train", "resume=killed", cwd=tmp_path))
    assert judge.asked.keys() == whole.asked.keys()
    assert judge.twice <= AT_ONCE, judge.asked.most_common(5)
    assert metrics(tmp_path / "killed") == metrics(tmp_path / "whole")
    # What was under way when it was killed is not in the books: nobody heard what it cost.
    assert needed <= resumed["judge_calls"] <= needed + AT_ONCE, resumed


@pytest.mark.slow
def test_a_budget_counts_on_after_a_kill(tmp_path: Path) -> None:
    with StubServer(judge := CountingJudge(stop_after=12)) as server:
        words = [*judged(server, tmp_path), *LOCAL, "judge_llm.budget.calls=15",
                 "verdicts.patience=1000"]  # fmt: skip
        victim = start("train", *words, "hydra.run.dir=r", cwd=tmp_path)
        kill_when(victim, judge, 13)
        judge.go_on.set()
        told = finish(start("train", "resume=r", cwd=tmp_path))
    # The calls under way at the kill reached the judge and were not settled.
    assert told["judge_calls"] == 15, told
    assert 15 <= judge.asked.total() <= 15 + AT_ONCE
    assert told["unscored"] > 0, "what the budget did not cover is unscored, not violated"


@pytest.mark.slow
def test_the_weights_of_the_relevance_source_must_stay_what_they_were(tmp_path: Path) -> None:
    TinyDiscriminator(hidden=32).build(["amber dune"], seed=0).save(tmp_path / "d")
    size = ["policy.hidden=32", "warm_start.steps=0", "train.prompts=2", "train.samples=2",
            "train.heldout=2", "relevance=discriminator", "relevance.folder=d"]  # fmt: skip
    first = start("train", *size, "train.steps=1", "hydra.run.dir=r", cwd=tmp_path)
    said, err = first.communicate(timeout=300)
    assert first.returncode == 0, err
    assert "credit.floor=0.05 ends that" in said
    (tmp_path / "r" / "result.json").unlink()
    finish(start("train", "resume=r", cwd=tmp_path))
    config = tmp_path / "d" / "config.json"
    config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    again = start("train", "resume=r", cwd=tmp_path)
    _, err = again.communicate(timeout=300)
    assert again.returncode == 2, err
    assert "relevance.folder: expected what the run in" in err
    assert len(err.splitlines()) == 1, err


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "trl"])
def test_every_process_of_a_run_can_be_seen(tmp_path: Path, engine: str) -> None:
    if engine == "trl" and not is_available("trl"):
        pytest.skip("needs rtt-llm[trl]")
    size = LOCAL if engine == "local" else TRL
    words = ["policy.hidden=32", "warm_start.steps=0", *size, "hydra.run.dir=r"]
    finish(start("train", *words, cwd=tmp_path, processes=2))
    for rank in (0, 1):
        lines = (tmp_path / "r" / f"metrics-rank{rank}.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
        assert all(row["tokens"] > 0 and row["peak_memory_mib"] > 0 for row in rows), rows
        assert all(row["unscored_criteria"] == 0 and row["rollout_s"] > 0 for row in rows), rows
    told = finish(shown := start("show", "r", cwd=tmp_path))
    assert shown.returncode == 0
    assert told["ranks"] == 2
    assert told["slowest_rank"] in (0, 1)


def test_training_without_verdicts_is_refused(tmp_path: Path) -> None:
    done = start("train", "verdicts=none", cwd=tmp_path)
    _, err = done.communicate(timeout=120)
    assert done.returncode == 2
    assert "verdicts: expected program or hybrid to train with" in err
    assert len(err.splitlines()) == 1, err
    assert not (tmp_path / "runs").exists()
