"""The writing side of a trace file: whole batches in, one transaction each.

A batch is a consistent cut of the recording: every variable an edge names is in the batch or on
disk already, and so is every operation that a variable names as its producer. So whenever the
process dies, what is on disk is a graph without loose ends.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from lmcommon.errors import UserError
from memtrace.graph import schema
from memtrace.graph.lock import WriteLock
from memtrace.graph.migrate import migrate
from memtrace.graph.values import decode, to_bytes
from memtrace.types import INTERRUPTED

__all__ = ["Batch", "InputRow", "OperationRow", "Store", "VariableRow", "unpack"]

_PACK_FROM_BYTES = 160
_KNOWN_DIGESTS = 300_000


class VariableRow(NamedTuple):
    """A variable on its way to the disk. A copy has no payload: it shares its source's blob."""

    number: int
    kind: str
    name: str | None
    encoding: str
    payload: str | bytes | None
    producer: int | None
    role: str | None
    position: int
    item: str | None
    version: int | None
    is_deletion: bool
    source: int | None
    created_ns: int
    metadata: str | None


class OperationRow(NamedTuple):
    """An operation on its way to the disk: finished, or a placeholder for one still running."""

    number: int
    end_number: int | None
    kind: str
    name: str
    parent: int | None
    parameters: str | None
    model: str | None
    usage: str | None
    error_type: str | None
    error_message: str | None
    started_ns: int
    finished_ns: int | None
    metadata: str | None


class InputRow(NamedTuple):
    """An edge from a variable to an operation."""

    operation: int
    place: int
    role: str
    variable: int


@dataclass(slots=True)
class Batch:
    """Rows that are written together or not at all."""

    variables: list[VariableRow] = field(default_factory=list)
    operations: list[OperationRow] = field(default_factory=list)
    inputs: list[InputRow] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.variables) + len(self.operations) + len(self.inputs) + len(self.meta)


