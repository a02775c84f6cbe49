"""A part of a trace as text, one operation after the other, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from typing import Any

from memtrace.show.portion import Portion, operation_title, variable_title
from memtrace.types import Operation

__all__ = ["slice_data", "tell_slice"]


def tell_slice(part: Portion) -> str:
    """Operations in order, indented below their parents, with what each read and wrote."""
    depths: dict[str, int] = {}
    lines: list[str] = []
    shown: set[str] = set()
    if part.left_out:
        lines.append(f"({part.left_out} more operations; raise limit to see them)")
    for operation in part.operations:
        depths[operation.id] = depths.get(operation.parent or "", -1) + 1
        pad = "  " * depths[operation.id]
        lines += [pad + line for line in _operation(part, operation, shown)]
    if not part.operations:
        lines.append("no operation")
    return "\n".join(lines)


def slice_data(part: Portion) -> dict[str, Any]:
    """The same as data for JSON."""
    return {
        "operations": [{**asdict(op), "status": op.status} for op in part.operations],
        "variables": [
            {**asdict(v), "text": part.texts[v.id]} for v in part.variables.values()
        ],
        "left_out": part.left_out,
    }  # fmt: skip


def _operation(part: Portion, operation: Operation, shown: set[str]) -> Iterator[str]:
    mark = " <" if operation.id == part.focus else ""
    yield f"{operation.id} {operation_title(operation)}{mark}"
    inputs = _edges(part, operation.inputs, "<-", shown)
    yield from chain(inputs, _edges(part, operation.outputs, "->", shown))


def _edges(
    part: Portion, roles: Mapping[str, tuple[str, ...]], arrow: str, shown: set[str]
) -> Iterator[str]:
    """A variable is told in full where it first appears, by its id after that."""
    for role, ids in roles.items():
        inside = [identifier for identifier in ids if identifier in part.variables]
        known = [identifier for identifier in inside if identifier in shown]
        if known:
            rest = f", ... {len(known) - 12} more" if len(known) > 12 else ""
            yield f"    {arrow} {role}: {', '.join(known[:12])}{rest}"
        for identifier in inside:
            if identifier not in shown:
                shown.add(identifier)
                title = variable_title(part.variables[identifier])
                mark = " <" if identifier == part.focus else ""
                text = part.texts[identifier]
                yield f"    {arrow} {role}: {identifier} {title}: {text}{mark}"
