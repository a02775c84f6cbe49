"""Spans on their way in, in a temporary file: put in order, counted, each id once.

A file may hold its spans in any order and some twice. Memory holds one OTLP trace at a time.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from memtrace.graph.ids import operation_number
from memtrace.interchange.otlp.rows import clean
from memtrace.interchange.otlp.types import Span

__all__ = ["Spool", "own_number"]

_END = 2**62
_OWN = ("memtrace.trace", "memtrace.outside")
_LAYOUT = """
CREATE TABLE spans (
    place INTEGER PRIMARY KEY,
    trace TEXT NOT NULL,
    span TEXT NOT NULL,
    parent TEXT,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    run TEXT,
    operation INTEGER,
    body BLOB NOT NULL,
    UNIQUE (trace, span)
);
"""


class Spool:
    """A heap of spans that can be read in several orders."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "spans.db", isolation_level=None)
        self._connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _LAYOUT
        )
        self._connection.execute("BEGIN")

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._connection.close()

    def add(self, span: Span) -> str | None:
        """Take a span up; returns what was wrong, if its id was there before."""
        span = replace(
            span, trace_id=clean(str(span.trace_id)), span_id=clean(str(span.span_id)),
            parent_id=clean(str(span.parent_id)) if span.parent_id else None,
        )  # fmt: skip
        if self._insert(span, span.span_id):
            return None
        body = self._connection.execute(
            "SELECT body FROM spans WHERE trace = ? AND span = ?", (span.trace_id, span.span_id)
        ).fetchone()[0]
        if pickle.loads(body) == span:
            return f"span {span.span_id} ({span.name!r}) is there twice; kept once"
        number = 2
        while not self._insert(span, f"{span.span_id}#{number}"):
            number += 1
        return f"span {span.span_id} ({span.name!r}): another span has this id; both are kept"

    def _insert(self, span: Span, span_id: str) -> bool:
        number = own_number(span)
        is_own = number is not None or any(key in span.attributes for key in _OWN)
        run = span.attributes.get("memtrace.run") if is_own else None
        cursor = self._connection.execute(
            "INSERT OR IGNORE INTO spans (trace, span, parent, start, stop, run, operation, body)"
            " VALUES (?,?,?,?,?,?,?,?)",
            (span.trace_id, span_id, span.parent_id, span.start_ns, span.end_ns,
             None if run is None else clean(str(run)), number, pickle.dumps(span)),
        )  # fmt: skip
        return cursor.rowcount == 1

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM spans").fetchone()[0])

    def run(self) -> str | None:
        """The run that most spans of memtrace belong to."""
        row = self._connection.execute(
            "SELECT run FROM spans WHERE run IS NOT NULL GROUP BY run"
            " ORDER BY count(*) DESC, min(place) LIMIT 1"
        ).fetchone()
        return None if row is None else str(row[0])

    def own(self, run: str) -> Iterator[Span]:
        """The spans of one run of memtrace, operations in their order, then the others."""
        yield from self._spans("WHERE run = ? ORDER BY operation IS NULL, operation, place", run)

    def numbers(self, run: str) -> dict[str, int]:
        """Span id to operation number, for the spans of a run that are operations."""
        rows = self._connection.execute(
            "SELECT span, operation FROM spans WHERE run = ? AND operation IS NOT NULL", (run,)
        )
        return dict(rows)

    def traces(self, run: str | None) -> list[str]:
        """The OTLP traces that have spans of somebody else, by their first moment."""
        rows = self._connection.execute(
            "SELECT trace FROM spans WHERE run IS NOT ? OR run IS NULL GROUP BY trace"
            " ORDER BY min(start), min(place)",
            (run,),
        )
        return [row[0] for row in rows]

    def times(self, trace: str, run: str | None) -> list[tuple[str, str | None, int, int]]:
        """Id, parent, start and end of the spans of a trace that are somebody else's."""
        return self._connection.execute(
            "SELECT span, parent, start, stop FROM spans WHERE trace = ?"
            " AND (run IS NOT ? OR run IS NULL) ORDER BY start, place",
            (trace, run),
        ).fetchall()

    def span(self, trace: str, span_id: str) -> Span:
        """One span."""
        return next(self._spans("WHERE trace = ? AND span = ?", trace, span_id))

    def _spans(self, where: str, *values: str) -> Iterator[Span]:
        rows = self._connection.execute(f"SELECT body FROM spans {where}", values)
        for (body,) in rows:
            span = pickle.loads(body)
            assert isinstance(span, Span)
            yield span


def own_number(span: Span) -> int | None:
    """The number of the operation that a span of memtrace stands for."""
    identifier = span.attributes.get("memtrace.operation")
    try:
        number = operation_number(identifier) if isinstance(identifier, str) else 0
    except ValueError:
        return None
    return number if 0 < number < _END else None
