"""A part of a trace in Graphviz's DOT: operations as boxes, variables as rounded ones."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from memtrace.show.portion import Portion, operation_title, variable_title

__all__ = ["to_dot"]

_HEAD = """digraph trace {
    rankdir=LR;
    node [fontname="Helvetica", fontsize=10, shape=box];
    edge [fontname="Helvetica", fontsize=8, color="#666666"];"""
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "&": "&amp;", "\n": " "})


def to_dot(part: Portion) -> str:
    """Write a directed graph. Node names are the ids; labels hold any text."""
    return "\n".join(chain([_HEAD], _nodes(part), _edges(part), ["}"])) + "\n"


def _nodes(part: Portion) -> Iterator[str]:
    for operation in part.operations:
        fill = "#f8d7d3" if operation.status == "error" else "#dbe7f5"
        label = _label(operation_title(operation), operation.id)
        style = _style("filled", operation.id == part.focus)
        yield f'    "{operation.id}" [label="{label}", {style}, fillcolor="{fill}"];'
    for variable in part.variables.values():
        label = _label(f"{variable.id} {variable_title(variable)}", part.texts[variable.id])
        style = _style("rounded", variable.id == part.focus)
        yield f'    "{variable.id}" [label="{label}", {style}];'
    if part.left_out:
        yield f'    "left out" [label="{part.left_out} more operations", style=dashed];'


def _style(style: str, is_focus: bool) -> str:
    return f'style="{style}", penwidth={3 if is_focus else 1}'


def _edges(part: Portion) -> Iterator[str]:
    for operation in part.operations:
        for role, ids in operation.inputs.items():
            for identifier in _shown(part, ids):
                yield f'    "{identifier}" -> "{operation.id}" [label="{_text(role)}"];'
        for role, ids in operation.outputs.items():
            for identifier in _shown(part, ids):
                yield f'    "{operation.id}" -> "{identifier}" [label="{_text(role)}"];'


def _shown(part: Portion, ids: tuple[str, ...]) -> Iterator[str]:
    return (identifier for identifier in dict.fromkeys(ids) if identifier in part.variables)


def _label(*lines: str) -> str:
    return "\\n".join(_text(line) for line in lines if line)


def _text(text: str) -> str:
    """A text inside quotes: no escape, no entity, nothing that cannot be printed."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text.translate(_ESCAPES))
