"""The reading end of a trace file: one connection, rows out, damage told as `UserError`.

Usable from several threads at once: SQLite serialises the statements. What takes several
statements that must agree is read inside `snapshot()`, while a recording goes on.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.storage import schema

__all__ = ["Database"]


class Database:
    """A trace file, open for reading only.

    Args:
        path: The file.

    Raises:
        UserError: If there is no such file, or it is no trace, damaged, or of a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            what = "a folder" if path.is_dir() else "nothing"
            raise UserError(f"{path}: expected a trace file; there is {what} here")
        with schema.readable(path):
            self.connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10.0,
                isolation_level=None, check_same_thread=False,
            )  # fmt: skip
        try:
            schema.check(self.connection, path)
        except BaseException:
            self.connection.close()
            raise
        self._lock = threading.Lock()
        self._depth = 0

    def close(self) -> None:
        """Release the file."""
        self.connection.close()

    def query(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Stream the rows of one statement."""
        with schema.readable(self.path):
            # Not `yield from`: that would close the cursor when a stream is dropped half-read,
            # which SQLite refuses once the trace is closed.
            for row in self.connection.execute(statement, _bound(statement, values)):  # noqa: UP028
                yield row

    def one(self, statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a statement; None when there is none."""
        with schema.readable(self.path):
            row: tuple[Any, ...] | None = self.connection.execute(
                statement, _bound(statement, values)
            ).fetchone()
        return row

    def number(self, statement: str, values: Sequence[Any] = ()) -> int | None:
        """The one number that a statement gives; None for NULL or no row."""
        row = self.one(statement, values)
        if row is None or row[0] is None:
            return None
        with schema.readable(self.path):
            if not isinstance(row[0], int):
                raise TypeError(f"expected a number; got {row[0]!r}")
        return int(row[0])

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all statements inside see one state of the file, whatever is recorded meanwhile.

        Snapshots may be nested and overlap between threads; the view moves on when the last ends.
        """
        with self._lock, schema.readable(self.path):
            if not self._depth:
                self.connection.execute("BEGIN")
            self._depth += 1
        try:
            yield
        finally:
            with self._lock, schema.readable(self.path):
                self._depth -= 1
                if not self._depth and self.connection.in_transaction:
                    self.connection.execute("COMMIT")


def _bound(statement: str, values: Sequence[Any]) -> Sequence[Any] | dict[str, Any]:
    """Values as SQLite binds them: numbered placeholders (`?1`) count as names from Python 3.12."""
    if "?1" not in statement:
        return values
    return {str(place): value for place, value in enumerate(values, 1)}