class Store:
    """An open trace file with the right to write.

    Raises:
        UserError: When `path` holds something and `resume` is false, or is no trace of ours, or
            is being written by another process.
    """

    def __init__(self, path: Path, *, resume: bool, lock: WriteLock | None = None) -> None:
        self.path = path
        exists = path.exists() and path.stat().st_size > 0
        if exists and not resume:
            raise UserError(
                f"{path}: a trace is here already; choose another path, delete it, or go on "
                "with it by resume=True"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = lock or WriteLock(path)
        try:
            self._connection = sqlite3.connect(
                path, timeout=30.0, isolation_level=None, check_same_thread=False
            )
            exists = exists and not schema.is_blank(self._connection, path)
            if exists:
                migrate(self._connection, path)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            if not exists:
                schema.create(self._connection)
        except BaseException:
            if hasattr(self, "_connection"):
                self._connection.close()
            self.lock.release()
            raise
        self._known: set[bytes] = set()

    def meta(self) -> dict[str, Any]:
        """What the file says about the run, decoded."""
        with schema.readable(self.path):
            rows = self._connection.execute("SELECT key, value FROM meta").fetchall()
        return {key: json.loads(value) for key, value in rows}

    def last_number(self) -> int:
        """The highest sequence number on disk; 0 for an empty trace."""
        with schema.readable(self.path):
            row = self._connection.execute(
                "SELECT max(coalesce((SELECT max(number) FROM variables), 0),"
                " coalesce((SELECT max(number) FROM operations), 0),"
                " coalesce((SELECT max(end_number) FROM operations), 0))"
            ).fetchone()
        return int(row[0])

    def live_items(self) -> dict[str, tuple[int, int, bool]]:
        """For every memory item: number of its latest version, version, whether it is deleted."""
        with schema.readable(self.path):
            rows = self._connection.execute(
                "SELECT item, max(number), version, is_deletion FROM variables"
                " WHERE item IS NOT NULL AND source IS NULL GROUP BY item"
            ).fetchall()
        return {item: (number, version, bool(gone)) for item, number, version, gone in rows}

    def load(self, number: int) -> tuple[Any, str, str | None, str | None, int | None] | None:
        """Value, kind, name, item and version of a variable on disk; None if there is none."""
        row = self._connection.execute(
            "SELECT b.encoding, b.codec, b.data, b.digest, v.kind, v.name, v.item, v.version"
            " FROM variables v JOIN blobs b USING (digest) WHERE v.number = ?",
            (number,),
        ).fetchone()
        return None if row is None else (unpack(*row[:4]), *row[4:])

    def close_interrupted(self) -> int:
        """Mark operations that never finished as failed; returns how many there were."""
        with schema.readable(self.path):
            cursor = self._connection.execute(
                "UPDATE operations SET error_type = ?, error_message = ?"
                " WHERE finished_ns IS NULL AND error_type IS NULL",
                (INTERRUPTED, "the recording stopped before the operation finished"),
            )
        return cursor.rowcount

    def write(self, batch: Batch) -> None:
        """Write a batch in one transaction."""
        run = self._connection.executemany
        digests = [self._digest(row) for row in batch.variables]
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._write_variables(batch.variables, digests)
            run(f"INSERT OR REPLACE INTO operations VALUES ({_marks(13)})", batch.operations)
            run("INSERT INTO inputs VALUES (?,?,?,?)", batch.inputs)
            run("INSERT OR REPLACE INTO meta VALUES (?,?)", batch.meta.items())
        except BaseException:
            self._connection.execute("ROLLBACK")
            self._known.clear()
            raise
        self._connection.execute("COMMIT")

    def disconnect(self) -> None:
        """Let go of the file but not of the lock: SQLite connections must not cross a fork."""
        self._connection.close()

    def close(self) -> None:
        """Give up the right to write; the last writer folds the log into the one file."""
        if not self.lock.is_last():
            self._connection.close()
            self.lock.release()
            return
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("PRAGMA busy_timeout = 0")
            self._connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError:
            pass  # someone is reading: the log stays beside the file, nothing is lost
        finally:
            self._connection.close()
            self.lock.release()

    def _digest(self, row: VariableRow) -> tuple[bytes, bytes] | None:
        """Digest and stored form of a variable's value; None for a copy."""
        if row.payload is None:
            return None
        data = to_bytes(row.payload)
        return digest_of(row.encoding, data), data

    def _write_variables(
        self, rows: list[VariableRow], digests: list[tuple[bytes, bytes] | None]
    ) -> None:
        blobs: list[tuple[Any, ...]] = []
        lines: list[tuple[Any, ...]] = []
        by_number: dict[int, bytes] = {}
        for row, digested in zip(rows, digests, strict=True):
            if digested is None:
                assert row.source is not None, row
                digest = by_number.get(row.source) or self._digest_of(row.source)
            else:
                digest, data = digested
                if digest not in self._known:
                    blobs.append((digest, row.encoding, *_pack(data)))
                    self._known.add(digest)
            by_number[row.number] = digest
            lines.append((*row[:3], digest, *row[5:]))
        if len(self._known) > _KNOWN_DIGESTS:
            self._known.clear()
        self._connection.executemany("INSERT OR IGNORE INTO blobs VALUES (?,?,?,?,?)", blobs)
        self._connection.executemany(f"INSERT INTO variables VALUES ({_marks(13)})", lines)

    def _digest_of(self, number: int) -> bytes:
        row = self._connection.execute(
            "SELECT digest FROM variables WHERE number = ?", (number,)
        ).fetchone()
        return bytes(row[0])


def _pack(data: bytes) -> tuple[str, int, bytes]:
    """Codec, size before packing, packed bytes."""
    if len(data) >= _PACK_FROM_BYTES:
        packed = zlib.compress(data, 1)
        if len(packed) < len(data):
            return "zlib", len(data), packed
    return "raw", len(data), data


def digest_of(encoding: str, data: bytes) -> bytes:
    """Name of a value in the store: equal exactly for values of equal encoding and content."""
    hasher = blake2b(encoding.encode(), digest_size=16)
    hasher.update(b"\0")
    hasher.update(data)
    return hasher.digest()


def unpack(encoding: str, codec: str, data: bytes, digest: bytes) -> Any:
    """The value behind a stored blob; `ValueError` or `zlib.error` when it is damaged."""
    plain = zlib.decompress(data) if codec == "zlib" else data
    if digest_of(encoding, plain) != digest:
        raise ValueError(f"codec {codec!r}: the content does not match its digest")
    return decode(encoding, plain)


def _marks(count: int) -> str:
    return ",".join("?" * count)
