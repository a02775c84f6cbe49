"""`memtrace-show`: an operation, a variable, a memory item, a slice, or the trace as a whole."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import memtrace
from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from lmcommon.runlog import write_atomic
from memtrace.graph.reading.trace import Trace
from memtrace.interchange.target import checked_target
from memtrace.show.graphviz import to_dot
from memtrace.show.mermaid import to_mermaid
from memtrace.show.nodes import tell_item, tell_operation, tell_overview, tell_variable
from memtrace.show.portion import Portion, portion, slice_of
from memtrace.show.slices import slice_data, tell_slice

__all__ = ["ShowConfig", "main", "show"]

_VIEWS = ("text", "mermaid", "graphviz", "json", "why")
_SLICES = ("upstream", "downstream", "between", "none")
_DIGITS = 18
"""More than any number in a trace."""
_ID = re.compile(r"(op|var)-(\d+)", re.ASCII)


@dataclass(kw_only=True)
class ShowConfig:
    """What to show, and how."""

    trace: str = "???"
    """The trace file."""
    node: str | None = None
    """op-12, var-7, the id of a memory item, or the name of a variable; null: an overview."""
    view: str = "text"
    """text, mermaid, graphviz, json, or why (what an answer came from)."""
    slice: str = "none"
    """upstream, downstream, between (from `source` to the node), or none."""
    source: str | None = None
    """Where slice=between starts."""
    limit: int = 40
    """Operations shown at most."""
    width: int = 100
    """Characters of a value shown at most."""
    out: str | None = None
    """Write the view into this file instead of standard output."""

    def __post_init__(self) -> None:
        for key, known in (("view", _VIEWS), ("slice", _SLICES)):
            if getattr(self, key) not in known:
                got = getattr(self, key)
                raise UserError(f"{key}: expected one of {', '.join(known)}; got {got!r}")
        for key in ("limit", "width"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: expected at least 1; got {getattr(self, key)!r}")
        if (self.slice == "between") != (self.source is not None):
            raise UserError("slice=between and source=ID go together: from the source to the node")
        if self.node is None and (self.slice != "none" or self.view != "text"):
            raise UserError(
                "expected a node (op-12, var-7) for a slice or another view; without one there is "
                "an overview as text"
            )


def show(cfg: ShowConfig, run: Run) -> dict[str, Any]:
    """Show an operation, a variable, a memory item or a slice of a trace."""
    with memtrace.open(cfg.trace) as trace:
        if cfg.node is None:
            figures: dict[str, Any] = {"trace": cfg.trace, **trace.counts}
            text = tell_overview(trace, limit=min(cfg.limit, 20))
        else:
            node = _resolved(trace, cfg.node)
            source = None if cfg.source is None else _resolved(trace, cfg.source)
            figures = {"trace": cfg.trace, "node": node}
            text = _view(trace, cfg, node, source, figures)
    if cfg.out is None:
        print(_harmless(text.rstrip("\n")))
    else:
        _write(cfg.out, text)
        figures["out"] = cfg.out
    return figures


def _view(
    trace: Trace, cfg: ShowConfig, node: str, source: str | None, figures: dict[str, Any]
) -> str:
    if not _ID.fullmatch(node):
        return _view_item(trace, cfg, node)
    if cfg.view == "why":
        if node.startswith("op-"):
            raise UserError(f"view=why: expected a variable such as an answer; got {node}")
        return str(trace.why(node))
    if cfg.view == "text" and cfg.slice == "none":
        if node.startswith("op-"):
            return tell_operation(trace, trace.operation(node), width=cfg.width)
        return tell_variable(trace, trace.variable(node), width=cfg.width)
    part = slice_of(trace, node, cfg.slice, source)  # type: ignore[arg-type]
    shown = portion(trace, part, focus=node, limit=cfg.limit, width=_width(cfg))
    figures |= {"operations": len(part.operations), "variables": len(part.variables),
                "left_out": shown.left_out}  # fmt: skip
    return _drawn(shown, cfg.view)


def _view_item(trace: Trace, cfg: ShowConfig, item: str) -> str:
    if cfg.view != "text" or cfg.slice != "none":
        last = trace.history(item)[-1].id
        raise UserError(f"{item!r} is a memory item; ask for one version, such as {last}")
    return tell_item(trace, item, width=cfg.width)


def _drawn(shown: Portion, view: str) -> str:
    if view == "mermaid":
        return to_mermaid(shown)
    if view == "graphviz":
        return to_dot(shown)
    if view == "json":
        return _escaped(json.dumps(slice_data(shown), ensure_ascii=False, indent=1))
    return tell_slice(shown)


def _width(cfg: ShowConfig) -> int:
    """In a drawing a value is a label."""
    return min(cfg.width, 40) if cfg.view in ("mermaid", "graphviz") else cfg.width


def _resolved(trace: Trace, word: str) -> str:
    """The id a word stands for: a node's, a memory item's, or that of the variable so named."""
    if found := _ID.fullmatch(word):
        if len(found[2]) > _DIGITS:
            raise UserError(f"{trace.path}: there is no {word}; the last is {trace.last_seq}")
        node = f"{found[1]}-{int(found[2])}"
        try:
            (trace.operation if found[1] == "op" else trace.variable)(node)
        except KeyError:
            raise UserError(_unknown(trace, node)) from None
        return node
    if trace.history(word):
        return word
    named = [variable.id for variable in trace.variables(name=word)]
    if len(named) == 1:
        return named[0]
    if named:
        raise UserError(f"{word!r} is the name of {len(named)} variables: {_some(named)}")
    raise UserError(
        f"{trace.path}: expected an id (op-12, var-7), a memory item or the name of a variable; "
        f"there is no {word!r}{_close(trace, word)}"
    )


def _unknown(trace: Trace, node: str) -> str:
    """That there is no such node, and which are near."""
    number = int(node.partition("-")[2])
    other = f"{'var' if node.startswith('op') else 'op'}-{number}"
    near = [op.id for op in trace.operations(since_seq=number - 20, until_seq=number + 20)]
    ids = [f"var-{n}" for n in range(max(number - 8, 1), number + 9)]
    near += [variable.id for variable in trace.variables(ids=ids)]
    near.sort(key=lambda one: abs(int(one.partition("-")[2]) - number))
    hint = f"near it: {_some(near[:6])}" if near else f"the last number used is {trace.last_seq}"
    if other in near:
        hint = f"did you mean {other}? {hint}"
    return f"{trace.path}: there is no {node}; {hint}"


def _close(trace: Trace, word: str) -> str:
    known = {name for v in trace.variables() for name in (v.item, v.name) if name is not None}
    close = get_close_matches(word, known, n=3)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:8]) + (", ..." if len(ids) > 8 else "")


def _escaped(document: str) -> str:
    """JSON in which what cannot be printed is written as an escape."""
    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in document
    )


def _harmless(text: str) -> str:
    """A text whose content cannot steer the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def _write(target: str, text: str) -> None:
    path = checked_target(target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text.encode("utf-8", "replace").decode())
    except OSError as error:
        raise UserError(f"out: {path} cannot be written: {error}") from error


main = entrypoint(
    "memtrace/show", ShowConfig, show, groups={}, positional=("trace", "node"), keeps_run=False
)

if __name__ == "__main__":
    main()
