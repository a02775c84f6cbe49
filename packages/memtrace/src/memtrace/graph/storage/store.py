"""The writing side of a trace file: whole batches in, one transaction each.

A batch is a consistent cut of the recording: every variable an edge names is in the batch or on
disk already, and so is every operation that a variable names as its producer. So whenever the
process dies, what is on disk is a graph without loose ends.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lmcommon.errors import UserError
from memtrace.graph.recording.lock import WriteLock
from memtrace.graph.storage import schema, seals
from memtrace.graph.storage.blobs import BlobReader
from memtrace.graph.storage.bulk import insert
from memtrace.graph.storage.deposit import Deposit
from memtrace.graph.storage.migrate import migrate
from memtrace.graph.storage.values import Payload
from memtrace.types import INTERRUPTED

__all__ = ["Batch", "InputRow", "OperationRow", "Store", "VariableRow"]

_CACHE_KIB = 32_768
"""The index by digest is hit at random: it should fit."""
_CHECKPOINT_PAGES = 4_000


class VariableRow(NamedTuple):
    """A variable on its way to the disk. A copy has no payload: it shares its source's blob."""

    number: int
    kind: str
    name: str | None
    encoding: str
    payload: Payload | None
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
                f"{path}: a file is here already; choose another path, delete it, or, if it is a "
                "trace, go on with it by resume=True"
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
            self._connection.execute(f"PRAGMA cache_size = {-_CACHE_KIB}")
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            if not exists:
                schema.create(self._connection)
        except BaseException as error:
            if hasattr(self, "_connection"):
                self._connection.close()
            self.lock.release()
            if isinstance(error, sqlite3.OperationalError):
                raise UserError(
                    f"{path}: the trace cannot be written; SQLite says: {error}; is the disk full?"
                ) from error
            raise
        self._deposit = Deposit(self._connection)
        self._blobs = BlobReader(self._connection, path)

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
            "SELECT kind, name, item, version FROM variables WHERE number = ?", (number,)
        ).fetchone()
        return None if row is None else (self._blobs.value(number), *row)

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
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._write_variables(batch.variables)
            insert(self._connection, "operations", batch.operations, replace=True)
            seals.add(self._connection, "operations", batch.operations)
            insert(self._connection, "inputs", batch.inputs)
            seals.add(self._connection, "inputs", batch.inputs)
            if batch.meta:
                insert(self._connection, "meta", tuple(batch.meta.items()), replace=True)
                seals.seal(self._connection, ["meta"])
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk may have ended it
                self._connection.execute("ROLLBACK")
            self._deposit.forget()
            raise

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

    def _write_variables(self, rows: list[VariableRow]) -> None:
        given = [(row.encoding, row.payload) for row in rows if row.payload is not None]
        digests = iter(self._deposit.put(given))
        by_number: dict[int, bytes] = {}
        lines: list[tuple[Any, ...]] = []
        for row in rows:
            if row.payload is not None:
                digest = next(digests)
            else:
                assert row.source is not None, row
                digest = by_number.get(row.source) or self._digest_of(row.source)
            by_number[row.number] = digest
            lines.append(  # by `+`: twice as fast as unpacking
                row[:3] + (digest,) + row[5:10] + (int(row.is_deletion),) + row[11:]  # noqa: RUF005
            )
        insert(self._connection, "variables", lines)
        seals.add(self._connection, "variables", lines)

    def _digest_of(self, number: int) -> bytes:
        row = self._connection.execute(
            "SELECT digest FROM variables WHERE number = ?", (number,)
        ).fetchone()
        return bytes(row[0])
