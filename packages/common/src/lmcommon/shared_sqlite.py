"""SQLite files that several processes share: opened and prepared once, whoever comes first.

In: a path, who owns such files, which format, and the statement that makes the table. Out: a
connection in WAL mode. A file of another program or format is left as it is.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["open_shared"]

_BUSY_S = 60.0
"""Seconds to wait for another process."""


def open_shared(
    path: Path, *, application_id: int, layout: int, schema: str,
    refuse: Callable[[int, int], None],
) -> sqlite3.Connection:  # fmt: skip
    """Open a file, and make its table if it is empty.

    Args:
        path: Of the file; its folder is made.
        application_id: Whose file it is (SQLite's `application_id`).
        layout: Its format (SQLite's `user_version`).
        schema: The statement that makes the table.
        refuse: Given owner and format of a file that is not empty; raises if it is another's.

    Raises:
        sqlite3.Error: The file cannot be read or written.
        OSError: Its folder cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None
    )
    try:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            owner = connection.execute("PRAGMA application_id").fetchone()[0]
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
            if is_empty and owner == 0:
                connection.execute(f"PRAGMA application_id = {application_id}")
                connection.execute(f"PRAGMA user_version = {layout}")
                connection.execute(schema)
            else:
                refuse(owner, found)
        _switch_to_wal(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait for the lock here, so processes that start together must retry."""
    give_up = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)
