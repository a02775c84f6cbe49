"""A trace as a `networkx` graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import networkx

from memtrace.types import Operation, Slice, Variable

if TYPE_CHECKING:
    from memtrace.graph.reading.trace import Trace

__all__ = ["to_networkx"]

_EDGES = {"id", "inputs", "outputs"}


def to_networkx(trace: Trace, part: Slice | None, *, values: bool) -> networkx.DiGraph[str]:
    """See `Trace.to_networkx`."""
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.graph.update(trace.metadata)
    with trace.snapshot():
        for variable in trace.variables(ids=None if part is None else part.variables):
            extra = {"value": trace.value(variable.id)} if values else {}
            graph.add_node(
                variable.id, bipartite=0, type="variable", **_attributes(variable), **extra
            )
        for operation in trace.operations(ids=None if part is None else part.operations):
            graph.add_node(
                operation.id, bipartite=1, type="operation", status=operation.status,
                **_attributes(operation),
            )  # fmt: skip
            for role, position, identifier in _ends(operation.inputs):
                if part is None or identifier in part:
                    if graph.has_edge(identifier, operation.id):
                        also = graph.edges[identifier, operation.id].setdefault("also", [])
                        also.append((role, position))
                    else:
                        graph.add_edge(identifier, operation.id, role=role, position=position)
            for role, position, identifier in _ends(operation.outputs):
                if part is None or identifier in part:
                    graph.add_edge(operation.id, identifier, role=role, position=position)
    return graph


def _ends(roles: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, int, str]]:
    for role, ids in roles.items():
        for position, identifier in enumerate(ids):
            yield role, position, identifier


def _attributes(node: Operation | Variable) -> dict[str, Any]:
    return {part.name: getattr(node, part.name) for part in fields(node) if part.name not in _EDGES}
