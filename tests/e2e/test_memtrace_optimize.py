"""`memtrace-optimize` as a user calls it, with a served model; killed, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.testing.stub_server import StubServer

sys.path.insert(0, str(Path(__file__).parents[1] / "integration/memtrace"))

from optimize_support import CURE, served

from .verb_support import run_module

pytestmark = pytest.mark.e2e

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENAI_API_KEY": "unused"}
TYPES = "data.categories=[single-hop,multi-hop,temporal,correction,update]"
COMMON = (
    "memory=rag_bm25", "memory.top_k=4", "memory.max_answer_tokens=40", "data.size=tiny",
    "data.number=8", TYPES, "split.shares=[0.35,0.45,0.2]", "loop.patience=3", "seed=1",
    "attribution.proofs=1", "gate.alpha=0.2", "budget.metric_calls=200", "advice.metric_calls=40",
)  # fmt: skip
SPENT = ("model_calls", "reflection_calls")


def served_by(server: StubServer) -> list[str]:
    roles = ("llm", "reflection_llm")
    return [
        "llm=openai", "llm@reflection_llm=openai",
        *(f"{role}.model={server.model}" for role in roles),
        *(f"{role}.base_url={server.base_url}" for role in roles),
    ]  # fmt: skip


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "memtrace.run.optimize", *arguments]


def optimized(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = run_module("memtrace.run.optimize", *arguments, cwd=folder, **ENVIRONMENT)
    return done.returncode, done.stdout, done.stderr


def figures(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[StubServer]:
    with StubServer(served, latency_s=0) as running:
        yield running


@pytest.fixture(scope="module")
def whole(server: StubServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that nothing disturbed: its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("whole")
    code, out, err = optimized(folder, *COMMON, *served_by(server))
    assert code == 0, err
    return folder / figures(out)["folder"], out


def test_it_records_improves_and_reports(whole: tuple[Path, str]) -> None:
    folder, out = whole
    found = figures(out)
    assert (found["method"], found["accepted"], found["changed"]) == ("memtrace", 1, ["qa"])
    assert found["best_validation"] > found["seed_validation"]
    assert found["held_out"]["pairs"] > 0
    assert found["metric_calls"] <= 200
    assert found["cost_usd"] == 0.0
    assert "accepted" in out, "versions as they come"
    assert "cost: " in out
    assert CURE in memtrace.load_prompts(folder)["qa"]
    for name in ("report.md", "report.html", "versions.jsonl", "prompts/qa.diff", "summary.json"):
        assert (folder / name).is_file(), name


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(
    "stage",
    [
        "loop/evaluations.jsonl",
        pytest.param("recording/episodes.jsonl", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_comes_to_the_same_and_pays_nothing_twice(
    whole: tuple[Path, str], tmp_path: Path, stage: str
) -> None:
    with StubServer(served, latency_s=0.02) as slow:
        folder = tmp_path / "run"
        words = [*COMMON, *served_by(slow), f"hydra.run.dir={folder}"]
        process = subprocess.Popen(
            command(*words), cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(folder / stage, 12, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = len(slow.received)
        code, out, err = optimized(tmp_path, f"resume={folder}")
        assert code == 0, err
        asked = Counter(json.dumps(one.body["messages"]) for one in slow.received)
        twice = {text: count for text, count in asked.items() if count > 1}
        assert len(twice) <= 12, "what was under way when it was killed, one batch at most"
        assert 0 < before < len(slow.received)
    found, expected = figures(out), figures(whole[1])
    same = {key for key in expected if key not in (*SPENT, "folder", "report", "run")}
    assert {key: found[key] for key in same} == {key: expected[key] for key in same}
    assert memtrace.load_prompts(folder) == memtrace.load_prompts(whole[0])
    assert (folder / "versions.jsonl").read_text() == (whole[0] / "versions.jsonl").read_text()
    assert all(abs(found[key] - expected[key]) <= 12 for key in SPENT)


def test_a_finished_trace_is_taken_as_it_is(
    whole: tuple[Path, str], server: StubServer, tmp_path: Path
) -> None:
    asked = len(server.received)
    code, out, err = optimized(
        tmp_path, str(whole[0] / "recording"), *served_by(server), "method=uniform",
        "budget.metric_calls=40", "advice.enabled=false", "seed=1", "split.shares=[0.3,0.5,0.2]",
    )  # fmt: skip
    assert code == 0, err
    found = figures(out)
    assert (found["method"], found["advice_metric_calls"]) == ("uniform", 0)
    assert found["metric_calls"] <= 40
    assert len(server.received) - asked <= 60, "the recording itself is not asked for again"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("trace=nowhere.db",), "reflection_llm: expected the model that rewrites prompts"),
        (("llm@reflection_llm=scripted",), "trace: expected a finished run"),
        (("llm@reflection_llm=scripted", "trace=nowhere.db"), "nowhere.db"),
        (("llm@reflection_llm=scripted", "memory=rag_bm25"), "llm: expected an option"),
        (("reflection_llm=scripted",), "choose one with llm@reflection_llm=scripted"),
        (("method=magic",), "method: expected one of"),
        (("gate.alpha=2",), "gate.alpha: expected a number between 0 and 1"),
        (("budget.metric_calls=0",), "budget.metric_calls: expected at least 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line(tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    code, out, err = optimized(tmp_path, *arguments)
    assert (code, out) == (2, ""), err
    assert len(err.strip().splitlines()) == 1, err
    assert expected in err
    assert not list(tmp_path.glob("runs/*/*")), "a run that was refused leaves nothing"


def until(path: Path, lines: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a file has so many lines."""
    deadline = time.monotonic() + 120
    while not path.is_file() or len(path.read_text(encoding="utf-8").splitlines()) < lines:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
