"""What reading costs: open, slices, memory at a moment, search, and resident memory.

`MEMTRACE_BENCH_OPERATIONS=1000000` sets the size (10,000 by default); with
`MEMTRACE_BENCH_FOLDER` the trace is made once and kept there.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import memtrace
from memtrace.testing import big_trace

Benchmark = Callable[..., Any]

OPERATIONS = int(os.environ.get("MEMTRACE_BENCH_OPERATIONS", "10000"))
MEMORY = """
import resource, sys, memtrace
with memtrace.open(sys.argv[1]) as trace:
    answers = [variable.id for variable in trace.variables(kind="answer")]
    for answer in answers[:: max(1, len(answers) // 50)]:
        trace.graph.upstream(answer)
    prompt = next(trace.variables(kind="prompt")).id
    trace.graph.downstream(prompt)
    trace.search("where is it")
    trace.state_at(trace.last_seq)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace of a memory system at work."""
    kept = os.environ.get("MEMTRACE_BENCH_FOLDER")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("bench")
    path = folder / f"graph-{OPERATIONS}.db"
    if not path.exists():
        big_trace(path, OPERATIONS)
    return path


@pytest.fixture
def trace(path: Path) -> Iterator[memtrace.Trace]:
    with memtrace.open(path) as trace:
        yield trace


def answers(trace: memtrace.Trace) -> Iterator[str]:
    """Answers at random, for ever."""
    found = [variable.id for variable in trace.variables(kind="answer")]
    draw = random.Random(0)
    while True:
        yield draw.choice(found)


def test_open(benchmark: Benchmark, path: Path) -> None:
    def opened() -> int:
        with memtrace.open(path) as trace:
            return trace.last_seq

    assert benchmark(opened) > OPERATIONS


def test_open_and_slice_an_answer(benchmark: Benchmark, path: Path) -> None:
    with memtrace.open(path) as trace:
        chosen = answers(trace)
        next(chosen)

        def sliced() -> int:
            with memtrace.open(path) as fresh:
                return len(fresh.graph.upstream(next(chosen)))

        assert benchmark(sliced) > 2


def test_slice_an_answer(benchmark: Benchmark, trace: memtrace.Trace) -> None:
    chosen = answers(trace)
    next(chosen)
    assert benchmark(lambda: len(trace.graph.upstream(next(chosen)))) > 2


def test_slice_most_of_the_trace_cold(benchmark: Benchmark, path: Path) -> None:
    """What a prompt had an influence on: every edge is read and walked."""

    def sliced() -> int:
        with memtrace.open(path) as trace:
            prompt = next(trace.variables(kind="prompt")).id
            return len(trace.graph.downstream(prompt).operation_numbers)

    rounds = max(1, 100_000 // OPERATIONS)
    assert benchmark.pedantic(sliced, rounds=rounds) > OPERATIONS / 2  # type: ignore[attr-defined]


def test_slice_a_chain(benchmark: Benchmark, tmp_path: Path) -> None:
    """Every operation reads what the one before made, and two older variables."""
    with memtrace.record(tmp_path / "chain.db"):
        last = [memtrace.variable(0)] * 3
        for number in range(OPERATIONS):
            with memtrace.step("update", inputs={"old": last}) as op:
                last = [*last[1:], op.outputs("new", [number, -number])[0]]
    with memtrace.open(tmp_path / "chain.db") as trace:
        end = last[-1].id or ""
        assert len(benchmark(lambda: trace.graph.upstream(end)).operation_numbers) == OPERATIONS


def test_state_at_the_middle(benchmark: Benchmark, trace: memtrace.Trace) -> None:
    middle = trace.last_seq // 2
    rounds = max(3, 100_000 // OPERATIONS)
    assert benchmark.pedantic(lambda: len(trace.state_at(middle)), rounds=rounds) > 0  # type: ignore[attr-defined]


def test_build_the_search_index(benchmark: Benchmark, path: Path) -> None:
    side = path.with_name(f"{path.name}.search")

    def searched() -> int:
        side.unlink(missing_ok=True)
        with memtrace.open(path) as trace:
            return len(trace.search("context"))

    benchmark.pedantic(searched, rounds=1)  # type: ignore[attr-defined]
    benchmark.extra_info["index_mb"] = side.stat().st_size / 1e6  # type: ignore[attr-defined]
    benchmark.extra_info["trace_mb"] = path.stat().st_size / 1e6  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", [1, 2, 3, 6])
def test_search(benchmark: Benchmark, trace: memtrace.Trace, words: int) -> None:
    """Words of one text, drawn as often as they occur; the 95th percentile is what counts."""
    draw = random.Random(words)
    chosen = answers(trace)
    texts = [trace.value(next(chosen)).split() for _ in range(200)]
    trace.search("warm")

    def search() -> int:
        return len(trace.search(" ".join(draw.sample(draw.choice(texts), words))))

    assert benchmark.pedantic(search, rounds=200, warmup_rounds=5) > 0  # type: ignore[attr-defined]
    times = sorted(benchmark.stats.stats.data)  # type: ignore[attr-defined]
    benchmark.extra_info["p95_ms"] = 1e3 * times[int(0.95 * len(times))]  # type: ignore[attr-defined]


def test_resident_memory(benchmark: Benchmark, path: Path) -> None:
    """Of a process that slices, searches and looks at the whole memory."""

    def measured() -> float:
        command = [sys.executable, "-c", MEMORY, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(done.stdout)

    resident_mb = benchmark.pedantic(measured, rounds=1)  # type: ignore[attr-defined]
    benchmark.extra_info["resident_mb"] = resident_mb  # type: ignore[attr-defined]
