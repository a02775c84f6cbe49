"""What recording costs: one operation with three inputs, two outputs and 1 KB of fresh text."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import memtrace

Benchmark = Callable[..., Any]


@pytest.fixture
def texts() -> Iterator[str]:
    """Endless fresh texts of 512 characters, made beforehand so that they cost nothing."""
    draw = random.Random(0)
    parts = [f"{draw.getrandbits(1024):0256x}" for _ in range(2000)]
    return (a + b for a, b in itertools.permutations(parts, 2))


def one_operation(inputs: list[memtrace.Handle[str]], first: str, second: str) -> None:
    a, b, c = inputs
    with memtrace.step("update", kind="update", inputs={"a": a, "b": b, "c": c}) as op:
        inputs[0] = op.output("kept", first)
        op.output("dropped", second)


def measure(benchmark: Benchmark, inputs: list[memtrace.Handle[str]], texts: Iterator[str]) -> None:
    """Time the operation alone: the texts are drawn before each call."""

    def fresh() -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (inputs, next(texts), next(texts)), {}

    benchmark.pedantic(one_operation, setup=fresh, rounds=10_000, warmup_rounds=100)  # type: ignore[attr-defined]


def test_record_an_operation(benchmark: Benchmark, tmp_path: Path, texts: Iterator[str]) -> None:
    with memtrace.record(tmp_path / "trace.db"):
        inputs = [memtrace.variable(next(texts)) for _ in range(3)]
        measure(benchmark, inputs, texts)


def test_disabled_tracing(benchmark: Benchmark, texts: Iterator[str]) -> None:
    inputs = [memtrace.variable(next(texts)) for _ in range(3)]
    measure(benchmark, inputs, texts)


@pytest.fixture
def recorded(tmp_path: Path, texts: Iterator[str]) -> tuple[Path, str]:
    """A trace of 5,000 operations, and its last answer."""
    with memtrace.record(tmp_path / "trace.db"):
        inputs = [memtrace.variable(next(texts)) for _ in range(3)]
        for _ in range(5_000):
            one_operation(inputs, next(texts), next(texts))
    return tmp_path / "trace.db", inputs[0].id or ""


def test_open_and_slice(benchmark: Benchmark, recorded: tuple[Path, str]) -> None:
    path, answer = recorded

    def open_and_slice() -> int:
        with memtrace.open(path) as trace:
            return len(trace.graph.upstream(answer))

    assert benchmark(open_and_slice) == 5_000 * 2 + 3
