"""Distances along the lineage, on a graph that is drawn here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import memtrace
from memtrace.attribution import TraceReader
from memtrace.scoring.distances import nearest


@pytest.fixture(scope="module")
def reader(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[TraceReader, dict[str, str]]]:
    """The chain a, b, c, d, and e, which reads what a made."""
    path: Path = tmp_path_factory.mktemp("trace") / "trace.db"
    with memtrace.record(path):
        said = memtrace.variable("hello", kind="message")
        made = {"message": said}
        for name, before in zip("abcde", ("message", "a", "b", "c", "a"), strict=True):
            with memtrace.step(name, kind=name, inputs={"in": made[before]}) as op:
                made[name] = op.output("out", name)
    with memtrace.open(path) as trace:
        yield TraceReader(trace), {op.name: op.id for op in trace.operations()}


@pytest.mark.parametrize(
    ("start", "targets", "distance"),
    [("b", "b", 0), ("a", "b", 1), ("b", "a", 1), ("a", "d", 3), ("d", "a", 3), ("b", "e", None),
     ("b", "ed", 2), ("e", "d", None)],
)  # fmt: skip
def test_distance(
    reader: tuple[TraceReader, dict[str, str]], start: str, targets: str, distance: int | None
) -> None:
    """Siblings (b and e) are not near each other: neither had an influence on the other."""
    trace, ids = reader
    assert nearest(trace, ids[start], [ids[one] for one in targets]) == distance


def test_reach_is_a_limit(reader: tuple[TraceReader, dict[str, str]]) -> None:
    trace, ids = reader
    assert nearest(trace, ids["a"], [ids["d"]], reach=2) is None
