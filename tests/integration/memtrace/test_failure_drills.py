"""What goes wrong in long runs, made to happen: killed workers, dead endpoints, full disks."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.llm.config import BudgetConfig, OpenAIConfig
from lmcommon.runlog import Run
from lmcommon.testing.stub_server import StubServer
from memtrace.evaluate import Episode
from memtrace.memory.config import RagConfig
from memtrace.run.pipeline import Results, answered
from memtrace.run.pool import Setup, record_in_pool

ROWS = [
    generate_conversation(seed, num_sessions=2, num_people=2, num_questions=4) for seed in range(4)
]
KEYS = [("words", row.id, question.id) for row in ROWS for question in row.questions]
QUESTIONS = [question.text for row in ROWS for question in row.questions]


def setup_for(server: StubServer, **changes: Any) -> Setup:
    llm = OpenAIConfig(
        model=server.model, base_url=server.base_url, api_key_env=None, concurrency=2, **changes
    )
    return Setup(llm=llm, systems={"words": RagConfig(retriever="bm25")}, batch_size=1)


def go(folder: Path, setup: Setup, workers: int = 2) -> Results:
    run = Run(folder)
    run.start(command=[], overrides=[], verb="test")
    return record_in_pool(run, ROWS, setup, workers=workers)


def asked(server: StubServer) -> list[str]:
    """The questions that came, in order."""
    return [question_in(received.body) for received in server.received]


def question_in(body: Mapping[str, Any]) -> str:
    text = body["messages"][-1]["content"]
    return next(question for question in QUESTIONS if question in text)


def check_whole(folder: Path, episodes: list[Episode]) -> None:
    """Every answer that was told is in the trace, under the id it was told with."""
    assert [episode.key for episode in episodes] == KEYS, "in the order of the data"
    with memtrace.open(folder / "trace.db") as trace:
        for episode in episodes:
            if episode.answer is not None:
                assert trace.value(episode.answer) == episode.prediction
    assert not (folder / "parts").exists()


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    with StubServer() as server:
        one = go(tmp_path / "one", setup_for(server), workers=1)
        three = go(tmp_path / "three", setup_for(server), workers=3)
    assert [(e.key, e.answer, e.prediction, e.verdict) for e in one.episodes] == [
        (e.key, e.answer, e.prediction, e.verdict) for e in three.episodes
    ]
    check_whole(tmp_path / "three", three.episodes)
    assert sum(row["calls"] for row in three.costs) == len(KEYS) == len(server.received) / 2


def test_a_budget_holds_over_all_workers_together(tmp_path: Path) -> None:
    with StubServer(latency_s=0.02) as server:
        results = go(tmp_path, setup_for(server, budget=BudgetConfig(calls=7)), workers=3)
        assert len(server.received) == 7
    kinds = [episode.failure_kind for episode in results.episodes]
    assert kinds.count("budget") == len(KEYS) - 7


def test_a_killed_worker_costs_its_conversation_and_resume_asks_it_again(tmp_path: Path) -> None:
    victims: list[int] = []

    def reply(body: Mapping[str, Any]) -> str:
        if len(server.received) >= 3 and not victims:
            (victim,) = [
                child for child in multiprocessing.active_children()
                if child.name == "memtrace-worker-0"
            ]  # fmt: skip
            victims.append(victim.pid or 0)
            os.kill(victims[0], signal.SIGKILL)
        return "I do not know."

    with StubServer(reply, latency_s=0.05) as server:
        first = go(tmp_path, setup_for(server))
        check_whole(tmp_path, first.episodes)
        lost = [episode for episode in first.episodes if episode.is_unscored]
        assert 1 <= len(lost) <= 4
        assert {episode.conversation for episode in lost} == {lost[0].conversation}
        assert "SIGKILL" in str(lost[0].verdict.failure)
        before = len(server.received)
        kept = answered(Run(tmp_path))
        second = go(tmp_path, setup_for(server))
        again = asked(server)[before:]
    check_whole(tmp_path, second.episodes)
    assert not any(episode.is_unscored for episode in second.episodes)
    assert sorted(again) == sorted(episode.text for episode in lost)
    told = {episode.key: episode.answer for episode in second.episodes}
    assert all(told[episode.key] == episode.answer for episode in kept), "ids stay"


@pytest.mark.parametrize("outage_s", [1.5, pytest.param(30.0, marks=pytest.mark.slow)])
def test_an_endpoint_that_is_down_for_a_while_is_waited_for(
    outage_s: float, tmp_path: Path
) -> None:
    with StubServer(latency_s=0.02) as server:
        outage = threading.Thread(target=take_down, args=(server, 3, outage_s))
        outage.start()
        results = go(tmp_path, setup_for(server, attempts=14))
        outage.join()
    assert not any(episode.is_unscored for episode in results.episodes)
    check_whole(tmp_path, results.episodes)


def test_what_an_outage_leaves_unscored_is_asked_again(tmp_path: Path) -> None:
    with StubServer(latency_s=0.02) as server:
        outage = threading.Thread(target=take_down, args=(server, 3, 0.0))
        outage.start()
        # One worker: another might only start when the endpoint is down already, and refuse.
        first = go(tmp_path, setup_for(server, attempts=1), workers=1)
        outage.join()
        lost = [episode for episode in first.episodes if episode.is_unscored]
        assert {episode.failure_kind for episode in lost} == {"connection"}
        assert not any(episode.is_failure for episode in lost), "an outage is no wrong answer"
        server.bring_up()
        before = len(server.received)
        second = go(tmp_path, setup_for(server, attempts=1))
        again = asked(server)[before:]
    assert sorted(again) == sorted(episode.text for episode in lost)
    assert not any(episode.is_unscored for episode in second.episodes)
    check_whole(tmp_path, second.episodes)


def take_down(server: StubServer, after: int, outage_s: float) -> None:
    """Once so many requests came, be down for a while; 0: until somebody brings it up."""
    while len(server.received) < after:
        time.sleep(0.005)
    server.take_down()
    if outage_s:
        time.sleep(outage_s)
        server.bring_up()


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from memtrace.run.trace import main
sys.argv = ["memtrace-trace", *{arguments!r}]
main()
"""


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("limit", [40_000, 150_000, 400_000])
def test_a_full_disk_is_one_line_and_what_was_recorded_is_kept(
    limit: int, workers: int, tmp_path: Path
) -> None:
    arguments = (
        "llm=scripted", "memory=rag_bm25", "data.number=12", "data.size=tiny", "batch_size=1",
        f"workers={workers}", f"hydra.run.dir={tmp_path}/run",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.format(limit=limit, arguments=arguments)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if not line.startswith("questions: ")]
    assert done.returncode == 2, done.stderr
    assert len(told) == 1, done.stderr
    if not (tmp_path / "run" / "manifest.json").exists():
        assert not (tmp_path / "run").exists(), "refused before anything was recorded"
        return
    run = Run(tmp_path / "run")
    rows = [Episode.from_dict(row) for row in run.read("episodes")]
    if rows:
        with memtrace.open(run.folder / "trace.db") as trace:
            assert [trace.value(row.answer or "") for row in rows] == [r.prediction for r in rows]
    again = subprocess.run(
        [sys.executable, "-m", "memtrace.run.trace", f"resume={tmp_path}/run"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    figures = json.loads(again.stdout.strip().splitlines()[-1])
    assert figures["questions"] == 96
    assert figures["kept_from_before"] >= len(rows)
    assert figures["unscored"] == 0
