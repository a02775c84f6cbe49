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

from memtrace.graph.storage import schema

__all__ = ["Records", "add_numbers", "has_records", "read_numbers", "read_records"]

_NUMBERS = "#numbers"
"""The section with the variable number of each node. No field of a file is called so."""
_BATCH = 1_000
_BATCH_CHARACTERS = 500_000


class Records:
    """Writes records; an open transaction is the caller's business.

    A record with the fields of the one before it is written as what differs: most fields of most
    records are the same all over the file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: dict[str, _Batch] = {}
        connection.execute(schema.RECORDS)

    def add(self, section: str, record: Any, *more: str | None) -> None:
        """Keep a record of a section, and what else belongs to it."""
        batch = self._waiting.get(section)
        if batch is None:
            batch = self._waiting[section] = _Batch()
        changed = _changed(record, batch.before)
        batch.before = record
        batch.entries.append((1, changed, *more) if changed is not None else (0, record, *more))
        batch.characters += sum(len(text) for text in more if text is not None)
        if len(batch.entries) >= _BATCH or batch.characters > _BATCH_CHARACTERS:
            self._flush(section)

    def close(self) -> None:
        """Write what waits."""
        for section in list(self._waiting):
            self._flush(section)

    def _flush(self, section: str) -> None:
        entries = self._waiting.pop(section).entries
        _insert(self._connection, section, json.dumps(entries).encode("ascii"))


class _Batch:
    """Records of one section that are compressed together."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self.characters = 0
        self.before: Any = None


def _changed(record: Any, before: Any) -> dict[str, Any] | None:
    """The fields that differ; None for a record with other fields than the one before."""
    if type(record) is not dict or type(before) is not dict or list(record) != list(before):
        return None
    # Equal is not enough: 1, 1.0 and True are equal. So only strings and {} are compared.
    return {
        name: value
        for (name, value), old in zip(record.items(), before.values(), strict=True)
        if value is not old and not (value == old if type(value) is str else value == {} == old)
    }


def add_numbers(connection: sqlite3.Connection, numbers: array[int]) -> None:
    """Keep the variable number of each node, 0 where a node is none."""
    _insert(connection, _NUMBERS, numbers.tobytes())


def _insert(connection: sqlite3.Connection, section: str, data: bytes) -> None:
    connection.execute(
        "INSERT INTO records (section, data) VALUES (?,?)", (section, zlib.compress(data, 1))
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
        before: Any = None
        for is_change, record, *more in json.loads(zlib.decompress(data)):
            if is_change:
                record = {**before, **record}
            before = record
            if more:
                record = dict(record) if isinstance(record, dict) else record
                yield [record, *more]  # a copy: whoever reads it fills in the value
            else:
                yield record


def read_numbers(connection: sqlite3.Connection) -> array[int]:
    """The variable number of each node, in the order of the nodes."""
    numbers = array("q")
    rows = connection.execute("SELECT data FROM records WHERE section = ?", (_NUMBERS,))
    for (data,) in rows:
        numbers.frombytes(zlib.decompress(data))
    return numbers
