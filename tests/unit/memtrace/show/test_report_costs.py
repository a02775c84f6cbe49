"""What operations came to: by system, sums as recorded, a batch's time once."""

from __future__ import annotations

from pathlib import Path

import pytest

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.llm.scripted import ScriptedModel
from memtrace.memory import LongContext, Query
from memtrace.show.reporting.costs import costs_of


def test_costs_by_system_and_operation(tmp_path: Path) -> None:
    session = Session(id="s", turns=(Turn(id="D1:1", speaker="Ana", text="I live in Oslo."),))
    with memtrace.record(tmp_path / "t.db"):
        for scope, questions in (("a/c1", 2), ("a/c2", 1), ("b/c1", 1)):
            system = LongContext(ScriptedModel({"": "Oslo"}), scope=scope)
            system.add(session)
            system.answer([Query("Where?", id=f"q{n}") for n in range(questions)])
    with memtrace.open(tmp_path / "t.db") as trace:
        found = costs_of(trace)
        tokens = sum(op.usage["prompt_tokens"] for op in trace.operations(kind="answer"))
    assert found.keys() == {"a", "b"}
    assert (found["a"]["answer"].count, found["b"]["answer"].count) == (3, 1)
    assert sum(one["answer"].prompt_tokens for one in found.values()) == tokens > 0
    assert found["a"]["append"].calls == 0
    assert found["a"]["answer"].ms > 0


def test_a_failed_operation_is_counted(tmp_path: Path) -> None:
    with (
        memtrace.record(tmp_path / "t.db"), pytest.raises(KeyError),
        memtrace.step("mine", kind="retrieval"),
    ):  # fmt: skip
        raise KeyError("x")
    with memtrace.open(tmp_path / "t.db") as trace:
        assert costs_of(trace)["-"]["mine"].errors == 1


def test_a_batch_is_timed_once(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"), memtrace.step("ask", kind="ask"):
        for latency in (500.0, 500.0, 20.0):
            with memtrace.step("answer", kind="answer") as op:
                op.usage(latency_ms=latency, usage={"prompt_tokens": 3})
    with memtrace.open(tmp_path / "t.db") as trace:
        spent = costs_of(trace)["-"]["answer"]
    assert (spent.model_ms, spent.prompt_tokens) == (520.0, 9)
