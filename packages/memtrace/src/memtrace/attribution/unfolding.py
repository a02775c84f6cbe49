"""A value as lines of text: structures and JSON replies unfolded, one text a line.

A model that decides about memories replies with rows (`{"text": ..., "event": "DELETE"}`). Not all
of their text is passed on: rows that delete or change nothing, and fields that only repeat what
stood there before, are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["command_of", "rows_of", "unfold"]

_COMMAND = frozenset({"event", "action", "operation", "op", "command"})
_KEEPS_NOTHING = frozenset({
    "delete", "remove", "forget", "none", "noop", "no_op", "no_change", "nochange", "skip",
    "ignore", "discard",
})  # fmt: skip
_OLD = re.compile(r"^(?:old|previous|prior|before)(?:_|$)", re.IGNORECASE)
_FENCE = re.compile(r"^\s*```(?:json)?\s*|\s*```\s*$", re.IGNORECASE)


def unfold(value: Any) -> str:
    """The texts of a value that it passes on, one a line (a text of several lines keeps them)."""
    return "\n".join(_texts(_parsed(value)))


def rows_of(value: Any) -> list[Mapping[str, Any]]:
    """The rows of a reply that carry a command, in order; empty if it is no such reply."""
    found: list[Mapping[str, Any]] = []
    waiting = [_parsed(value)]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, Mapping):
            if command_of(one):
                found.append(one)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def command_of(row: Mapping[str, Any]) -> str:
    """What a row commands, in lower case; empty if it commands nothing."""
    for key, value in row.items():
        if isinstance(key, str) and key.casefold() in _COMMAND and isinstance(value, str):
            return value.strip().casefold().replace(" ", "_").replace("-", "_")
    return ""


def _parsed(value: Any) -> Any:
    """A JSON text as what it says; anything else as it is."""
    if not isinstance(value, str):
        return value
    bare = _FENCE.sub("", value).strip()
    if not bare or (bare[0], bare[-1]) not in (("{", "}"), ("[", "]")):
        return value
    try:
        return json.loads(bare)
    except (ValueError, RecursionError):
        return value


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]  # the next one last: no recursion, a model may reply "[[[[..."
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            if command_of(one) not in _KEEPS_NOTHING:
                waiting += reversed([part for key, part in one.items() if not _is_left_out(key)])
        elif isinstance(one, (list, tuple, set, frozenset)):
            waiting += reversed(list(one))
        elif one is not None and not isinstance(one, (bytes, bool)):
            yield str(one)


def _is_left_out(key: Any) -> bool:
    """Whether a field only commands, or repeats what stood there before."""
    return isinstance(key, str) and bool(_OLD.match(key) or key.casefold() in _COMMAND)
