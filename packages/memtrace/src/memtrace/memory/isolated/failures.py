"""Errors that cross from one process to the other.

Errors of ours and of Python arrive as the same class, with the other side's traceback as a note
and as cause. An error of a foreign library has no class here: it arrives as `BrokenMemoryError`.
"""

from __future__ import annotations

import builtins
import traceback
from typing import Any

from lmcommon import errors
from memtrace.memory.types import BrokenMemoryError

__all__ = ["RemoteTraceback", "from_wire_error", "to_wire_error"]

_HOMES = {"builtins": builtins, "lmcommon.errors": errors}


class RemoteTraceback(Exception):  # noqa: N818
    """The traceback of the other process, as the cause of an error that came from there."""

    def __str__(self) -> str:
        return f"\n\n{self.args[0]}"


def to_wire_error(error: BaseException) -> dict[str, Any]:
    """An error as JSON."""
    kind = type(error)
    text = "".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace").decode()
    facts = {key: value for key, value in vars(error).items() if _is_plain(value)}
    return {
        "module": kind.__module__, "class": kind.__qualname__, "says": _said(error),
        "arguments": [part for part in error.args if _is_plain(part)], "facts": facts,
        "traceback": text,
    }  # fmt: skip


def from_wire_error(row: dict[str, Any]) -> Exception:
    """The error of the other process, to be raised here."""
    kind: Any = None
    if row["class"] == BrokenMemoryError.__name__:
        kind = BrokenMemoryError
    elif row["module"] in _HOMES:
        kind = getattr(_HOMES[row["module"]], row["class"], None)
    error: Exception
    if isinstance(kind, type) and issubclass(kind, Exception):
        error = kind.__new__(kind)
        error.args = tuple(row["arguments"])
        for key, value in row["facts"].items():
            if key != "__notes__" and not isinstance(error, OSError):
                setattr(error, key, value)
        if issubclass(kind, OSError) or (not error.args and row["says"]):
            error.args = (row["says"],)
    else:
        error = BrokenMemoryError(f"{row['module']}.{row['class']}: {row['says']}")
    error.__cause__ = RemoteTraceback(row["traceback"])
    error.add_note(f"In the other process:\n{row['traceback']}")
    return error


def _said(error: BaseException) -> str:
    for tell in (str, repr):
        try:
            return tell(error)
        except Exception:  # the border to code of others: any `__str__`
            continue
    return ""


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))
