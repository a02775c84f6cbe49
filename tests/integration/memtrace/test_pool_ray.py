"""Conversations over a Ray cluster: one machine, several worker processes, some of them killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.llm.config import BudgetConfig, OpenAIConfig
from lmcommon.runlog import Run
from lmcommon.testing.stub_server import StubServer
from memtrace.memory.config import RagConfig
from memtrace.run.pipeline import Results
from memtrace.run.pool import Cluster, Setup, record_in_pool

pytestmark = pytest.mark.ray

ROWS = [
    generate_conversation(seed, num_sessions=2, num_people=2, num_questions=4) for seed in range(4)
]
KEYS = [("words", row.id, question.id) for row in ROWS for question in row.questions]
DRILL = uuid.uuid4().hex


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A cluster of this machine with room for three workers; its processes carry our mark."""
    os.environ["MEMTRACE_DRILL"] = DRILL
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    import ray

    ray.init(
        num_cpus=3, include_dashboard=False, log_to_driver=False, configure_logging=False,
        _node_ip_address="127.0.0.1",
    )  # fmt: skip
    yield
    ray.shutdown()


def go(
    folder: Path, server: StubServer, *, shared: Path | None = None, on_ray: bool = True,
    **changes: Any,
) -> Results:  # fmt: skip
    llm = OpenAIConfig(
        model=server.model, base_url=server.base_url, api_key_env=None, concurrency=1, **changes
    )
    setup = Setup(llm=llm, systems={"words": RagConfig(retriever="bm25")}, batch_size=1)
    run = Run(folder)
    run.start(command=[], overrides=[], verb="test")
    where = Cluster(workers=3, shared_folder=shared) if on_ray else None
    return record_in_pool(run, ROWS, setup, workers=3, cluster=where)


def check_whole(folder: Path, results: Results) -> None:
    assert [episode.key for episode in results.episodes] == KEYS
    with memtrace.open(folder / "trace.db") as trace:
        for episode in results.episodes:
            if episode.answer is not None:
                assert trace.value(episode.answer) == episode.prediction
    assert not (folder / "parts").exists()


def kill_a_worker() -> None:
    """SIGKILL for one process of our cluster that is at a task."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes()
            ours = f"MEMTRACE_DRILL={DRILL}".encode() in (place / "environ").read_bytes()
        except OSError:
            continue
        if ours and command.startswith(b"ray::_Actor"):
            os.kill(int(place.name), signal.SIGKILL)
            return
    raise AssertionError("no worker of this cluster is at a task")


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_cluster_gives_what_one_machine_gives(is_shared: bool, tmp_path: Path) -> None:
    shared = tmp_path / "shared" if is_shared else None
    with StubServer(latency_s=0.1) as server:
        there = go(tmp_path / "there", server, shared=shared)
        assert server.max_at_once >= 2, "several workers at once"
        here = go(tmp_path / "here", server, on_ray=False)
    check_whole(tmp_path / "there", there)
    assert [(e.key, e.answer, e.prediction, e.verdict) for e in there.episodes] == [
        (e.key, e.answer, e.prediction, e.verdict) for e in here.episodes
    ]
    assert not is_shared or not list((tmp_path / "shared").iterdir()), "parts are cleared away"


def test_a_budget_holds_over_the_cluster(tmp_path: Path) -> None:
    with StubServer(latency_s=0.02) as server:
        results = go(tmp_path, server, budget=BudgetConfig(calls=7))
        assert len(server.received) == 7
    kinds = [episode.failure_kind for episode in results.episodes]
    assert kinds.count("budget") == len(KEYS) - 7


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_task_whose_worker_died_is_tried_again(is_shared: bool, tmp_path: Path) -> None:
    killed: list[int] = []

    def reply(_: Mapping[str, Any]) -> str:
        if len(server.received) >= 5 and not killed:
            killed.append(1)
            kill_a_worker()
        return "I do not know."

    with StubServer(reply, latency_s=0.1) as server:
        shared = tmp_path / "shared" if is_shared else None
        results = go(tmp_path / "run", server, shared=shared)
        repeated = len(server.received) - len(KEYS)
    check_whole(tmp_path / "run", results)
    assert killed
    assert not any(episode.is_unscored for episode in results.episodes)
    most = 2 if is_shared else 4
    assert repeated <= most, "at most the question under way, or with its disk the conversation"


def test_a_task_that_kills_every_worker_is_reported(tmp_path: Path) -> None:
    poison = ROWS[1].questions[2].text

    def deadly(body: Mapping[str, Any]) -> str:
        if poison in body["messages"][-1]["content"]:
            kill_a_worker()
        return "I do not know."

    with StubServer(deadly) as server:
        run = Run(tmp_path)
        run.start(command=[], overrides=[], verb="test")
        llm = OpenAIConfig(
            model=server.model, base_url=server.base_url, api_key_env=None, attempts=1
        )
        setup = Setup(llm=llm, systems={"words": RagConfig(retriever="bm25")}, batch_size=1)
        first = record_in_pool(run, ROWS, setup, workers=1, cluster=Cluster(workers=1))
        lost = [episode for episode in first.episodes if episode.is_unscored]
        assert {episode.conversation for episode in lost} == {ROWS[1].id}
        assert "died twice" in str(lost[0].verdict.failure)
        server.reply = lambda _: "No."
        run = Run(tmp_path)
        run.start(command=[], overrides=[], verb="test")
        second = record_in_pool(run, ROWS, setup, workers=1, cluster=Cluster(workers=1))
    check_whole(tmp_path, second)
    assert not any(episode.is_unscored for episode in second.episodes)


def test_an_address_without_a_cluster_is_told_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "memtrace.run.trace", "llm=scripted", "memory=rag_bm25",
            "data.size=tiny", "backend=ray", "ray_address=127.0.0.1:1",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()[-1:]
    assert "ray_address='127.0.0.1:1': expected a Ray cluster there" in line


def test_a_killed_driver_loses_nothing_that_lies_in_a_shared_folder(tmp_path: Path) -> None:
    with StubServer(latency_s=0.2) as server:
        command = [
            sys.executable, "-m", "memtrace.run.trace", "llm=openai", f"llm.model={server.model}",
            f"llm.base_url={server.base_url}", "llm.concurrency=1", "memory=rag_bm25",
            "data.size=tiny", "data.number=4", "batch_size=1", "workers=2", "backend=ray",
            f"shared_folder={tmp_path}/shared", f"hydra.run.dir={tmp_path}/run",
        ]  # fmt: skip
        process = subprocess.Popen(command, cwd=tmp_path, start_new_session=True)
        until = time.monotonic() + 90
        while rows_in(tmp_path / "shared") < 4 and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        time.sleep(1.0)  # its workers notice
        kept = rows_in(tmp_path / "shared")
        assert kept >= 4
        before = len(server.received)
        resumed = [sys.executable, "-m", "memtrace.run.trace", f"resume={tmp_path}/run",
                   "workers=0", "backend=local"]  # fmt: skip
        done = subprocess.run(
            resumed, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        assert len(server.received) - before == 32 - kept
    assert Run(tmp_path / "run").read("episodes")


def rows_in(shared: Path) -> int:
    return sum(path.read_text().count("\n") for path in shared.rglob("episodes.jsonl"))
