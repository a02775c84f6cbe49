"""Bringing an older trace file to the present layout, when it is opened for writing.

In: a connection to a trace of any version this memtrace can read. Out: the same trace in the
present version. Each migration is one transaction, so a process killed in between leaves a file of
one version or the other. Reading needs none of this: older versions are read as they are.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from memtrace.graph.storage import schema, seals

__all__ = ["MIGRATIONS", "migrate"]

MIGRATIONS = {1: schema.PACKING}
"""Version to the statements that lead to the next one."""


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Apply every migration that is due, and seal what is not sealed.

    Raises:
        UserError: If the file is no trace, is damaged or of a newer version, or cannot be written.
    """
    while schema.check(connection, path) < schema.SCHEMA_VERSION:
        with schema.readable(path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                _step(connection, schema.check(connection, path))
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
    with schema.readable(path):
        seals.ensure(connection)


def _step(connection: sqlite3.Connection, version: int) -> None:
    if version not in MIGRATIONS:
        return  # another process was faster
    for statement in MIGRATIONS[version]:
        connection.execute(statement)
    connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(version + 1),))
