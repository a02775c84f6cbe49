"""Where a replay can intervene: the points of a trace, with what was passed on there.

An operation lists its points itself (`metadata["points"]`), so any system can be asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lmcommon.errors import UserError
from memtrace.execution.interventions import AtPoint
from memtrace.execution.places import Place
from memtrace.execution.replies import place_of

if TYPE_CHECKING:
    from memtrace.graph.reading.trace import Trace
    from memtrace.types import Operation

__all__ = ["Point", "points", "resolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value that a replay can change.

    Example: `Point(operation="op-20", name="extract", kind="extraction", role="facts",
    place=Place("mem0/c1", "add s1/D1:3/parse#0"))`
    """

    operation: str
    name: str
    kind: str
    role: str
    place: Place


def points(
    trace: Trace,
    *,
    name: str | None = None,
    role: str | None = None,
    ids: Iterable[str] | None = None,
) -> Iterator[Point]:
    """The points of a trace, in order.

    Args:
        trace: An open trace.
        name: Only of operations of this name.
        role: Only of this role.
        ids: Only of these operations (a slice's, say).
    """
    for operation in trace.operations(name=name, ids=ids):
        place = place_of(operation)
        for found in operation.metadata.get("points", ()):
            if place is not None and role in (None, found):
                yield Point(
                    operation=operation.id, name=operation.name, kind=operation.kind, role=found,
                    place=place,
                )  # fmt: skip


def resolve(trace: Trace, interventions: Sequence[AtPoint]) -> list[AtPoint]:
    """The same interventions with a place and a role each.

    Raises:
        UserError: For an operation that is not in the trace or has no such point; says which it
            has.
    """
    return [_resolved(trace, one) for one in interventions]


def _resolved(trace: Trace, intervention: AtPoint) -> AtPoint:
    if isinstance(intervention.at, Place):
        if not intervention.role:
            raise UserError(f"{intervention.kind}: expected a role beside a place; got none")
        return intervention
    try:
        operation = trace.operation(intervention.at)
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{intervention.kind}: expected the id of an operation of {trace.path}; got "
            f"{intervention.at!r}"
        ) from error
    place = place_of(operation)
    if place is None:
        raise UserError(
            f"{intervention.kind}: {_told(operation)} has no place; only operations of memory "
            "systems can be intervened on"
        )
    return replace(intervention, at=place, role=_role(operation, intervention))


def _role(operation: Operation, intervention: AtPoint) -> str:
    known = [str(role) for role in operation.metadata.get("points", ())]
    if intervention.role in known:
        return intervention.role
    if not intervention.role and len(known) == 1:
        return known[0]
    raise UserError(
        f"{intervention.kind}: expected a point of {_told(operation)}: "
        f"{', '.join(known) or 'it has none'}; got {intervention.role or 'no role'!r}"
    )


def _told(operation: Operation) -> str:
    return f"{operation.name} ({operation.id})"
