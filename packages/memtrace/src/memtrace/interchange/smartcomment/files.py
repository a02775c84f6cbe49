"""smartcomment / MemTraceBench JSON in and out.

In: an exported graph (or a folder of them), or a trace. Out: a trace, or a file that smartcomment
loads. An imported trace is exported field by field as it was.

What becomes what: a session is an operation of kind `session` and the parent of its operations; an
operation is rebuilt from its edges (what nothing inside it leads to is an input, the rest are
outputs); a node is a variable for each operation that makes it (see `smartcomment_order`), and one
from outside if it was read before, or never made; versions under one name are versions of a memory
item; a delete marker is a deletion. `Variable.metadata` and `Operation.metadata` hold what else the
record says; the top of the file is `Trace.metadata["graph"]`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.storage import schema, seals
from memtrace.graph.storage.deposit import Deposit
from memtrace.interchange.smartcomment.annotations import link_annotations
from memtrace.interchange.smartcomment.building import Builder
from memtrace.interchange.smartcomment.naming import NONE_NODE, NONE_OPERATION, NONE_SESSION
from memtrace.interchange.smartcomment.numbers import Clock, Numbers, place_the_rest
from memtrace.interchange.smartcomment.order import Ordering, sequence_of
from memtrace.interchange.smartcomment.reading import Gathered, Problems, gather
from memtrace.interchange.smartcomment.records import add_numbers
from memtrace.interchange.smartcomment.tables import Edges
from memtrace.interchange.types import ImportReport

__all__ = ["import_memtracebench"]

FORMAT = "memtracebench"


def import_memtracebench(
    path: str | Path, out: str | Path, *, strict: bool = False,
    on_bytes: Callable[[int], None] | None = None,
) -> ImportReport:  # fmt: skip
    """Make a trace of a smartcomment or MemTraceBench file.

    Args:
        path: A file, or a folder: then each `*.json` in it, at any depth.
        out: The trace to write; for a folder, the folder for one trace each.
        strict: Raise at the first entry that is wrong. Otherwise it is kept, and told in
            `problems` of the report.
        on_bytes: Called with the number of bytes of each piece read, for a progress bar.

    Raises:
        UserError: When the file is no such JSON, or `out` is there already. Nothing is left behind.
    """
    source, target = Path(path), Path(out)
    if source.is_dir():
        return _folder(source, target, strict, on_bytes)
    if target.exists():
        raise UserError(f"{target}: something is here already; choose another path or delete it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{target}: the trace cannot be written: {error.strerror}") from error
    partial = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        report = _file(source, partial, target, Problems(source, strict=strict), on_bytes)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return report


def _folder(
    source: Path, target: Path, strict: bool, on_bytes: Callable[[int], None] | None
) -> ImportReport:
    files = sorted(source.rglob("*.json"))
    if not files:
        raise UserError(f"{source}: expected *.json files in this folder; there are none")
    reports: list[ImportReport] = []
    problems: list[str] = []
    for file in files:
        out = (target / file.relative_to(source)).with_suffix(".db")
        try:
            report = import_memtracebench(file, out, strict=strict, on_bytes=on_bytes)
        except UserError as error:
            if strict:
                raise
            problems.append(str(error))
            continue
        reports.append(report)
        problems.extend(f"{file.name}: {problem}" for problem in report.problems)
    if not reports:
        raise UserError(f"{source}: none of {len(files)} files could be read; {problems[0]}")
    names = {name for report in reports for name in report.counts}
    return ImportReport(
        source=source, out=target, format=FORMAT,
        operations=sum(report.operations for report in reports),
        variables=sum(report.variables for report in reports),
        edges=sum(report.edges for report in reports),
        counts={"files": len(reports), "files_refused": len(files) - len(reports)}
        | {name: sum(report.counts.get(name, 0) for report in reports) for name in sorted(names)},
        problems=tuple(problems),
    )  # fmt: skip


def _file(
    source: Path, partial: Path, out: Path, problems: Problems,
    on_bytes: Callable[[int], None] | None,
) -> ImportReport:  # fmt: skip
    try:
        connection = sqlite3.connect(partial, isolation_level=None)
    except sqlite3.Error as error:
        raise UserError(f"{out}: the trace cannot be written here: {error}") from error
    try:
        # Nobody sees this file before it is whole, so a crash need not leave it readable.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        schema.create(connection)
        connection.execute("BEGIN")
        found = gather(source, connection, problems, on_bytes)
        report = _build(source, out, connection, found, problems)
        connection.execute("COMMIT")
    except RecursionError:
        raise UserError(f"{source}: expected JSON of sane depth; it is nested too deeply") from None
    except sqlite3.Error as error:
        raise UserError(f"{out}: writing the trace failed: {error}; free the disk") from error
    finally:
        connection.close()
    return report


def _build(
    source: Path, out: Path, connection: sqlite3.Connection, found: Gathered, problems: Problems
) -> ImportReport:
    found.nodes.settle()
    edges = _whole(found, problems)
    none = (
        found.nodes.index.get(NONE_NODE, -1), found.operations.index.get(NONE_OPERATION, -1),
        found.sessions.index.get(NONE_SESSION, -1),
    )  # fmt: skip
    sequence = array("q", sequence_of(edges))
    ordering = Ordering(edges, found.nodes, found.operations, none[0], none[1])
    ordering.run(sequence)
    clock = Clock(edges, sequence)
    place_the_rest(ordering, found.nodes, found.operations, clock, none[0], none[1])
    numbers = Numbers(ordering, found.sessions, found.operations, clock, none[2])
    no_value = Deposit(connection).put([("json", "null")])[0]
    builder = Builder(connection, found, ordering, numbers, clock.times, no_value)
    add_numbers(connection, builder.write())
    # Of a node that no variable was made of, its record says the value.
    connection.execute("DELETE FROM blobs WHERE digest NOT IN (SELECT digest FROM variables)")
    _write_meta(connection, found, ordering, numbers)
    sessions = sum(1 for number in numbers.session_starts if number)
    return ImportReport(
        source=source, out=out, format=FORMAT, operations=len(ordering.parts) + sessions,
        variables=len(ordering.instances), edges=builder.edges,
        counts={
            "nodes": len(found.node_at), "links": len(found.edges), "sessions": sessions,
            "annotations": len(found.annotations),
            "nodes_split": len(ordering.instances) - len(set(ordering.instances.node)),
            "operations_cut": sum(part.earlier is not None for part in ordering.parts),
        },
        problems=problems.words(),
    )  # fmt: skip


def _whole(found: Gathered, problems: Problems) -> Edges:
    """The edges whose ends and operation exist; the others are problems."""
    edges, whole = found.edges, Edges()
    _check_sessions(found, problems)
    known = (found.operations.known, found.nodes.known, found.nodes.known)
    if all(known[0]) and all(known[1]):  # whatever an edge names was defined
        return edges
    names = ("op_id", "source_full_node_id", "target_full_node_id")
    for row in zip(edges.operation, edges.source, edges.target, edges.created, edges.place,
                   strict=True):  # fmt: skip
        missing = [
            name for name, flags, index in zip(names, known, row[:3], strict=True)
            if not flags[index]
        ]  # fmt: skip
        if missing:
            problems.add(
                f"data.edges[{row[4]}]", f"{' and '.join(missing)} names what is not in the file"
            )
        else:
            whole.add(*row)
    return whole


def _check_sessions(found: Gathered, problems: Problems) -> None:
    for index, session in enumerate(found.operations.session):
        if session >= 0 and not found.sessions.known[session] and found.operations.known[index]:
            problems.add("data.operations", "a session_id names what is not in the file")


def _write_meta(
    connection: sqlite3.Connection, found: Gathered, ordering: Ordering, numbers: Numbers
) -> None:
    meta: dict[str, Any] = {
        "run": uuid.uuid4().hex,
        "sessions": [{"first": 1, "versions": {}}],
        "graph": found.graph,
        "annotations": found.annotations,
        "annotation_links": link_annotations(found, ordering, numbers),
        "memtracebench": {"top": found.top, "data": found.layout, "last_number": numbers.last},
    }
    connection.executemany(
        "INSERT INTO meta VALUES (?,?)", [(key, json.dumps(value)) for key, value in meta.items()]
    )
    seals.seal(connection, ["meta"])
