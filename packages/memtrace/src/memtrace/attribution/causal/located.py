"""Operations of a trace by their place, which is the same in every replay."""

from __future__ import annotations

from collections.abc import Mapping

from memtrace.attribution.reader import TraceReader
from memtrace.execution.places import Place
from memtrace.execution.replies import place_of
from memtrace.types import Operation

__all__ = ["operation_at", "places"]


def places(reader: TraceReader) -> Mapping[Place, str]:
    """All places of a trace with the ids of their operations, in the order of time."""
    return reader.remember("places", lambda: _places(reader))


def operation_at(reader: TraceReader, place: Place) -> Operation | None:
    """The operation at a place; None if the run never came there."""
    identifier = places(reader).get(place)
    return None if identifier is None else reader.operation(identifier)


def _places(reader: TraceReader) -> dict[Place, str]:
    found: dict[Place, str] = {}
    for operation in reader.trace.operations():
        place = place_of(operation)
        if place is not None:
            found[place] = operation.id
    return found
