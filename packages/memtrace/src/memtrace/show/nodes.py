"""One operation, one variable, one memory item or a whole trace, as text."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from memtrace.graph.explaining.texts import snippet
from memtrace.graph.reading.trace import Trace
from memtrace.show.portion import operation_title, variable_title
from memtrace.types import Operation, Variable

__all__ = ["tell_item", "tell_operation", "tell_overview", "tell_variable"]

_SHOWN = 12


def tell_operation(trace: Trace, operation: Operation, *, width: int = 100) -> str:
    """What an operation read, did and wrote.

    Args:
        trace: Its trace.
        operation: The operation.
        width: Characters of a value at most.
    """
    lines = [f"{operation.id} {operation_title(operation)}"]
    lines += _facts(
        {
            "parent": operation.parent or "", "children": _ids(trace.children(operation.id)),
            "started": _moment(operation.started_ns),
            "took": "" if operation.latency_ms is None else f"{operation.latency_ms:.3f} ms",
            "model": operation.model or "", "usage": _object(operation.usage, width),
            "parameters": _object(operation.parameters, width),
            "metadata": _object(operation.metadata, width),
            "error": "" if operation.error is None
            else f"{operation.error.type}: {snippet(operation.error.message, width)}",
        }
    )  # fmt: skip
    ids = {*operation.input_ids, *operation.output_ids}
    variables = {v.id: v for v in trace.variables(ids=ids)}
    lines += ["reads", *_roles(trace, operation.inputs, variables, width)]
    lines += ["writes", *_roles(trace, operation.outputs, variables, width)]
    lines += _before_and_after(trace, operation, variables, width)
    return "\n".join(lines)


def tell_variable(trace: Trace, variable: Variable, *, width: int = 100) -> str:
    """A variable with its value, who made it, who read it, and its other versions and copies."""
    readers = trace.graph.consumers(variable.id)
    lines = [f"{variable.id} {variable_title(variable)}"]
    maker = ""
    if variable.producer is not None:
        made_by = trace.operation(variable.producer)
        maker = f"{made_by.id} {operation_title(made_by)}, as {variable.role}"
    lines += _facts(
        {
            "name": variable.name or "", "made by": maker or "nobody here: it came from outside",
            "copy of": variable.source or "", "read by": _ids(trace.operations(ids=readers)),
            "recorded": _moment(variable.created_ns),
            "value": f"{variable.size} bytes, {variable.encoding}",
            "metadata": _object(variable.metadata, width),
        }
    )  # fmt: skip
    if variable.item is not None:
        lines.append(f"versions and copies of {variable.item}")
        lines += _versions(trace, variable.item, variable.id, width)
    value = trace.value(variable.id)
    text = value if isinstance(value, str) else _json(value)
    shown = text if len(text) <= 20 * width else text[: 20 * width] + "..."
    return "\n".join([*lines, "", _printable(shown)])


def tell_item(trace: Trace, item: str, *, width: int = 100) -> str:
    """Every version of a memory item and its copies."""
    return "\n".join([f"memory item {item}", *_versions(trace, item, "", width)])


def tell_overview(trace: Trace, *, limit: int = 20) -> str:
    """The whole trace in few lines, and how to go on."""
    counts, metadata = trace.counts, trace.metadata
    lines = [f"{trace.path}: {counts['operations']} operations, {counts['variables']} variables"]
    lines += _facts(
        {"run": str(metadata.get("run", "")), "sessions": str(len(metadata.get("sessions", [])))}
    )
    first = list(islice(trace.operations(), limit))
    lines += ["first operations", *map(_line, first)] if first else ["no operation was recorded"]
    last = _last(trace, first[-1].seq if first else 0, limit // 2)
    lines += ["last operations", *map(_line, last)] if last else []
    answer = next((v for op in reversed(last or first) for v in op.output_ids), None)
    if answer is not None:
        path = shlex.quote(str(trace.path))
        lines += [
            "", "go on with", f"  memtrace-show {path} {(last or first)[-1].id}",
            f"  memtrace-show {path} {answer} slice=upstream",
            f"  memtrace-show {path} {answer} view=why",
        ]  # fmt: skip
    return "\n".join(lines)


def _last(trace: Trace, after: int, limit: int) -> list[Operation]:
    """The last operations, without a pass over the rest."""
    span, end = 16 * limit, trace.last_seq
    while True:
        found = list(trace.operations(since_seq=max(after + 1, end - span)))
        if len(found) >= limit or span > end:
            return found[-limit:] if limit else []
        span *= 4


def _line(operation: Operation) -> str:
    took = Counter({role: len(ids) for role, ids in operation.inputs.items()})
    gave = Counter({role: len(ids) for role, ids in operation.outputs.items()})
    return f"  {operation.id} {operation_title(operation)}: {_counts(took)} -> {_counts(gave)}"


def _counts(roles: Mapping[str, int]) -> str:
    shown = ", ".join(f"{n} {role}" if n > 1 else role for role, n in roles.items())
    return snippet(shown, 120) or "nothing"


def _facts(facts: Mapping[str, str]) -> Iterator[str]:
    return (f"  {label:<10}  {text}" for label, text in facts.items() if text)


def _roles(
    trace: Trace, roles: Mapping[str, tuple[str, ...]], variables: Mapping[str, Variable],
    width: int,
) -> Iterator[str]:  # fmt: skip
    if not roles:
        yield "  nothing"
    for role, ids in roles.items():
        for identifier in ids[:_SHOWN]:
            variable = variables[identifier]
            copy = f" (copy of {variable.source})" if variable.source else ""
            text = snippet(trace.value(identifier), width)
            yield f"  {role}: {identifier} {variable_title(variable)}{copy}: {text}"
        if len(ids) > _SHOWN:
            yield f"  {role}: ... and {len(ids) - _SHOWN} more"


def _before_and_after(
    trace: Trace, operation: Operation, variables: Mapping[str, Variable], width: int
) -> Iterator[str]:
    """What the memory items it wrote were before."""
    written = [variables[v] for v in operation.output_ids]
    changed = [v for v in written if v.item is not None and v.source is None]
    for variable in changed[:_SHOWN]:
        older = [v for v in trace.history(variable.item or "") if v.seq < variable.seq]
        before = snippet(trace.value(older[-1].id), width) if older else "(new)"
        if older and older[-1].is_deletion:
            before = "(deleted)"
        after = "(deleted)" if variable.is_deletion else snippet(trace.value(variable.id), width)
        yield f"item {variable.item}"
        yield f"  before      {before}"
        yield f"  after       {after}"
    if len(changed) > _SHOWN:
        yield f"... and {len(changed) - _SHOWN} more items"


def _versions(trace: Trace, item: str, here: str, width: int) -> Iterator[str]:
    every = list(trace.variables(item=item))
    for variable in every[: 2 * _SHOWN]:
        mark = ">" if variable.id == here else " "
        copy = f", copy of {variable.source}" if variable.source else ""
        maker = f" by {variable.producer}" if variable.producer else ""
        text = "(deleted)" if variable.is_deletion else snippet(trace.value(variable.id), width)
        yield f" {mark}v{variable.version} {variable.id}{maker}{copy}: {text}"
    if len(every) > 2 * _SHOWN:
        yield f"  ... and {len(every) - 2 * _SHOWN} more"


def _ids(operations: Iterable[Operation]) -> str:
    found = [
        f"{operation.id} {snippet(operation.name, 60)}"
        for operation in islice(operations, _SHOWN + 1)
    ]
    return ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")


def _moment(unix_ns: int) -> str:
    try:
        return datetime.fromtimestamp(unix_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    except (OverflowError, OSError, ValueError):
        return f"{unix_ns} ns"


def _object(value: Mapping[str, Any], width: int) -> str:
    return snippet(_json(value), 2 * width) if value else ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=None, default=repr)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
