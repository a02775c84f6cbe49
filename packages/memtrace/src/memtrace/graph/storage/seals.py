"""Running totals over the rows of a trace, so that a row that changed after it was written is seen.

Values have digests. Names, kinds, roles, parameters, times and edges have none of their own; for
each table the file keeps how many rows were written and the sum of their checksums, in the same
transaction as the rows. A sum does not depend on the order, so several processes just add theirs.

An operation counts once it has finished: before that its row is a placeholder. A row's checksum is
the CRC-32 of its columns as SQLite gives them back, each written by `%s` with U+001F after it, in
UTF-8. Sums stay below 2**63 for the first two billion rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple
from zlib import crc32

__all__ = ["Broken", "Total", "add", "broken", "ensure", "is_sealed", "lay_out", "seal", "total"]

Total = tuple[int, int]
"""Number of rows, and sum of their checksums."""

_TABLE = """CREATE TABLE IF NOT EXISTS seals (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,            -- of the table
    rows INTEGER NOT NULL,
    total INTEGER NOT NULL         -- sum of the checksums of the rows
)"""
_NAMES = ("meta", "variables", "operations", "inputs")
_IS_SEALED = {"operations": " WHERE finished_ns IS NOT NULL"}
_FINISHED_NS = 11
_ROWS_AT_ONCE = 250
"""What is summed up in one go keeps other threads waiting, so it is little."""

_NUMBER, _TEXT, _BYTES = (
    frozenset({kind, type(None)}) for kind in (int, str, bytes)
)  # fmt: skip
_COLUMNS: dict[str, tuple[frozenset[type], ...]] = {
    "variables": (
        _NUMBER, _TEXT, _TEXT, _BYTES, _NUMBER, _TEXT, _NUMBER, _TEXT, _NUMBER, _NUMBER, _NUMBER,
        _NUMBER, _TEXT,
    ),
    "operations": (
        _NUMBER, _NUMBER, _TEXT, _TEXT, _NUMBER, _TEXT, _TEXT, _TEXT, _TEXT, _TEXT, _NUMBER,
        _NUMBER, _TEXT,
    ),
    "inputs": (_NUMBER, _NUMBER, _TEXT, _NUMBER),
}  # fmt: skip
"""Types that SQLite stores in these columns as they are. A `str` of a subclass is none of them."""
_KEYS = {"variables": ("number",), "operations": ("number",), "inputs": ("operation", "place")}


class Broken(NamedTuple):
    """A table whose rows are not those that were written.

    Example:
        `Broken("inputs", 7, 8)`
    """

    table: str
    found: int
    written: int
    """Rows; may be as many as were found, and then at least one of them changed."""


def lay_out(connection: sqlite3.Connection) -> None:
    """Make the table of seals and fill it in; a transaction must be open."""
    connection.execute(_TABLE)
    seal(connection)


def ensure(connection: sqlite3.Connection) -> None:
    """Seal a trace that an earlier memtrace wrote; one that is sealed stays as it is."""
    if is_sealed(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not is_sealed(connection):  # no other process was faster
            lay_out(connection)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def is_sealed(connection: sqlite3.Connection) -> bool:
    """Whether the trace has seals at all."""
    table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'seals'").fetchone()
    return bool(table and connection.execute("SELECT 1 FROM seals").fetchone())


def seal(connection: sqlite3.Connection, names: Sequence[str] = _NAMES) -> None:
    """Take what is in these tables now for what was written; a transaction must be open."""
    connection.executemany(
        "INSERT OR REPLACE INTO seals VALUES (?, ?, ?, ?)",
        [(_NAMES.index(name), name, *total(_stored(connection, name))) for name in names],
    )


def add(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Count in rows that were just inserted; the transaction must still be open.

    Args:
        connection: Where they were inserted.
        table: variables, operations or inputs.
        rows: The rows, with every column.
    """
    if table == "operations":
        rows = [row for row in rows if row[_FINISHED_NS] is not None]
    if not rows:
        return
    if not _is_plain(rows, _COLUMNS[table]):
        rows = _read_back(connection, table, rows)
    connection.execute(
        "UPDATE seals SET rows = rows + ?, total = total + ? WHERE name = ?",
        (*total(rows), table),
    )


def total(rows: Iterable[tuple[Any, ...]]) -> Total:
    """Rows counted and their checksums added up."""
    stream = iter(rows)
    count = checksums = 0
    form = ""
    while part := list(islice(stream, _ROWS_AT_ONCE)):
        count += len(part)
        form = form or "%s\x1f" * len(part[0])
        checksums += sum(map(crc32, map(str.encode, map(form.__mod__, part))))
    return count, checksums


def broken(connection: sqlite3.Connection) -> Iterator[Broken]:
    """Tables that do not hold what was written. The connection must see one state throughout."""
    written = {
        name: (rows, checksums)
        for name, rows, checksums in connection.execute("SELECT name, rows, total FROM seals")
    }
    for name in _NAMES:
        found = total(_stored(connection, name))
        expected = written.get(name, (0, 0))
        if found != expected:
            is_number = isinstance(expected[0], int)  # else the seal itself is damaged
            yield Broken(name, found[0], expected[0] if is_number else found[0])


def _stored(connection: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    return connection.execute(f"SELECT * FROM {table}{_IS_SEALED.get(table, '')}")


def _is_plain(rows: Sequence[tuple[Any, ...]], columns: tuple[frozenset[type], ...]) -> bool:
    """Whether SQLite gives these rows back just as they are."""
    return all(
        types.issuperset(map(type, column))
        for types, column in zip(columns, zip(*rows, strict=True), strict=True)
    )


def _read_back(
    connection: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    keys = _KEYS[table]
    where = " AND ".join(f"{key} = ?" for key in keys)
    statement = f"SELECT * FROM {table} WHERE {where}"
    return [connection.execute(statement, tuple(row[: len(keys)])).fetchone() for row in rows]
