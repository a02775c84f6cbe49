"""Which digests a table holds: from memory, and from the table where memory does not suffice.

In: digests. Out: those that the table holds, with their row numbers. Memory is bounded. As long as
this recording began the file and writes it alone, a filter tells most new digests from known ones
without a look at the table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping

import numpy as np

__all__ = ["Known"]

_KEPT = 100_000
"""Digests of a generation: a full young one replaces the old one."""
_LOOK_UP_AT_ONCE = 500
_FILTER_SLOTS = 1 << 23


class Known:
    """The digests of one table, `blobs` or `chunks`."""

    def __init__(self, connection: sqlite3.Connection, table: str) -> None:
        self._connection, self._table = connection, table
        self._young: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}
        self._forgotten: _Filter | None = None
        self._version = self._data_version()
        row = connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()
        self._is_own = row is None
        """Whether every row came through this object."""

    def remembers(self, digest: bytes) -> bool:
        """Whether memory alone knows that the table holds it."""
        return digest in self._young or digest in self._old

    def among(self, digests: Collection[bytes]) -> dict[bytes, int]:
        """Those of the digests that the table holds, with their numbers."""
        found: dict[bytes, int] = {}
        unknown = []
        young, old = self._young, self._old
        for digest in digests:
            number = young.get(digest)
            if number is None and (number := old.get(digest)) is None:
                unknown.append(digest)
            else:
                found[digest] = number
        looked_up = self._look_up(self._doubtful(unknown))
        self.add(looked_up)
        return found | looked_up

    def add(self, fresh: Mapping[bytes, int]) -> None:
        """Remember what the table holds now."""
        if len(self._young) + len(fresh) > _KEPT:
            if self._is_own:
                self._forgotten = self._forgotten or _Filter()
                self._forgotten.add(self._old)
            self._young, self._old = {}, self._young
        self._young.update(fresh)

    def _doubtful(self, unknown: list[bytes]) -> list[bytes]:
        """Those that the table may hold although memory does not know them."""
        if self._version != (version := self._data_version()):  # another process wrote
            self._is_own, self._version = False, version
        if not self._is_own:
            return unknown
        return [] if self._forgotten is None else self._forgotten.maybe(unknown)

    def _look_up(self, digests: list[bytes]) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for start in range(0, len(digests), _LOOK_UP_AT_ONCE):
            part = digests[start : start + _LOOK_UP_AT_ONCE]
            marks = ",".join("?" * len(part))
            found.update(
                self._connection.execute(
                    f"SELECT digest, rowid FROM {self._table} WHERE digest IN ({marks})", part
                ).fetchall()
            )
        return found

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


class _Filter:
    """A Bloom filter: never denies a digest it was given, claims 1 in 20 others at a million."""

    def __init__(self) -> None:
        self._slots = np.zeros(_FILTER_SLOTS, np.bool_)

    def add(self, digests: Iterable[bytes]) -> None:
        self._slots[_places(digests)] = True

    def maybe(self, digests: list[bytes]) -> list[bytes]:
        """Those that may have been added."""
        is_claimed = self._slots[_places(digests)].all(axis=1)
        return [digests[index] for index in np.flatnonzero(is_claimed).tolist()]


def _places(digests: Iterable[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    halves = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
    return halves & np.uint64(_FILTER_SLOTS - 1)
