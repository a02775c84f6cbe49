"""What the text index holds: each distinct text once, and who holds it.

In: the variables of a trace from some number on. Out: rows of the side file. A *document* is one
stored value, or one chunk of a big one, so that a context that grew in 500 steps is read about
once. For each document and kind of variable the first holder and their count are kept.

With several processes writing, a lower number may reach the disk after a higher one. So numbers
are `settled` only some seconds after they were drawn; younger ones are looked at again, and the
table `recent` says which of them are in already.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memtrace.graph.explaining.texts import plain, text_of
from memtrace.graph.progress import progress
from memtrace.graph.reading.database import Database
from memtrace.graph.storage import schema
from memtrace.graph.storage.blobs import DAMAGE, BlobReader
from memtrace.graph.storage.chunks import numbers_of
from memtrace.graph.storage.values import decode

__all__ = ["SCHEMA", "Indexing", "chunk_text", "last_chunk", "runs_of", "text_in"]

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE documents (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, chunk INTEGER);
CREATE INDEX documents_by_chunk ON documents (chunk) WHERE chunk IS NOT NULL;
CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE holders (
    document INTEGER, kind INTEGER, first INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (document, kind)
) WITHOUT ROWID;
CREATE TABLE recent (number INTEGER PRIMARY KEY);
CREATE TABLE vectors (
    embedder TEXT, document INTEGER, vector BLOB NOT NULL, PRIMARY KEY (embedder, document)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE texts USING fts5 (
    body, content = '', tokenize = 'unicode61 remove_diacritics 2'
);
"""

_FRESH = (
    "SELECT v.number, v.kind, v.created_ns, b.digest, b.encoding, b.codec, b.size, b.data"
    " FROM variables v JOIN blobs b USING (digest)"
    " WHERE v.number > ? AND NOT v.is_deletion ORDER BY v.number"
)
_HOLD = (
    "INSERT INTO holders VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " first = min(first, excluded.first), count = count + excluded.count"
)
_COLUMNS = (int, str, int, bytes, str, str, int, bytes)
_SETTLES_AFTER_NS = 10_000_000_000
_UNSETTLED_AT_MOST = 200_000
_ESCAPES = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)")


class Indexing:
    """One pass that brings a side file up to date; inside a transaction of the caller's.

    Args:
        database: The trace.
        blobs: Its values.
        side: The side file.
    """

    def __init__(self, database: Database, blobs: BlobReader, side: sqlite3.Connection) -> None:
        self._database, self._blobs, self._side = database, blobs, side
        self._kinds: dict[str, int] = {
            name: number for number, name in side.execute("SELECT id, name FROM kinds")
        }
        self._chunks = _ChunkHolders(side)
        self._last_chunk = last_chunk(database)

    def run(self) -> None:
        """Take up every variable that is not in yet."""
        settled, last = self._meta("settled"), self._meta("last")
        recent = {number for (number,) in self._side.execute("SELECT number FROM recent")}
        young = time.time_ns() - _SETTLES_AFTER_NS
        unsettled: list[int] = []
        digest: bytes | None = None
        for number, kind, created, *blob in self._fresh(settled):
            if created > young or unsettled:
                unsettled.append(number)
            if number >= last:
                last, digest = number, blob[0]
            if number not in recent:
                self._add(number, self._kind(kind), *blob)
        self._finish(unsettled, last, digest)

    def _fresh(self, settled: int) -> Iterator[tuple[Any, ...]]:
        rows = self._database.query(_FRESH, (settled,))
        fresh = "SELECT count(*) FROM variables WHERE number > ?"
        total = self._database.number(fresh, (settled,)) or 0
        with schema.readable(self._database.path):
            for row in progress(rows, "Indexing texts", total=total):
                if not all(map(isinstance, row, _COLUMNS)):
                    raise TypeError(f"unexpected types in variable {row[0]!r}")
                yield row

    def _add(
        self, number: int, kind: int, digest: bytes, encoding: str, codec: str, size: int,
        data: bytes,
    ) -> None:  # fmt: skip
        if encoding == "bytes":
            return
        if codec == "chunks":
            for run in runs_of(data, self._last_chunk):
                for fresh in self._chunks.hold(run, number, kind):
                    self._add_chunk(fresh, encoding)
            return
        document, is_new = self._document(digest, None)
        if is_new:
            self._index(document, text_in(self._blobs, encoding, codec, size, data))
        self._side.execute(_HOLD, (document, kind, number, 1))

    def _add_chunk(self, chunk: int, encoding: str) -> None:
        row = self._database.one("SELECT digest FROM chunks WHERE number = ?", (chunk,))
        if row is not None:
            document, _ = self._document(row[0], chunk)
            self._index(document, chunk_text(self._blobs, chunk, is_plain=encoding == "text"))

    def _document(self, digest: bytes, chunk: int | None) -> tuple[int, bool]:
        made = self._side.execute(
            "INSERT OR IGNORE INTO documents (digest, chunk) VALUES (?, ?)", (digest, chunk)
        )
        if made.rowcount:
            return int(made.lastrowid or 0), True
        row = self._side.execute("SELECT id FROM documents WHERE digest = ?", (digest,)).fetchone()
        return int(row[0]), False

    def _index(self, document: int, text: str) -> None:
        words = plain(text)
        if words:
            self._side.execute("INSERT INTO texts (rowid, body) VALUES (?, ?)", (document, words))

    def _kind(self, name: str) -> int:
        if name not in self._kinds:
            made = self._side.execute("INSERT INTO kinds (name) VALUES (?)", (name,))
            self._kinds[name] = int(made.lastrowid or 0)
        return self._kinds[name]

    def _meta(self, key: str) -> int:
        row = self._side.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return 0 if row is None else int(row[0])

    def _finish(self, unsettled: list[int], last: int, digest: bytes | None) -> None:
        """Note how far this pass came."""
        run = self._side.execute
        unsettled = unsettled[-_UNSETTLED_AT_MOST:]
        run("DELETE FROM recent")
        self._side.executemany("INSERT INTO recent VALUES (?)", ((part,) for part in unsettled))
        self._side.executemany(_HOLD, self._chunks.rows())
        settled = unsettled[0] - 1 if unsettled else last
        run("INSERT OR REPLACE INTO meta VALUES ('settled', ?)", (settled,))
        run("INSERT OR REPLACE INTO meta VALUES ('last', ?)", (last,))
        if digest is not None:
            run("INSERT OR REPLACE INTO meta VALUES ('digest', ?)", (digest,))


