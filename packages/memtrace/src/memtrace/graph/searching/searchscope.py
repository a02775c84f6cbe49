"""Which texts of a trace a search is about, and who holds one of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence

from memtrace.graph.reading.database import Database
from memtrace.graph.searching.indexing import last_chunk, runs_of

__all__ = ["SearchScope"]

_AT_ONCE = 500


class SearchScope:
    """Which documents count, and who holds one of them.

    Args:
        database: The trace.
        side: Its index.
        kinds: Only variables of these kinds.
        among: Only these variables.
    """

    def __init__(
        self, database: Database, side: sqlite3.Connection, kinds: Collection[str] | None,
        among: Iterable[int] | None,
    ) -> None:  # fmt: skip
        self._side = side
        self._kinds: list[int] | None = None
        if kinds is not None:
            marks = ",".join("?" * len(kinds))
            rows = side.execute(f"SELECT id FROM kinds WHERE name IN ({marks})", tuple(kinds))
            self._kinds = [number for (number,) in rows]
        self._holders: dict[int, list[tuple[int, str]]] | None = None
        if among is not None:
            self._holders = {}
            numbers = sorted(set(among))
            for start in range(0, len(numbers), _AT_ONCE):
                self._hold(database, numbers[start : start + _AT_ONCE], kinds)

    def documents(self) -> list[int] | None:
        """The documents that count; None for all."""
        if self._holders is not None:
            return list(self._holders)
        if self._kinds is None:
            return None
        rows = self._side.execute(
            "SELECT DISTINCT document FROM holders WHERE kind IN"
            " (SELECT value FROM json_each(?)) ORDER BY document",
            (json.dumps(self._kinds),),
        )
        return [document for (document,) in rows]

    def clause(self) -> tuple[str, list[str]]:
        """The condition on `texts.rowid`, and its values."""
        if self._holders is not None:
            return (
                "AND +texts.rowid IN (SELECT value FROM json_each(?))",
                [json.dumps(list(self._holders))],
            )
        if self._kinds is not None:
            return (
                "AND EXISTS (SELECT 1 FROM holders h WHERE h.document = texts.rowid"
                " AND h.kind IN (SELECT value FROM json_each(?)))",
                [json.dumps(self._kinds)],
            )
        return "", []

    def holder(self, document: int) -> tuple[int, str, int] | None:
        """The first variable in scope that holds a document, its kind, and how many do."""
        if self._holders is not None:
            held = sorted(self._holders[document])
            return held[0][0], held[0][1], len(held)
        rows = self._side.execute(
            "SELECT h.first, k.name, h.count, h.kind FROM holders h JOIN kinds k ON k.id = h.kind"
            " WHERE h.document = ? ORDER BY h.first",
            (document,),
        ).fetchall()
        rows = [row for row in rows if self._kinds is None or row[3] in self._kinds]
        return (rows[0][0], rows[0][1], sum(row[2] for row in rows)) if rows else None

    def _hold(
        self, database: Database, numbers: Sequence[int], kinds: Collection[str] | None
    ) -> None:
        assert self._holders is not None
        last = last_chunk(database)
        rows = database.query(
            "SELECT v.number, v.kind, b.digest, b.codec, CASE b.codec WHEN 'chunks' THEN b.data END"
            " FROM variables v JOIN blobs b USING (digest) WHERE v.number IN"
            " (SELECT value FROM json_each(?))",
            (json.dumps(list(numbers)),),
        )
        for number, kind, digest, codec, data in rows:
            if kinds is not None and kind not in kinds:
                continue
            runs = runs_of(data, last) if codec == "chunks" else None
            found = self._of_value(digest) if runs is None else self._of_chunks(runs)
            for document in found:
                self._holders.setdefault(document, []).append((number, kind))

    def _of_value(self, digest: bytes) -> list[int]:
        rows = self._side.execute("SELECT id FROM documents WHERE digest = ?", (digest,))
        return [document for (document,) in rows]

    def _of_chunks(self, runs: Iterable[range]) -> set[int]:
        return {
            document
            for run in runs
            for (document,) in self._side.execute(
                "SELECT id FROM documents WHERE chunk >= ? AND chunk < ?", (run.start, run.stop)
            )
        }
