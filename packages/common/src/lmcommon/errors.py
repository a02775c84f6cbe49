"""Errors that all three packages raise, one class per audience.

`UserError` is what a user can fix: entry points print it as one line and leave with exit code 2.
`ValueError` (the built-in) marks a bad argument of a function, `assert` guards our own invariants.
A message says what was expected, what came, and what to do. A single bad item (a failed model
call, an unparsable verdict) is data, not an exception: see `lmcommon.llm.ModelFailure`.
"""

from __future__ import annotations

__all__ = [
    "BudgetError",
    "DataError",
    "LmCommonError",
    "MissingExtraError",
    "ParseError",
    "UserError",
]


class LmCommonError(Exception):
    """Root of every error defined here."""


class UserError(LmCommonError):
    """Something the user can fix: a key, a file, an endpoint, a missing package."""


class MissingExtraError(UserError, ImportError):
    """An optional dependency is not installed; the message names the extra."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(
            f"this needs the package {module!r}, which is not installed: "
            f"pip install '{extra}' (or the line of the README that installs everything)"
        )


class DataError(UserError):
    """A malformed row or file. Names the file, the row (from 0) and the field."""

    def __init__(
        self, problem: str, *, path: str, row: int | None = None, field: str | None = None
    ) -> None:
        self.path, self.row, self.field, self.problem = path, row, field, problem
        where = [path]
        if row is not None:
            where.append(f"row {row}")
        if field is not None:
            where.append(f"field {field!r}")
        super().__init__(f"{', '.join(where)}: {problem}")


class BudgetError(UserError):
    """A spending limit refuses the next call. What was done so far is kept."""


class ParseError(LmCommonError, ValueError):
    """A model's reply does not have the form that was asked for. Keeps the reply."""

    def __init__(self, problem: str, *, reply: str) -> None:
        self.reply = reply
        shown = reply if len(reply) <= 200 else reply[:200] + "..."
        super().__init__(f"{problem}; got {shown!r}")
