"""The records that an import keeps beside the graph: are they whole, and can a repair keep them?

A trace made from a file of another tool has a table `records` (see `memtrace.interchange`): what
our columns do not hold of that file, in compressed batches numbered from 1.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

from memtrace.graph.checking.findings import Problem, gather
from memtrace.graph.storage import schema

__all__ = ["KIND", "NOUN", "SAYS", "damaged_records", "keep_records"]

KIND, NOUN = "records damaged", "batch"
_LISTED = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'records'"
SAYS = "of the imported file cannot be read; an export writes the file anew instead"


def damaged_records(connection: sqlite3.Connection) -> Iterator[str]:
    """Numbers of the batches that are gone or do not unpack; nothing for a native trace."""
    if connection.execute(_LISTED).fetchone() is None:
        return
    expected = 1
    for number, data in connection.execute("SELECT number, data FROM records ORDER BY number"):
        if not isinstance(number, int):
            yield str(number)
            continue
        yield from (str(gone) for gone in range(expected, min(number, expected + 9)))
        expected = number + 1
        try:
            zlib.decompress(data)
        except (TypeError, zlib.error):
            yield str(number)


def keep_records(connection: sqlite3.Connection, source: Path, *, is_whole: bool) -> Problem | None:
    """Copy the records of a damaged trace into the repaired one: all of them, or none.

    Args:
        connection: The repaired trace.
        source: The damaged one.
        is_whole: Whether nothing of the graph was lost: records refer to its variables.
    """
    damaged = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)
    damaged.text_factory = lambda data: data.decode("utf-8", "replace")
    try:
        found = list(damaged_records(damaged))
        if damaged.execute(_LISTED).fetchone() is None:
            return None
        if found or not is_whole:
            return gather(KIND, NOUN, SAYS, found or ["all, since the graph is not whole"])
        connection.execute(schema.RECORDS)  # our words, not those of a damaged file
        connection.executemany(
            "INSERT INTO records VALUES (?,?,?)",
            damaged.execute("SELECT number, section, data FROM records"),
        )
    except (sqlite3.DatabaseError, UnicodeDecodeError):  # a message may quote what is damaged
        connection.execute("DROP TABLE IF EXISTS records")
        return None
    finally:
        damaged.close()
    return None
