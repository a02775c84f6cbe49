"""The layout of a trace file, and how to tell one from any other file.

A trace is one SQLite database. Values live once in `blobs`, under the hash of their content; their
bytes lie in `packs`, many compressed together, and those of a big value in pieces, which `chunks`
lists once each. `variables` and `operations` refer to each other by sequence number; `inputs`
holds the edges from variables to operations, and the edge from an operation to its output is the
`producer` column of the variable, since a variable has at most one. `seals` says what all these
tables must add up to; a file of an earlier memtrace has none until it is written again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lmcommon.errors import UserError
from memtrace.graph.storage import seals

__all__ = [
    "APPLICATION_ID", "PACKING", "RECORDS", "SCHEMA_VERSION", "check", "create", "is_blank",
    "readable",
]  # fmt: skip

APPLICATION_ID = 0x4D545243
"""`MTRC` in the header of the SQLite file."""
SCHEMA_VERSION = 2
RECORDS = (
    "CREATE TABLE records (number INTEGER PRIMARY KEY, section TEXT NOT NULL, data BLOB NOT NULL)"
)
"""In a trace made from another tool's file: what our columns do not hold of it, in batches."""

PACKING = (
    """CREATE TABLE packs (
    number INTEGER PRIMARY KEY,
    codec TEXT NOT NULL,           -- how data is packed: raw or zlib
    size INTEGER NOT NULL,         -- bytes before packing
    data BLOB NOT NULL
)""",
    """CREATE TABLE chunks (
    number INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    pack INTEGER NOT NULL,
    offset INTEGER NOT NULL,       -- where the chunk begins in the unpacked pack
    size INTEGER NOT NULL
)""",
)
"""What schema version 2 added: values packed together, and big values stored in chunks."""

_SCHEMA = f"""
BEGIN;
PRAGMA application_id = {APPLICATION_ID};
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE blobs (
    digest BLOB NOT NULL UNIQUE,
    encoding TEXT NOT NULL,
    codec TEXT NOT NULL,           -- what data is: raw, zlib, pack (where) or chunks (which)
    size INTEGER NOT NULL,         -- bytes of the encoded value
    data BLOB NOT NULL
);
{"; ".join(PACKING)};
CREATE TABLE variables (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT,
    digest BLOB NOT NULL,
    producer INTEGER,
    role TEXT,
    position INTEGER NOT NULL,
    item TEXT,
    version INTEGER,
    is_deletion INTEGER NOT NULL,
    source INTEGER,
    created_ns INTEGER NOT NULL,
    metadata TEXT
);
CREATE INDEX variables_by_producer ON variables (producer) WHERE producer IS NOT NULL;
CREATE INDEX variables_by_item ON variables (item, number) WHERE item IS NOT NULL;
CREATE TABLE operations (
    number INTEGER PRIMARY KEY,
    end_number INTEGER,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    parent INTEGER,
    parameters TEXT,
    model TEXT,
    usage TEXT,
    error_type TEXT,
    error_message TEXT,
    started_ns INTEGER NOT NULL,
    finished_ns INTEGER,
    metadata TEXT
);
CREATE TABLE inputs (
    operation INTEGER NOT NULL,
    place INTEGER NOT NULL,        -- order in which the inputs were given, over all roles
    role TEXT NOT NULL,
    variable INTEGER NOT NULL,
    PRIMARY KEY (operation, place)
) WITHOUT ROWID;
INSERT INTO meta VALUES ('schema', '{SCHEMA_VERSION}');
"""


def create(connection: sqlite3.Connection) -> None:
    """Lay out an empty trace, all or nothing."""
    connection.executescript(_SCHEMA)
    seals.lay_out(connection)
    connection.execute("COMMIT")


def is_blank(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether nothing was laid out yet: a process may be killed before its first transaction."""
    with readable(path):
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return not application and not tables


def check(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of the trace.

    Raises:
        UserError: With a diagnosis, unless this is a trace that this memtrace can read.
    """
    with readable(path):
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        if application != APPLICATION_ID:
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            what = f"an SQLite database of another program ({tables} tables)" if tables else "empty"
            raise UserError(f"{path}: expected a memtrace trace; this file is {what}")
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    if row is None or not str(row[0]).isdigit():
        raise UserError(
            f"{path}: expected a trace with a schema version; got {row!r}; it is damaged"
        )
    if int(row[0]) > SCHEMA_VERSION:
        raise UserError(
            f"{path}: the trace has schema version {row[0]}, this memtrace reads up to "
            f"{SCHEMA_VERSION}; upgrade memtrace-llm"
        )
    return int(row[0])


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what a damaged or foreign file brings about into a `UserError` naming the file.

    For the border where bytes of the file become rows, and rows become objects; no code of a
    caller runs inside.
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # ours: the trace was closed
    except sqlite3.OperationalError as error:
        if "unable to open" in str(error):
            raise UserError(
                f"{path}: expected a trace that can be read; SQLite says: {error}"
            ) from None
        raise UserError(
            f"{path}: reading the trace failed; SQLite says: {error}; if another program holds the "
            "file, wait for it, else the file is damaged: see memtrace-check"
        ) from error
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"{path}: expected a memtrace trace; the file is damaged or of another kind "
            f"(SQLite says: {error}); memtrace-check says more, and what can be saved"
        ) from error
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: the trace is damaged: a row does not hold what it should ({error}); "
            "memtrace-check says more, and what can be saved"
        ) from error
