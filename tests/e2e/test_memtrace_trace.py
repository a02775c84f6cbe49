"""`python -m memtrace.run.trace` as a user starts it: from any folder, killed, misled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.testing.stub_server import StubServer

from .verb_support import run_module

pytestmark = pytest.mark.e2e

QUICK = ("llm=scripted", "memory=rag_bm25", "data.size=tiny")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "memtrace.run.trace", *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENAI_API_KEY": "unused"},
    )  # fmt: skip


def trace(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = run_module(
        "memtrace.run.trace", *arguments, cwd=folder, OMP_NUM_THREADS="1", OPENAI_API_KEY="unused"
    )
    return done.returncode, done.stdout, done.stderr


def last_line(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return found


def test_a_run_leaves_its_records_and_says_its_figures_last(tmp_path: Path) -> None:
    code, out, err = trace(tmp_path, *QUICK)
    assert code == 0, err
    figures = last_line(out)
    folder = Path(figures["run"])
    assert folder.is_relative_to(tmp_path), "runs are written below the current folder"
    assert json.loads((folder / "summary.json").read_text()) == figures
    left = {path.name for path in folder.iterdir()}
    expected = {"trace.db", "episodes.jsonl", "attributions.jsonl", "report.md", "report.html"}
    assert expected <= left, left
    asked = figures["correct"] + figures["failures"] + figures["unscored"]
    assert asked == figures["questions"] == 8
    assert sum(figures["blamed"].values()) == figures["failures"] - figures["abstained"]
    with memtrace.open(folder / "trace.db") as recorded:
        answers = sum(1 for _ in recorded.operations(kind="answer"))
    assert answers == 8


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("memory=magic",), "magic"),
        (("memory.top_kk=3",), "top_kk"),
        (("memory.top_k=0",), "memory.top_k"),
        (("memory=rag_dense", "embed=null"), "expected the name of an option"),
        (("~llm",), "llm: expected an option"),
        (("memory.temperature=nan",), "memory.temperature"),
        (("judge=coin",), "judge"),
        (("workers=-1",), "workers"),
        (("backend=cloud",), "backend"),
        (("+memory.prompts.nonsense=x",), "memory.prompts"),
        (
            (
                "judge=llm", "llm@judge_llm=openai", "judge_llm.model=m",
                "judge_llm.base_url=http://127.0.0.1:9/v1",
            ),
            "127.0.0.1:9",
        ),
        (("data=locomo", "data.path=nowhere.json"), "nowhere.json"),
        (("data=locomo",), "data.path"),
        (("data=ifeval", "data.path=nowhere.jsonl"), "nowhere.jsonl"),
        (("resume=nowhere",), "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    chosen = [*QUICK[:2], *arguments]
    code, out, err = trace(tmp_path, *chosen)
    assert (code, out) == (2, ""), err
    assert len(err.strip().splitlines()) == 1, err
    assert expected in err
    assert not list(tmp_path.rglob("*.db")), "nothing half-written"


def test_an_unreachable_endpoint_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    code, _, err = trace(
        tmp_path, "llm=openai", "llm.model=m", "llm.base_url=http://127.0.0.1:9/v1",
        "memory=rag_bm25", "data.size=tiny",
    )  # fmt: skip
    assert code == 2, err
    assert "127.0.0.1:9" in err.strip().splitlines()[-1]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with StubServer(latency_s=0.3) as server:
        options = (
            "llm=openai", f"llm.model={server.model}", f"llm.base_url={server.base_url}",
            "llm.concurrency=1", "batch_size=1", "memory=rag_bm25", "data.size=tiny",
        )  # fmt: skip
        process = start(tmp_path, *options)
        rows = wait_for_rows(tmp_path, 3)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        folder = rows.parent
        before = [json.loads(line) for line in rows.read_text().splitlines() if line.endswith("}")]
        asked = len(server.received)
        code, out, err = trace(tmp_path, f"resume={folder}")
        asked_again = len(server.received) - asked
    assert code == 0, err
    figures = last_line(out)
    assert figures["kept_from_before"] == len(before) >= 3
    after = [json.loads(line) for line in rows.read_text().splitlines()]
    assert after[: len(before)] == before, "what was kept is unchanged"
    assert len({row["question"] for row in after}) == len(after) == figures["questions"] == 8
    assert asked_again <= 8 - len(before) + 2, "questions that were answered are not asked again"
    with memtrace.open(folder / "trace.db") as recorded:
        told = [recorded.value(row["answer"]) for row in after]
    assert told == [row["prediction"] for row in after]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_run_with_workers_loses_no_episode_and_leaves_no_worker(tmp_path: Path) -> None:
    with StubServer(latency_s=0.2) as server:
        process = start(
            tmp_path, "llm=openai", f"llm.model={server.model}", f"llm.base_url={server.base_url}",
            "llm.concurrency=1", "batch_size=1", "memory=rag_bm25", "data.size=tiny",
            "data.number=3", "workers=2",
        )  # fmt: skip
        rows = wait_for_rows(tmp_path, 3)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        folder = rows.parents[2]
        time.sleep(1.0)
        asked = len(server.received)
        kept = sum(path.read_text().count("\n") for path in folder.rglob("episodes.jsonl"))
        time.sleep(1.0)
        assert len(server.received) == asked, "workers leave with the process that started them"
        code, out, err = trace(tmp_path, f"resume={folder}", "workers=3")
        asked_again = len(server.received) - asked
    assert code == 0, err
    figures = last_line(out)
    assert figures["kept_from_before"] == kept >= 3
    assert figures["questions"] == 24
    assert asked_again == 24 - kept, "nothing that was answered is asked again"
    after = [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()]
    assert [row["question"] for row in after] == sorted(row["question"] for row in after)
    with memtrace.open(folder / "trace.db") as recorded:
        assert [recorded.value(row["answer"]) for row in after] == [r["prediction"] for r in after]


def test_the_cost_is_told_with_what_a_cache_saved(tmp_path: Path) -> None:
    options = (*QUICK, f"llm.cache.path={tmp_path}/replies.db", "data.number=2", "workers=2")
    for cached in (0, 16):
        code, out, err = trace(tmp_path, *options)
        assert code == 0, err
        cost = last_line(out)["cost"]
        assert (cost["requests"], cost["cached"], cost["calls"]) == (16, cached, 16 - cached)
        assert cost["wall_s"] > 0
        (line,) = [line for line in out.splitlines() if line.startswith("cost: ")]
        assert f"cost: {16 - cached} calls, {cached} cached" in line
        assert (
            json.loads(Path(last_line(out)["run"], "summary.json").read_text(encoding="utf-8"))[
                "cost"
            ]
            == cost
        )


def test_several_systems_in_one_run_go_by_their_names(tmp_path: Path) -> None:
    code, out, err = trace(
        tmp_path, "llm=scripted", "experiment=memtrace/side_by_side", "data.size=tiny", "workers=2"
    )
    assert code == 0, err
    figures = last_line(out)
    assert figures["system"] == ["words", "window"]
    rows = Path(figures["run"], "episodes.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["system"] for row in rows] == ["words"] * 8 + ["window"] * 8


def test_a_spent_budget_stops_the_run_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    with StubServer() as server:
        options = (
            "llm=openai", f"llm.model={server.model}", f"llm.base_url={server.base_url}",
            "llm.budget.calls=3", "memory=rag_bm25", "data.size=tiny",
        )  # fmt: skip
        code, out, err = trace(tmp_path, *options)
        assert code == 2, err
        assert "5 of them not asked" in err.strip().splitlines()[-1]
        assert len(server.received) <= 3 + 1, "nothing is sent beyond the budget (and a check)"
        (rows,) = tmp_path.rglob("episodes.jsonl")
        assert (rows.parent / "report.html").exists(), "what was answered is reported"
        code, out, err = trace(tmp_path, f"resume={rows.parent}", "llm.budget.calls=100")
    assert code == 0, err
    figures = last_line(out)
    assert figures["kept_from_before"] == 3
    assert figures["questions"] == 8
    latest = {
        row["question"]: row["failure_kind"]
        for row in map(json.loads, rows.read_text().splitlines())
    }
    assert set(latest.values()) == {None}, latest


def wait_for_rows(folder: Path, count: int) -> Path:
    """The episodes file, once it has so many rows."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        for path in folder.rglob("episodes.jsonl"):
            if path.read_text().count("\n") >= count:
                return path
        time.sleep(0.05)
    raise AssertionError(f"no {count} episodes after 90 s")
