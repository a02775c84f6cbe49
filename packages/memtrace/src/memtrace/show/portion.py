"""A part of a trace, read and ready to be drawn: operations, the variables on their edges.

In: a trace, a node or none, which way to walk, how many operations at most. Out: a `Portion`. What
does not fit is left out from the far end and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from memtrace.graph.explaining.texts import snippet
from memtrace.graph.reading.trace import Trace
from memtrace.types import Operation, Slice, Variable

__all__ = ["Direction", "Portion", "operation_title", "portion", "slice_of", "variable_title"]

Direction = Literal["upstream", "downstream", "between", "none"]


@dataclass(frozen=True, slots=True)
class Portion:
    """Operations in `seq` order with the variables they share edges with.

    Example: `Portion(operations=(...), variables={"var-3": ...}, texts={"var-3": "Hi."},
    left_out=0, focus="var-9")`
    """

    operations: tuple[Operation, ...]
    variables: dict[str, Variable]
    texts: dict[str, str]
    """Variable id to the beginning of its value."""
    left_out: int
    """Operations of the slice that are not shown."""
    focus: str | None
    """The node it was drawn for."""


def slice_of(trace: Trace, node: str, direction: Direction, source: str | None = None) -> Slice:
    """The slice around a node; an operation stands for its outputs, or downstream for itself.

    Args:
        trace: The trace.
        node: Id of an operation or a variable.
        direction: Which way to walk; none is the node with its neighbours.
        source: Where `between` starts.
    """
    if node.startswith("op-"):
        operation = trace.operation(node)
        if direction == "none":
            return Slice((node,), (*operation.input_ids, *operation.output_ids))
        ends = operation.output_ids or operation.input_ids
    else:
        operation, ends = None, (trace.variable(node).id,)
    if direction == "none":
        around = _neighbours(trace, node)
        return Slice(tuple(around), (node,))
    if direction == "downstream":
        found = [trace.graph.downstream(ends)]
    elif direction == "upstream":
        found = [trace.graph.upstream(end) for end in ends]
    else:
        assert source is not None
        found = [trace.graph.between(_starts(trace, source), end) for end in ends]
    own = () if operation is None or direction == "between" else (operation.id,)
    return _union(found, own)


def portion(trace: Trace, part: Slice, *, focus: str | None, limit: int, width: int) -> Portion:
    """Read what is to be shown of a slice.

    Args:
        trace: The trace.
        part: The slice.
        focus: The node in question; operations near it are kept.
        limit: Operations at most.
        width: Characters of a value at most.
    """
    ids = part.operations
    kept = _nearest(ids, focus, limit)
    operations = tuple(trace.operations(ids=kept))
    inside = set(part.variables)
    wanted = {v for op in operations for v in (*op.input_ids, *op.output_ids) if v in inside}
    wanted |= {focus} if focus is not None and focus.startswith("var-") else set()
    variables = {v.id: v for v in trace.variables(ids=wanted)}
    texts = {v: snippet(trace.value(v), width) for v in variables}
    return Portion(operations, variables, texts, len(ids) - len(kept), focus)


def operation_title(operation: Operation) -> str:
    """Such as `retrieve (retrieval)`, with what went wrong."""
    kind = "" if operation.kind == operation.name else f" ({operation.kind})"
    wrong = "" if operation.status == "ok" else f" [{operation.status}]"
    return snippet(f"{operation.name}{kind}{wrong}", 120)


def variable_title(variable: Variable) -> str:
    """Such as `message D1:3` or `memory_item chunk-3 v2`."""
    parts = [variable.kind]
    if variable.item is not None:
        parts.append(variable.item + (f" v{variable.version}" if variable.version else ""))
    elif variable.name is not None:
        parts.append(variable.name)
    return snippet(" ".join(parts), 60) + (" deleted" if variable.is_deletion else "")


def _neighbours(trace: Trace, variable: str) -> list[str]:
    maker = trace.graph.producer(variable)
    return [*([maker] if maker else []), *trace.graph.consumers(variable)]


def _starts(trace: Trace, source: str) -> Sequence[str]:
    if source.startswith("op-"):
        operation = trace.operation(source)
        return operation.input_ids or operation.output_ids
    return (source,)


def _union(parts: Iterable[Slice], own: tuple[str, ...]) -> Slice:
    operations, variables = set(own), set[str]()
    for part in parts:
        operations.update(part.operations)
        variables.update(part.variables)
    return Slice(tuple(sorted(operations, key=_number)), tuple(sorted(variables, key=_number)))


def _nearest(ids: Sequence[str], focus: str | None, limit: int) -> Sequence[str]:
    """At most `limit` operations: those before the focus and those after it in equal parts."""
    if len(ids) <= limit:
        return ids
    here = sum(_number(identifier) <= _number(focus) for identifier in ids) if focus else 0
    start = max(0, min(here - limit // 2, len(ids) - limit))
    return ids[start : start + limit]


def _number(identifier: str) -> int:
    return int(identifier.partition("-")[2])
