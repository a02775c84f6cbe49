"""How far apart two operations lie along the lineage: for "within k operations".

An operation is one step from those that made what it reads and from those that read what it made.
Only ways in one direction count, upstream or downstream: two operations that merely share an input
are not near each other, since neither had an influence on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from memtrace.attribution.reader import TraceReader

__all__ = ["REACH", "nearest"]

_Step = Callable[[TraceReader, str], Iterator[str]]

REACH = 3
"""Distances are looked for this far."""


def nearest(
    reader: TraceReader, operation: str, targets: Collection[str], *, reach: int = REACH
) -> int | None:
    """Steps from an operation to the nearest target; None when none is within `reach`.

    Raises:
        KeyError: The trace has no such operation.
    """
    wanted = frozenset(targets)
    if operation in wanted:
        return 0
    found = [
        distance
        for step in (_makers, _readers)
        if (distance := _walk(reader, operation, wanted, reach, step)) is not None
    ]
    return min(found, default=None)


def _walk(
    reader: TraceReader, start: str, wanted: frozenset[str], reach: int, step: _Step
) -> int | None:
    seen, edge = {start}, [start]
    for distance in range(1, reach + 1):
        ahead: list[str] = []
        for one in edge:
            for other in step(reader, one):
                if other in wanted:
                    return distance
                if other not in seen:
                    seen.add(other)
                    ahead.append(other)
        edge = ahead
    return None


def _makers(reader: TraceReader, operation: str) -> Iterator[str]:
    for variable in reader.operation(operation).input_ids:
        maker = reader.variable(variable).producer
        if maker is not None:
            yield maker


def _readers(reader: TraceReader, operation: str) -> Iterator[str]:
    for variable in reader.operation(operation).output_ids:
        yield from reader.graph.consumers(variable)
