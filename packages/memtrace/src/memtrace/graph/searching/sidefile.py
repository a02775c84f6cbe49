"""The disposable file beside a trace that holds its text index: `trace.db.search`.

In: a trace. Out: a connection to an index that is up to date. The trace itself is never written to.
An index is built in a temporary file and renamed when it is whole, so readers that build at once
do not disturb each other; a later one is extended in place, in one transaction. One that belongs
to another trace, or is damaged, is built anew. In a folder that cannot be written the index lives
in a temporary file of this process.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import uuid
from glob import escape
from typing import Any

from memtrace.graph.reading.database import Database
from memtrace.graph.searching.indexing import SCHEMA, Indexing
from memtrace.graph.storage.blobs import BlobReader

__all__ = ["SideFile"]

_FORMAT = 1
_ABANDONED_AFTER_S = 86_400.0
_WAIT_S = 60.0


class SideFile:
    """The text index of one trace, made and extended on demand."""

    def __init__(self, database: Database, blobs: BlobReader) -> None:
        self._database, self._blobs = database, blobs
        self.path = database.path.with_name(f"{database.path.name}.search")
        self.lock = threading.RLock()
        """Held by whoever uses the connection."""
        self._side: sqlite3.Connection | None = None
        self._seen: int | None = None
        self._is_ours = False

    def close(self) -> None:
        """Release the file."""
        with self.lock:
            if self._side is not None:
                self._side.close()
                self._side = None

    def current(self) -> sqlite3.Connection:
        """The index, with everything in it that the trace holds now."""
        with self.lock:
            version = self._database.one("PRAGMA data_version")
            state = None if version is None else int(version[0])
            if self._side is None:
                self._side = self._opened() or self._built()
            elif state == self._seen:
                return self._side
            else:
                self._side = self._extended(self._side) or self._built()
            self._seen = state
            return self._side

    def forget(self) -> None:
        """Drop an index that turned out to be damaged."""
        with self.lock:
            self.close()
            if not self._is_ours:
                self.path.unlink(missing_ok=True)

    # Inside ---------------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection | None:
        """The index that lies beside the trace, extended; None if there is none of use."""
        if not self.path.is_file():
            return None
        side = _connect(str(self.path))
        try:
            if self._belongs(side):
                return self._extended(side)
        except sqlite3.DatabaseError:  # damaged, or no index
            pass
        side.close()
        return None

    def _belongs(self, side: sqlite3.Connection) -> bool:
        meta = dict(side.execute("SELECT key, value FROM meta"))
        if {key: meta.get(key) for key in ("format", "run", "inode")} != self._identity():
            return False
        row = self._database.one(
            "SELECT digest FROM variables WHERE number = ?", (meta.get("last", 0),)
        )
        return meta.get("digest") == (None if row is None else row[0])

    def _identity(self) -> dict[str, Any]:
        row = self._database.one("SELECT value FROM meta WHERE key = 'run'")
        run = json.dumps(None) if row is None else row[0]
        return {"format": _FORMAT, "run": run, "inode": str(self._database.path.stat().st_ino)}

    def _extended(self, side: sqlite3.Connection) -> sqlite3.Connection | None:
        """The index brought up to date; None, and closed, if it cannot be."""
        try:
            if self._is_behind(side):
                side.execute("BEGIN IMMEDIATE")
                try:
                    Indexing(self._database, self._blobs, side).run()
                except BaseException:
                    side.execute("ROLLBACK")
                    raise
                side.execute("COMMIT")
        except sqlite3.DatabaseError:  # damaged, held by another for long, or not ours to write
            side.close()
            return None
        return side

    def _is_behind(self, side: sqlite3.Connection) -> bool:
        row = self._database.one("SELECT max(number) FROM variables")
        (last,) = side.execute("SELECT value FROM meta WHERE key = 'last'").fetchone()
        return (
            row is None
            or row[0] != last
            or bool(side.execute("SELECT 1 FROM recent LIMIT 1").fetchone())
        )

    def _built(self) -> sqlite3.Connection:
        """A new index beside the trace, or a temporary one where that cannot be."""
        self._sweep()
        part = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex[:12]}.part")
        try:
            self._fill(str(part)).close()
            os.replace(part, self.path)
            return _connect(str(self.path))
        except (OSError, sqlite3.OperationalError):  # read-only folder, full disk
            self._is_ours = True
            return self._fill("")
        finally:
            if part.exists():
                part.unlink()

    def _fill(self, target: str) -> sqlite3.Connection:
        side = _connect(target)
        try:
            side.execute("PRAGMA journal_mode = OFF")
            side.execute("PRAGMA synchronous = OFF")
            side.execute("PRAGMA cache_size = -64000")
            side.executescript(SCHEMA)
            side.execute("BEGIN")
            side.execute("INSERT INTO texts (texts, rank) VALUES ('hashsize', 33554432)")
            side.executemany("INSERT INTO meta VALUES (?, ?)", self._identity().items())
            Indexing(self._database, self._blobs, side).run()
            side.execute("COMMIT")
        except BaseException:
            side.close()
            raise
        return side

    def _sweep(self) -> None:
        """Remove what killed builds left behind long ago."""
        for part in self.path.parent.glob(f".{escape(self.path.name)}.*.part"):
            try:
                if time.time() - part.stat().st_mtime > _ABANDONED_AFTER_S:
                    part.unlink()
            except OSError:  # another reader was faster
                continue


def _connect(target: str) -> sqlite3.Connection:
    """A connection; the empty name stands for a temporary database that vanishes with it."""
    return sqlite3.connect(target, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
