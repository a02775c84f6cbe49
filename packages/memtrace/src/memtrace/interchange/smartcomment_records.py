"""The records of an imported file, kept beside the graph that was made of them.

In: the parts of a smartcomment file, in order. Out: the same parts, in order, for the export. A
table `records` of the trace holds them in compressed batches; the values of nodes are not in them,
since the variables have those. Whoever reads the trace as a graph never looks here.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from array import array
from collections.abc import Iterator
from typing import Any

__all__ = ["Records", "add_numbers", "has_records", "read_numbers", "read_records"]

_NUMBERS = "#numbers"
"""The section with the variable number of each node. No field of a file is called so."""
_BATCH_BYTES = 200_000
_TABLE = (
    "CREATE TABLE records (number INTEGER PRIMARY KEY, section TEXT NOT NULL, data BLOB NOT NULL)"
)


class Records:
    """Writes records; an open transaction is the caller's business."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}
        connection.execute(_TABLE)

    def add(self, section: str, record: Any) -> None:
        """Keep a record of a section."""
        line = json.dumps(record, separators=(",", ":"))
        self._waiting.setdefault(section, []).append(line)
        size = self._sizes.get(section, 0) + len(line)
        self._sizes[section] = size
        if size > _BATCH_BYTES:
            self._flush(section)

    def close(self) -> None:
        """Write what waits."""
        for section in list(self._waiting):
            self._flush(section)

    def _flush(self, section: str) -> None:
        lines = self._waiting.pop(section)
        self._sizes[section] = 0
        _insert(self._connection, section, f"[{','.join(lines)}]".encode("ascii"))


def add_numbers(connection: sqlite3.Connection, numbers: array[int]) -> None:
    """Keep the variable number of each node, 0 where a node is none."""
    _insert(connection, _NUMBERS, numbers.tobytes())


def _insert(connection: sqlite3.Connection, section: str, data: bytes) -> None:
    connection.execute(
        "INSERT INTO records (section, data) VALUES (?,?)", (section, zlib.compress(data, 3))
    )


def has_records(connection: sqlite3.Connection) -> bool:
    """Whether a trace came from such a file."""
    found = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'records'"
    ).fetchone()
    return found is not None


def read_records(connection: sqlite3.Connection, section: str) -> Iterator[Any]:
    """The records of a section in order.

    Raises:
        ValueError: If the stored bytes are damaged.
        zlib.error: Likewise.
    """
    batches = connection.execute(
        "SELECT data FROM records WHERE section = ? ORDER BY number", (section,)
    )
    for (data,) in batches:
        yield from json.loads(zlib.decompress(data))


def read_numbers(connection: sqlite3.Connection) -> array[int]:
    """The variable number of each node, in the order of the nodes."""
    numbers = array("q")
    rows = connection.execute("SELECT data FROM records WHERE section = ?", (_NUMBERS,))
    for (data,) in rows:
        numbers.frombytes(zlib.decompress(data))
    return numbers
