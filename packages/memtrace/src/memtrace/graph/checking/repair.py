"""Saving what can be saved of a damaged trace, into a new file.

In: any file. Out: a sound trace with every operation, variable, value and edge that can still be
read, under the ids they had, and a report of what is gone. The original is never touched.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.checking import salvage
from memtrace.graph.checking.findings import Problem, Tick, counted, gather
from memtrace.graph.checking.pages import Pages
from memtrace.graph.checking.records import keep_records
from memtrace.graph.checking.rules import RULES, VALUES, add_functions, offenders
from memtrace.graph.checking.sealing import seal_problem
from memtrace.graph.checking.verdicts import SHOWN, no_tick
from memtrace.graph.checking.wholeness import is_whole
from memtrace.graph.ids import variable_id
from memtrace.graph.reading import rows
from memtrace.graph.recording.lock import is_locked
from memtrace.graph.storage import schema, seals
from memtrace.graph.storage.blobs import BlobReader, digest_of

__all__ = ["RepairReport", "repair"]

_BATCH = 2_000
_NOTHING = b"null"
_NOTE = "value_lost"
"""Key in the metadata of a variable whose value could not be saved; its value is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairReport:
    """What was saved and what was not.

    Example:
        `RepairReport(path="trace.db", out="saved.db", saved={"operations": 812, ...}, lost=())`
    """

    path: str
    out: str
    saved: dict[str, int]
    """Rows in the new trace by table."""
    lost: tuple[Problem, ...]
    """What was given up, or is named by others and gone; empty when nothing seems lost."""

    def __str__(self) -> str:
        lines = [
            f"{self.out}: saved {counted(self.saved)}",
            *(f"  lost: {problem}" for problem in self.lost),
        ]
        return "\n".join(lines if self.lost else [*lines, "  nothing seems to be lost"])


def repair(path: str | Path, out: str | Path, *, tick: Tick | None = None) -> RepairReport:
    """Write a sound trace with everything that can be read of a damaged one.

    A variable whose value is gone stays, with the value None and `value_lost` in its metadata. A
    value whose variables are all gone comes back as a variable of kind `recovered`, numbered after
    all others. An edge goes when one of its ends is gone; nothing else is dropped.

    Args:
        path: The damaged file. What lies in the log beside it counts, and neither is changed.
        out: Where to write; there must be nothing yet.
        tick: Called with what is being done, how far, and how far it is, for a progress bar.

    Raises:
        UserError: If there is nothing to save, a recording is still writing, or `out` is taken.
    """
    source, target = Path(path), Path(out)
    _refuse(source, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f".{target.name}.{os.getpid()}.repairing")
    try:
        connection = sqlite3.connect(half, isolation_level=None)
        try:
            _fill(connection, source, tick or no_tick)
            lost = _mend(connection, half)
            records = keep_records(connection, source, is_whole=not lost)
            lost += (records,) if records else ()
            saved = {
                shown: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table, shown in SHOWN.items()
            }
        finally:
            connection.close()
        os.link(half, target)  # not a rename: that would replace what came meanwhile
    except FileExistsError:
        raise UserError(f"{target}: something is here by now; choose another path") from None
    except (OSError, sqlite3.OperationalError) as error:
        raise UserError(f"{target}: cannot write the repaired trace: {error}") from error
    finally:
        half.unlink(missing_ok=True)
    return RepairReport(path=str(source), out=str(target), saved=saved, lost=lost)


def _refuse(source: Path, target: Path) -> None:
    if not source.is_file():
        what = "a folder" if source.is_dir() else "nothing"
        raise UserError(f"{source}: expected a trace file; there is {what} here")
    if source.stat().st_size == 0:
        raise UserError(f"{source}: the file is empty; there is nothing to save")
    if target.exists():
        raise UserError(f"{target}: something is here already; give a path for a new file")
    if is_locked(source):
        raise UserError(
            f"{source}: a recording is writing this trace; repair it when that has ended"
        )


