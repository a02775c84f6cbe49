"""Operations and variables as the page lists them, and one of each with all there is to it.

In: an open trace and ids. Out: JSON. A list holds the beginning of a value; a whole value is read
piece by piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from memtrace.execution.replies import place_of
from memtrace.graph.reading.trace import Trace
from memtrace.types import Operation, Variable
from memtrace.viewing.texts import brief, shown

__all__ = ["operation_line", "recorded_points", "tell_operation", "tell_variable", "variable_line"]

_LISTED = 100
"""Variables of a role, children and consumers in one answer."""
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def variable_line(trace: Trace, variable: Variable) -> dict[str, Any]:
    """A variable in a list."""
    return {
        "id": variable.id, "kind": variable.kind, "name": variable.name, "role": variable.role,
        "item": variable.item, "version": variable.version, "is_deletion": variable.is_deletion,
        "producer": variable.producer, "size": variable.size,
        "text": "" if variable.is_deletion else brief(trace.value(variable.id)),
    }  # fmt: skip


def operation_line(operation: Operation) -> dict[str, Any]:
    """An operation in a list."""
    place = place_of(operation)
    return {
        "id": operation.id, "seq": operation.seq, "end_seq": operation.end_seq,
        "name": operation.name, "kind": operation.kind, "status": operation.status,
        "parent": operation.parent, "scope": place.scope if place else "",
        "path": place.path if place else "", "ms": _rounded(operation.latency_ms),
        "model": operation.model, "inputs": _counts(operation.inputs),
        "outputs": _counts(operation.outputs), "started_ns": operation.started_ns,
    }  # fmt: skip


def tell_operation(trace: Trace, operation: Operation) -> dict[str, Any]:
    """Everything about an operation."""
    place = place_of(operation)
    roles = {"inputs": operation.inputs, "outputs": operation.outputs}
    ids = {one for side in roles.values() for listed in side.values() for one in listed[:_LISTED]}
    lines = {one.id: variable_line(trace, one) for one in trace.variables(ids=ids)}
    children = list(islice(trace.children(operation.id), _LISTED + 1))
    return {
        **operation_line(operation),
        "place": None if place is None else {"scope": place.scope, "path": place.path},
        "error": None if operation.error is None
        else {"type": operation.error.type, "message": operation.error.message},
        "parameters": dict(operation.parameters), "usage": dict(operation.usage),
        "metadata": dict(operation.metadata), "finished_ns": operation.finished_ns, "times": 1,
        "children": [_child(one) for one in children[:_LISTED]],
        "more_children": len(children) > _LISTED,
        **{
            side: {role: [lines[one] for one in listed[:_LISTED] if one in lines]
                   for role, listed in given.items()}
            for side, given in roles.items()
        },
        "counts": {side: _counts(given) for side, given in roles.items()},
        "prompt": _prompt(trace, operation), "template": _template(trace, operation),
        "points": recorded_points(trace, operation),
    }  # fmt: skip


def tell_variable(trace: Trace, variable: Variable, offset: int, limit: int) -> dict[str, Any]:
    """A variable with a piece of its value.

    Args:
        trace: Its trace.
        variable: The variable.
        offset: First character.
        limit: How many characters at most.
    """
    text = "" if variable.is_deletion else shown(trace.value(variable.id))
    consumers = list(islice(trace.graph.consumers(variable.id), _LISTED))
    return {
        **variable_line(trace, variable), "seq": variable.seq, "source": variable.source,
        "consumers": [_child(one) for one in trace.operations(ids=consumers)],
        "length": len(text), "text": text[offset : offset + limit], "offset": offset,
        "more": offset + limit < len(text), "is_json": variable.encoding in ("json", "tagged"),
        "encoding": variable.encoding, "metadata": dict(variable.metadata),
        "created_ns": variable.created_ns,
    }  # fmt: skip


def recorded_points(trace: Trace, operation: Operation) -> list[dict[str, Any]]:
    """Where a replay can change the operation, with what was recorded there.

    A point may pass on more than the trace shows of it (the score beside a text): `is_exact` says
    whether the value is known to be what a replay would put another in the place of.
    """
    if place_of(operation) is None:
        return []
    found = []
    for role in operation.metadata.get("points", ()):
        value, is_exact = _recorded(trace, operation, str(role))
        found.append({"role": str(role), "value": value, "is_exact": is_exact})
    return found


def _recorded(trace: Trace, operation: Operation, role: str) -> tuple[Any, bool]:
    if role == "reply":
        note = operation.metadata.get("call")
        made = operation.outputs.get(str(note.get("role")) if isinstance(note, Mapping) else role)
        raw = note.get("raw") if isinstance(note, Mapping) else None
        if raw is not None:
            return raw, True
        return (trace.value(made[0]), True) if made else (None, False)
    made = operation.outputs.get(role, ())
    values = [trace.value(one) for one in made[:_LISTED]]
    if len(values) == 1 and isinstance(values[0], str):
        return values[0], False
    return (values or None), False


def _prompt(trace: Trace, operation: Operation) -> dict[str, Any] | None:
    """The literal prompt: what was sent, else what was filled in."""
    for role in ("request", "prompt"):
        made = operation.outputs.get(role, ())
        if made and (role == "request" or trace.variable(made[0]).kind == "prompt"):
            return {"variable": made[0], "text": _asked(trace.value(made[0]))}
    for identifier in operation.inputs.get("prompt", ()):
        if trace.variable(identifier).producer is not None:
            return {"variable": identifier, "text": _asked(trace.value(identifier))}
    return None


def _template(trace: Trace, operation: Operation) -> dict[str, Any] | None:
    """The named prompt that it was made from, or that its prompt was filled from."""
    given = list(trace.variables(ids=operation.inputs.get("prompt", ())))
    makers = [one.producer for one in given if one.producer is not None]
    if makers and all(one.producer is not None for one in given):
        inner = [one.inputs.get("prompt", ()) for one in trace.operations(ids=makers)]
        given = list(trace.variables(ids=[one for ids in inner for one in ids]))
    for variable in given:
        if variable.producer is None:
            text = shown(trace.value(variable.id))
            return {
                "variable": variable.id, "name": variable.name, "text": text,
                "placeholders": sorted(set(_PLACEHOLDER.findall(text))),
            }  # fmt: skip
    return None


def _asked(value: Any) -> str:
    """A chat as text, message by message; anything else as it is."""
    is_chat = isinstance(value, list) and all(
        isinstance(one, Mapping) and isinstance(one.get("content"), str) for one in value
    )
    if not is_chat:
        return shown(value)
    return "\n".join(f"### {one.get('role', '')}\n{one['content']}" for one in value)


def _child(operation: Operation) -> dict[str, Any]:
    return {"id": operation.id, "name": operation.name, "kind": operation.kind,
            "status": operation.status, "seq": operation.seq}  # fmt: skip


def _counts(roles: Mapping[str, Iterable[str]]) -> dict[str, int]:
    return {role: len(list(ids)) for role, ids in roles.items()}


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)
