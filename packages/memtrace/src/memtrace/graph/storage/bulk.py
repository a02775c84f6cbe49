"""Many rows into a table, several by one statement.

In: rows, while a transaction is open. Row by row, most of the time goes into what is around a row,
and Python's lock is given up each time, which a busy program does not give back for milliseconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

__all__ = ["insert"]

_ROWS_AT_ONCE = 50


def insert(
    connection: sqlite3.Connection, table: str, rows: Sequence[Iterable[Any]], *,
    replace: bool = False,
) -> None:  # fmt: skip
    """Insert rows that give every column of the table.

    A row that the table refuses leaves those before it in place: roll back.

    Args:
        connection: Where to; a transaction must be open.
        table: Its name.
        rows: One iterable of columns a row, all of one length.
        replace: Whether a row replaces the one with its key; else that is an error.

    Raises:
        sqlite3.Error: When a row cannot be written.
    """
    if not rows:
        return
    # Not the usual ABORT: it would keep a journal to undo each statement by itself.
    head = f"INSERT OR {'REPLACE' if replace else 'FAIL'} INTO {table} VALUES "
    marks = f"({','.join('?' * len(tuple(rows[0])))})"
    whole = len(rows) - len(rows) % _ROWS_AT_ONCE
    connection.executemany(
        head + ",".join([marks] * _ROWS_AT_ONCE),
        (
            tuple(chain.from_iterable(rows[start : start + _ROWS_AT_ONCE]))
            for start in range(0, whole, _ROWS_AT_ONCE)
        ),
    )
    connection.executemany(head + marks, map(tuple, rows[whole:]))
