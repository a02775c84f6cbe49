"""Are two runs the same, variable by variable?

Stricter than `memtrace.diff`, and blunter: scope by scope, in order, every operation and every
variable must agree in name, kind, role, item, version and in the digest of its value. Times, token
counts, prompts' places in the file and the order of scopes do not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from memtrace.execution.replies import place_of
from memtrace.graph.reading.trace import Trace
from memtrace.types import Operation, Variable

__all__ = ["Mismatch", "first_mismatch"]

_Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first thing that is not the same. `str` of it is for people."""

    scope: str
    a: str
    b: str

    def __str__(self) -> str:
        return f"{self.scope}: {self.a}  !=  {self.b}"


def first_mismatch(a: Trace, b: Trace, *, scopes: frozenset[str] | None = None) -> Mismatch | None:
    """The first difference between two runs; None if there is none.

    Args:
        a: One run.
        b: The other.
        scopes: Only these memories.
    """
    ours, theirs = _by_scope(a), _by_scope(b)
    for scope in ours if scopes is None else [one for one in ours if one in scopes]:
        rows = zip_longest(_rows(a, ours[scope]), _rows(b, theirs.get(scope, [])))
        for left, right in rows:
            if left != right:
                return Mismatch(scope, _told(left), _told(right))
    if extra := theirs.keys() - ours.keys():
        scope = sorted(extra)[0]
        return Mismatch(scope, "nothing", "a memory")
    return None


def _by_scope(trace: Trace) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = {}
    for operation in trace.operations():
        if (place := place_of(operation)) is not None:
            found.setdefault(place.scope, []).append(operation)
    return found


def _rows(trace: Trace, operations: list[Operation]) -> Iterator[_Row]:
    ids = {one for operation in operations for one in (*operation.input_ids, *operation.output_ids)}
    variables = {variable.id: variable for variable in trace.variables(ids=ids)}
    for operation in operations:
        place = place_of(operation)
        assert place is not None
        error = None if operation.error is None else operation.error.type
        yield ("operation", place.path, operation.kind, operation.name, error)
        for way, edges in (("in", operation.inputs), ("out", operation.outputs)):
            for role, numbers in edges.items():
                for number in numbers:
                    yield (way, place.path, role, *_seen(variables[number]))


def _seen(variable: Variable) -> _Row:
    return (
        variable.kind, variable.name, variable.item, variable.version, variable.is_deletion,
        variable.encoding, variable.digest,
    )  # fmt: skip


def _told(row: _Row | None) -> str:
    return "nothing" if row is None else " ".join(str(part) for part in row if part is not None)
