"""Which version of each memory item is the latest: how a read is linked to the write it sees.

In a recording of one process the answer is exact. With several processes, what this process wrote
counts at once, and what another wrote counts once it is on disk: at most half a second later, or
at once if a handle came from there.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memtrace.graph.recording.handle import Handle
from memtrace.graph.storage import schema

__all__ = ["Items", "Live"]

_LATEST = (
    "SELECT number, version, is_deletion FROM variables"
    " WHERE item = ? AND source IS NULL ORDER BY number DESC LIMIT 1"
)


@dataclass(slots=True)
class Live:
    """The latest version of a memory item."""

    number: int
    version: int
    is_deleted: bool
    handle: Handle[Any] | None


class Items:
    """The table from item id to its latest version.

    Args:
        known: Number, version and whether it is deleted, of every item in the file so far.
        shared: The trace, if other processes write it too: then it is looked at every time.
    """

    def __init__(self, known: dict[str, tuple[int, int, bool]], shared: Path | None) -> None:
        self._table = {item: Live(*found, None) for item, found in known.items()}
        self._shared = shared
        self._connection: sqlite3.Connection | None = None

    def latest(self, item: str) -> Live | None:
        """The latest version, deleted or not; None for an item never heard of."""
        entry = self._table.get(item)
        if self._shared is None:
            return entry
        if self._connection is None:
            self._connection = sqlite3.connect(
                f"{self._shared.resolve().as_uri()}?mode=ro", uri=True, timeout=10.0,
                isolation_level=None, check_same_thread=False,
            )  # fmt: skip
        with schema.readable(self._shared):
            row = self._connection.execute(_LATEST, (item,)).fetchone()
        if row is not None and (entry is None or row[0] > entry.number):
            entry = Live(row[0], row[1], bool(row[2]), None)
            self._table[item] = entry
        return entry

    def put(self, item: str, live: Live) -> None:
        """Note a new version."""
        self._table[item] = live

    def disconnect(self) -> None:
        """Let go of the file, until the next look."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