def _fill(connection: sqlite3.Connection, source: Path, tick: Tick) -> None:
    """Copy every row that can be read. The first of two rows with one key counts."""
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    schema.create(connection)
    connection.execute("DELETE FROM seals")  # those of the damaged file say what it should hold
    found = 0
    with Pages(source) as pages:
        stream = salvage.rows(pages, lambda page: tick("reading pages", page, pages.count))
        connection.execute("BEGIN")
        while batch := list(islice(stream, _BATCH)):
            for table, shape in salvage.SHAPES.items():
                marks = ",".join("?" * len(shape))
                connection.executemany(
                    f"INSERT OR IGNORE INTO {table} VALUES ({marks})",
                    [row.values for row in batch if row.table == table],
                )
            found += sum(row.table not in ("meta", "packs", "chunks", "seals") for row in batch)
        connection.execute("COMMIT")
    if not found:
        raise UserError(f"{source}: nothing of a trace can be read in this file")


def _mend(connection: sqlite3.Connection, path: Path) -> tuple[Problem, ...]:
    """Give up what has lost its end points, and say what it was."""
    add_functions(connection)
    connection.execute("BEGIN")
    lost: list[Problem] = list(_gone(connection))
    changed = seal_problem(connection)
    lost += [changed] if changed else []
    for rule in RULES:
        problem = gather(rule.kind, rule.noun, rule.says, offenders(connection, rule))
        for statement in rule.mend if problem else ():
            connection.execute(statement)
        lost += [problem] if problem else []
    _drop_values(connection, path)
    problem = gather(VALUES.kind, VALUES.noun, VALUES.says, offenders(connection, VALUES))
    if problem:
        _mark_valueless(connection)
        lost.append(problem)
    problem = gather(
        "variable lost", "value", "came back as variables of kind 'recovered'",
        (variable_id(number) for number in _recover(connection)),
    )  # fmt: skip
    lost += [problem] if problem else []
    seals.seal(connection)
    connection.execute("COMMIT")
    return tuple(lost)


def _gone(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Operations and variables that others name, and that are not there."""
    named = {
        "variable": ("SELECT variable AS n FROM inputs UNION SELECT source FROM variables",
                     "variables"),
        "operation": ("SELECT operation AS n FROM inputs UNION SELECT producer FROM variables"
                      " UNION SELECT parent FROM operations", "operations"),
    }  # fmt: skip
    for noun, (names, table) in named.items():
        found = connection.execute(
            f"SELECT n FROM ({names}) WHERE n NOT NULL AND n NOT IN (SELECT number FROM {table})"
        )
        prefix = "var" if noun == "variable" else "op"
        problem = gather(
            "not there",
            noun,
            "are named by others and gone",
            (f"{prefix}-{row[0]}" for row in found),
        )
        if problem:
            yield problem


def _drop_values(connection: sqlite3.Connection, path: Path) -> None:
    """Take away every value that does not decode to what its digest names."""
    reader = BlobReader(connection, path)
    damaged: list[tuple[int]] = []
    stream = connection.execute("SELECT rowid, encoding, codec, size, data, digest FROM blobs")
    for number, *columns in stream:
        if not is_whole(reader, *columns):
            damaged.append((number,))
    connection.executemany("DELETE FROM blobs WHERE rowid = ?", damaged)


def _mark_valueless(connection: sqlite3.Connection) -> None:
    """Let every variable without a value stand for None, and say so in its metadata."""
    connection.create_function("marked", 1, _marked, deterministic=True)
    digest = digest_of("json", _NOTHING)
    connection.execute(
        "INSERT OR IGNORE INTO blobs VALUES (?, 'json', 'raw', ?, ?)",
        (digest, len(_NOTHING), _NOTHING),
    )
    connection.execute(
        "UPDATE variables SET metadata = marked(metadata), digest = ?"
        " WHERE digest NOT IN (SELECT digest FROM blobs)",
        (digest,),
    )


def _recover(connection: sqlite3.Connection) -> Iterator[int]:
    """Make a variable of every value that no variable has any more; returns their numbers."""
    used = "SELECT digest FROM variables"
    last = int(connection.execute(rows.LAST_NUMBER).fetchone()[0])
    orphans = connection.execute(
        f"SELECT digest FROM blobs WHERE digest NOT IN ({used}) ORDER BY rowid"
    ).fetchall()
    for number, (digest,) in enumerate(orphans, start=last + 1):
        connection.execute(
            "INSERT INTO variables (number, kind, digest, position, is_deletion, created_ns)"
            " VALUES (?, 'recovered', ?, 0, 0, 0)",
            (number, digest),
        )
        yield number


def _marked(metadata: str | None) -> str:
    noted: dict[str, Any] = {**json.loads(metadata or "{}"), _NOTE: True}
    return json.dumps(noted, separators=(",", ":"))
