"""The strings in which smartcomment keeps values, and the values they stand for.

In: a string written by `repr`, by `json.dumps`, or as it was. Out: the value, and the way of
writing that gives exactly that string again; where there is none, the string is kept beside it.
Order of trial: JSON, Python literal, raw text.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any, NamedTuple

from memtrace.graph.storage.values import encode

__all__ = ["KEPT", "RAW", "REPR", "Reading", "read", "write"]

RAW = "raw"
REPR = "repr"
KEPT = "kept"
"""No way of writing gives the string again: it is stored as it was."""

_JSON_STARTS = frozenset('{["-0123456789tfnNI')
_LITERAL_STARTS = frozenset("'\"([{+-.0123456789TFNbBrRuUs")
_LITERAL_UP_TO = 4_000_000
_DEEP = 200
_BRACKETS = re.compile(r"[][{}()]")
_INDENT = re.compile(r"\n( *)")


class Reading(NamedTuple):
    """What a string stands for."""

    encoding: str
    payload: str | bytes
    """The value as the trace stores it."""
    written: str
    """How `write` makes the string again; `kept` when it cannot."""


def read(text: str) -> Reading:
    """Find the value behind a string. Never fails: raw text is a value too."""
    if _is_deep(text):
        return Reading("text", text, RAW)
    first = text[:1] if not text[:1].isspace() else text.lstrip()[:1]
    if first in _JSON_STARTS:
        found = _from_json(text)
        if found is not None:
            return found
    if first in _LITERAL_STARTS and len(text) <= _LITERAL_UP_TO:
        found = _from_literal(text)
        if found is not None:
            return found
    return Reading("text", text, RAW)


def write(value: Any, written: str) -> str:
    """The string that `read` was given."""
    if written == RAW:
        return str(value)
    if written == REPR:
        return repr(value)
    _, indent, separators, escapes = written.split(" ")
    return json.dumps(
        value, indent=None if indent == "-" else int(indent),
        separators=(",", ":") if separators == "tight" else None,
        ensure_ascii=escapes == "ascii",
    )  # fmt: skip


def _is_deep(text: str) -> bool:
    """Whether brackets nest so deeply that a reader with less stack left could fail."""
    if sum(text.count(bracket) for bracket in "[{(") <= _DEEP:
        return False
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "[{(" else -1
        deepest = max(deepest, depth)
    return deepest > _DEEP


def _from_json(text: str) -> Reading | None:
    try:
        value = json.loads(text)
        for written in _json_ways(text):
            if write(value, written) == text:
                return _reading(value, written)
        return _reading(value, REPR if repr(value) == text else KEPT)
    except (ValueError, TypeError, RecursionError):
        return None


def _json_ways(text: str) -> list[str]:
    """Ways of writing JSON that this text may have come from, likely ones first."""
    escapes = "ascii" if text.isascii() else "plain"
    indent = _INDENT.search(text)
    if indent is not None and len(indent.group(1)) <= 16:
        return [f"json {len(indent.group(1))} wide {escapes}"]
    return [f"json - wide {escapes}", f"json - tight {escapes}"]


def _from_literal(text: str) -> Reading | None:
    value: Any = text[1:-1]
    if text[0] in "'\"" and "\\" not in value and repr(value) == text:
        return Reading("text", value, REPR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an unknown escape: `repr` never wrote that
            value = ast.literal_eval(text)
            return _reading(value, REPR if repr(value) == text else KEPT)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, Warning):
        return None


def _reading(value: Any, written: str) -> Reading:
    """The reading; `TypeError` for a value that a trace cannot hold."""
    encoding, payload = encode(value, "value")
    if encoding == "tagged" and isinstance(payload, str) and 'set"' in payload:
        written = KEPT  # a set is in another order in another process
    return Reading(encoding, payload, written)
