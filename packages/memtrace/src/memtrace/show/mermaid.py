"""A part of a trace as a Mermaid flowchart: operations as boxes, variables rounded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from memtrace.show.portion import Portion, operation_title, variable_title

__all__ = ["to_mermaid"]

_SPECIAL = {"#": "#35;", "&": "#amp;", "<": "#lt;", ">": "#gt;", '"': "#quot;", "`": "#96;",
            "\\": "#92;"}  # fmt: skip
_ESCAPES = str.maketrans({**_SPECIAL, "\n": " "})


def to_mermaid(part: Portion) -> str:
    """Write a flowchart, left to right. Labels hold any text; ids are `op_12` and `var_7`."""
    return "\n".join(chain(["flowchart LR"], _nodes(part), _edges(part), _styles(part))) + "\n"


def _nodes(part: Portion) -> Iterator[str]:
    for operation in part.operations:
        label = _label(operation_title(operation), operation.id)
        yield f'    {_id(operation.id)}["{label}"]'
    for variable in part.variables.values():
        label = _label(f"{variable.id} {variable_title(variable)}", part.texts[variable.id])
        yield f'    {_id(variable.id)}(["{label}"])'
    if part.left_out:
        yield f'    left_out["{part.left_out} more operations"]'


def _edges(part: Portion) -> Iterator[str]:
    for operation in part.operations:
        here = _id(operation.id)
        for role, ids in operation.inputs.items():
            yield from (f'    {_id(v)} -- "{_text(role)}" --> {here}' for v in _shown(part, ids))
        for role, ids in operation.outputs.items():
            yield from (f'    {here} -- "{_text(role)}" --> {_id(v)}' for v in _shown(part, ids))


def _styles(part: Portion) -> Iterator[str]:
    yield "    classDef operation fill:#dbe7f5,stroke:#44617f,color:#102030"
    yield "    classDef failed fill:#f8d7d3,stroke:#a33b2c,color:#301010"
    yield "    classDef focus stroke-width:3px"
    for operation in part.operations:
        style = "failed" if operation.status == "error" else "operation"
        yield f"    class {_id(operation.id)} {style}"
    if part.focus is not None and (part.operations or part.variables):
        yield f"    class {_id(part.focus)} focus"


def _shown(part: Portion, ids: tuple[str, ...]) -> Iterator[str]:
    return (identifier for identifier in dict.fromkeys(ids) if identifier in part.variables)


def _id(identifier: str) -> str:
    return identifier.replace("-", "_")


def _label(*lines: str) -> str:
    return "<br/>".join(_text(line) for line in lines if line) or " "


def _text(text: str) -> str:
    """A text that means nothing to Mermaid, HTML or Markdown."""
    return "".join(char if char.isprintable() else "#65533;" for char in text.translate(_ESCAPES))
