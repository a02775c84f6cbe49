"""The generator of large traces: as many operations as asked for, the same ones each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import memtrace
from memtrace.testing import big_trace


def content(path: Path) -> list[Any]:
    with memtrace.open(path) as trace:
        variables = [(v.id, v.kind, v.producer, trace.value(v.id)) for v in trace.variables()]
        return [*variables, *((op.id, op.name, op.inputs) for op in trace.operations())]


def test_a_seed_makes_the_same_trace_each_time(tmp_path: Path) -> None:
    answers = [
        big_trace(tmp_path / name, 100, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    first, again, other = (content(tmp_path / name) for name in "abc")
    assert first == again
    assert answers[0] == answers[1]
    assert first != other


def test_it_looks_like_a_memory_system_at_work(tmp_path: Path) -> None:
    answer = big_trace(tmp_path / "t.db", 500)
    with memtrace.open(tmp_path / "t.db") as trace:
        counts = trace.counts
        assert 500 <= counts["operations"] < 540
        assert 2 <= counts["inputs"] / counts["operations"] <= 4
        assert 2 <= counts["variables"] / counts["operations"] <= 4
        assert trace.variable(answer).kind == "answer"
        kinds = {op.kind for op in trace.upstream(answer)}
        assert kinds == {"extraction", "retrieval", "update", "context", "answer"}
        versions = [version.version for version in trace.variables(kind="memory_item")]
        assert max(version or 0 for version in versions) > 1
        assert list(trace.variables(kind="deletion"))