class _ChunkHolders:
    """Who holds which chunks, counted by runs: a version costs its runs, not its chunks."""

    def __init__(self, side: sqlite3.Connection) -> None:
        self._side = side
        known = side.execute("SELECT chunk FROM documents WHERE chunk IS NOT NULL").fetchall()
        self._known = _grown(np.zeros(0, dtype=np.int32), max((row[0] for row in known), default=0))
        self._known[[row[0] for row in known]] = 1
        self._first: dict[int, NDArray[np.int32]] = {}
        self._steps: dict[int, NDArray[np.int32]] = {}

    def hold(self, run: range, number: int, kind: int) -> list[int]:
        """Count a run for a variable; returns the chunks met for the first time."""
        if run.stop > len(self._known):
            self._known = _grown(self._known, run.stop)
        for counts in (self._first, self._steps):
            held = counts.get(kind)
            if held is None or run.stop >= len(held):
                counts[kind] = _grown(held, run.stop)
        first = self._first[kind][run.start : run.stop]
        first[first == 0] = number
        self._steps[kind][run.start] += 1
        self._steps[kind][run.stop] -= 1
        known = self._known[run.start : run.stop]
        fresh = (np.flatnonzero(known == 0) + run.start).tolist()
        known[:] = 1
        return fresh

    def rows(self) -> Iterator[tuple[int, int, int, int]]:
        """Rows of `holders`."""
        for kind, steps in self._steps.items():
            counts = np.cumsum(steps)
            for chunk in np.flatnonzero(counts).tolist():
                row = self._side.execute(
                    "SELECT id FROM documents WHERE chunk = ?", (chunk,)
                ).fetchone()
                if row is not None:
                    yield row[0], kind, int(self._first[kind][chunk]), int(counts[chunk])


def last_chunk(database: Database) -> int:
    """The highest number of a chunk; 0 without any, as in a trace of version 1."""
    if database.one("SELECT 1 FROM sqlite_master WHERE name = 'chunks'") is None:
        return 0
    return database.number("SELECT max(number) FROM chunks") or 0


def runs_of(data: bytes, last: int) -> list[range]:
    """The runs of chunks in a recipe; none for a damaged one, as its reader will say."""
    try:
        runs = numbers_of(data)
    except DAMAGE:
        return []
    return runs if all(0 < run.start <= run.stop <= last + 1 for run in runs) else []


def text_in(
    blobs: BlobReader, encoding: str, codec: str, size: int, data: bytes, *, keys: bool = False
) -> str:  # fmt: skip
    """The texts inside a stored value; empty for one that is damaged, as its reader will say."""
    try:
        return text_of(decode(encoding, blobs.plain(codec, size, data)), keys=keys)
    except DAMAGE:
        return ""


def chunk_text(blobs: BlobReader, chunk: int, *, is_plain: bool = False) -> str:
    """A piece of a big value as text. Unless it is plain, the escapes of JSON become blanks."""
    try:
        text = blobs.chunks(range(chunk, chunk + 1))[0].decode("utf-8", "replace")
    except DAMAGE:
        return ""
    return text if is_plain else _ESCAPES.sub(" ", text)


def _grown(held: NDArray[np.int32] | None, needed: int) -> NDArray[np.int32]:
    """The counts in an array that has room for more."""
    grown = np.zeros(2 * needed + 1024, dtype=np.int32)
    if held is not None:
        grown[: len(held)] = held
    return grown
