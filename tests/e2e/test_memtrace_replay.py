"""`memtrace-trace`, then `memtrace-replay` and `memtrace-diff` on what it left, as a user does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.testing.stub_server import StubServer
from memtrace.replaying import points

from .verb_support import run_module

pytestmark = pytest.mark.e2e


def verb(folder: Path, name: str, *arguments: str) -> tuple[int, str, str]:
    done = run_module(f"memtrace.run.{name}", *arguments, cwd=folder, OPENAI_API_KEY="unused")
    return done.returncode, done.stdout, done.stderr


def figures(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[StubServer]:
    with StubServer(latency_s=0) as running:
        yield running


@pytest.fixture(scope="module")
def trace(server: StubServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace made with a served model."""
    folder = tmp_path_factory.mktemp("run")
    code, out, err = verb(
        folder, "trace", "llm=openai", f"llm.model={server.model}",
        f"llm.base_url={server.base_url}", "memory=rag_bm25", "data.size=tiny",
    )  # fmt: skip
    assert code == 0, err
    return Path(figures(out)["run"]) / "trace.db"


def test_a_factual_replay_is_a_check(trace: Path, server: StubServer, tmp_path: Path) -> None:
    asked = len(server.received)
    code, out, err = verb(tmp_path, "replay", str(trace))
    assert code == 0, err
    found = figures(out)
    assert (found["calls"], found["identical"], found["changed"]) == (0, True, 0)
    assert len(server.received) == asked


def test_the_recorded_model_answers_what_is_new(
    trace: Path, server: StubServer, tmp_path: Path
) -> None:
    with memtrace.open(trace) as recorded:
        point = next(points(recorded, role="context"))
    do = f"do=[{{kind: replace, at: {point.operation}, value: Nothing at all}}]"
    code, out, err = verb(tmp_path, "replay", str(trace), do, "dry_run=true")
    assert code == 0, err
    assert figures(out)["price"]["calls"] == 1
    asked = len(server.received)
    code, out, err = verb(tmp_path, "replay", str(trace), do)
    assert code == 0, err
    found = figures(out)
    assert (found["calls"], found["complete"]) == (1, True)
    assert len(server.received) <= asked + 2, "one call, and a look whether the model is there"
    code, out, err = verb(tmp_path, "diff", str(trace), found["trace"])
    assert code == 0, err
    first = figures(out)["first"]
    assert (first["a"], first["name"]) == (point.operation, point.name)
    assert "intervened: context" in out


def test_a_spent_budget_is_told(trace: Path, tmp_path: Path) -> None:
    do = "do=[{kind: set_parameter, name: top_k, value: 1}]"
    code, out, err = verb(tmp_path, "replay", str(trace), do, "budget.calls=1")
    assert code == 2, err
    found = figures(out)
    assert found["calls"] == 1
    assert found["missing"] > 0
    assert "budget" in found["hint"]


def test_points_are_listed(trace: Path, tmp_path: Path) -> None:
    code, out, err = verb(tmp_path, "replay", str(trace), "points=answer")
    assert code == 0, err
    assert figures(out)["points"] == out.count("answer#0") == 8


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("do=[{kind: zap}]",), "expected kind to be one of"),
        (("do=[zap]",), "expected mappings"),
        (("do=[{kind: drop, at: op-999999}]",), "expected the id of an operation"),
        (("file=nowhere.json",), "nowhere.json"),
        (("questions=[zap]",), "none of zap"),
        (("scopes=[zap]",), "expected some of"),
        (("do=[{kind: set_parameter, name: zap, value: 1}]",), "expected a setting"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line(
    trace: Path, tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    code, out, err = verb(tmp_path, "replay", str(trace), *arguments)
    assert (code, out) == (2, ""), err
    assert len(err.strip().splitlines()) == 1, err
    assert expected in err


def test_a_trace_that_cannot_be_replayed_is_told(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        memtrace.variable("hello")
    code, _, err = verb(tmp_path, "replay", "t.db")
    assert code == 2
    assert "cannot be replayed" in err
