"""The first pass over a smartcomment file: values to the disk, links to memory, records aside.

In: the file. Out: the tables of `Gathered`, the values in the blobs of the new trace, and every
record, good or bad, in its `records`. Nothing is dropped: what cannot be part of a graph is told
as a problem and kept as it was.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.storage.deposit import Deposit
from memtrace.interchange.json_stream import Part, parts
from memtrace.interchange.smartcomment import naming as naming
from memtrace.interchange.smartcomment.records import Records
from memtrace.interchange.smartcomment.tables import Edges, Ids, Nodes, Operations, Sessions
from memtrace.interchange.smartcomment.time import to_ns
from memtrace.interchange.smartcomment.values import KEPT, read

__all__ = ["Gathered", "Problems", "gather"]

_NEEDED = ("nodes", "edges", "operations")
_VALUES_AT_ONCE = 2_000
_CHARACTERS_AT_ONCE = 8_000_000
_TOLD = 1_000
_BIGGEST = 2**63 - 1


class Problems:
    """What was wrong with single entries.

    Args:
        path: The file, for messages.
        strict: Raise at the first one.
    """

    def __init__(self, path: Path, *, strict: bool) -> None:
        self._path, self._strict = path, strict
        self.told: list[str] = []
        self.count = 0

    def add(self, place: str, what: str) -> None:
        """One more; the first thousand are told in words."""
        if self._strict:
            raise UserError(f"{self._path}: {place}: {what}")
        self.count += 1
        if self.count <= _TOLD:
            self.told.append(f"{place}: {what}")

    def words(self) -> tuple[str, ...]:
        """The problems in words."""
        more = self.count - len(self.told)
        return (*self.told, f"and {more:,} more") if more else tuple(self.told)


class Gathered:
    """What the first pass found."""

    def __init__(self) -> None:
        self.nodes, self.edges = Nodes(), Edges()
        self.operations, self.sessions = Operations(), Sessions()
        self.node_at, self.operation_at = array("i"), array("i")
        """Index of each record in its section; -1 for one that is no part of the graph."""
        self.session_at = array("i")
        self.graph: dict[str, Any] = {}
        """The fields at the top of the file."""
        self.top: list[str] = []
        self.layout: list[tuple[str, Any]] = []
        """The fields of `data` in order; None stands for a list, which is in the records."""
        self.annotations: list[Any] = []
        self.errors: dict[int, str] = {}
        """Messages of edges that carry an error, by operation."""


def gather(
    path: Path, connection: sqlite3.Connection, problems: Problems,
    on_bytes: Callable[[int], None] | None,
) -> Gathered:  # fmt: skip
    """Read a file once; see the module.

    Raises:
        UserError: When it is no such file.
    """
    reading = _Reading(connection, problems)
    for part in parts(path, on_bytes):
        reading.take(part)
    reading.finish()
    found = reading.found
    lists = {name for name, value in found.layout if value is None}
    missing = [name for name in _NEEDED if name not in lists]
    if "data" not in found.top or missing:
        raise UserError(
            f"{path}: expected a smartcomment graph with the lists {', '.join(_NEEDED)} in 'data'; "
            f"got none for {', '.join(missing)}; if it is another format, say which (format=...)"
        )
    return found


class _Reading:
    def __init__(self, connection: sqlite3.Connection, problems: Problems) -> None:
        self.found = Gathered()
        self._problems = problems
        self._records = Records(connection)
        self._deposit = Deposit(connection)
        self._values: list[tuple[str, str | bytes]] = []
        self._owners: list[int] = []
        self._characters = 0
        self._clock_ns = 0
        self._takers: dict[str, Callable[[str, int, Any], tuple[str | None, ...]]] = {
            "nodes": self._node, "edges": self._edge, "operations": self._operation,
            "sessions": self._session,
        }  # fmt: skip

    def take(self, part: Part) -> None:
        """One part of the file."""
        found = self.found
        if part.kind == "entry":
            taker = self._takers.get(part.name)
            more: tuple[str | None, ...] = ()
            if taker is not None:
                more = taker(f"data.{part.name}[{part.place}]", part.place, part.value)
            elif part.name == "annotations":
                found.annotations.append(part.value)
            self._records.add(part.name, part.value, *more)
        elif part.kind == "list":
            found.layout.append((part.name, None))
        elif part.kind == "data":
            if part.name in self._takers:
                self._problems.add(f"data.{part.name}", f"expected a list; got {part.value!r:.60}")
            found.layout.append((part.name, {"value": part.value}))
        else:
            found.top.append(part.name)
            if part.kind == "top":
                found.graph[part.name] = part.value

    def finish(self) -> None:
        """Write what waits."""
        self._flush()
        self._records.close()

    def _node(self, place: str, _: int, record: Any) -> tuple[str | None, ...]:
        found = self.found
        index = self._define(place, record, naming.node_id, found.nodes)
        found.node_at.append(index)
        if index < 0:
            return (None,)
        nodes = found.nodes
        nodes.is_by_content[index] = naming.is_by_content(record)
        nodes.is_item[index] = naming.is_item(record)
        nodes.is_marker[index] = naming.is_marker(record)
        version = record.get("version", 1)
        if type(version) is not int or not 0 < version <= _BIGGEST:
            self._problems.add(place, f"expected a version from 1; got {version!r:.60}")
        else:
            nodes.version[index] = version
        nodes.family[index] = nodes.families.of(naming.full_name(record) or "")
        nodes.role[index] = nodes.roles.of(naming.role(record))
        return self._value(place, index, record)

    def _value(self, place: str, index: int, record: dict[str, Any]) -> tuple[str | None, ...]:
        """Take the value out of a record; how it is written, and itself where that is needed."""
        raw = record.get("value")
        if not isinstance(raw, str):
            self._problems.add(f"{place}.value", f"expected a string; got {raw!r:.60}")
            self._put(index, "json", "null")
            return (None,)
        reading = read(raw)
        self._put(index, reading.encoding, reading.payload)
        record["value"] = None
        nodes = self.found.nodes
        if reading.written == KEPT or nodes.is_marker[index] or _is_none(record):
            return (KEPT, raw)
        return (reading.written,)

    def _put(self, index: int, encoding: str, payload: str | bytes) -> None:
        self._values.append((encoding, payload))
        self._owners.append(index)
        self._characters += len(payload)
        if len(self._values) >= _VALUES_AT_ONCE or self._characters >= _CHARACTERS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        digests = self.found.nodes.digests
        for index, digest in zip(self._owners, self._deposit.put(self._values), strict=True):
            digests[index * len(digest) : (index + 1) * len(digest)] = digest
        self._values, self._owners, self._characters = [], [], 0

    def _edge(self, place: str, position: int, record: Any) -> tuple[()]:
        found = self.found
        ends = [
            record.get(key) if isinstance(record, dict) else None
            for key in ("op_id", "source_full_node_id", "target_full_node_id")
        ]
        if not all(isinstance(end, str) for end in ends):
            what = "expected an object with op_id, source_full_node_id and target_full_node_id"
            self._problems.add(place, f"{what}; got {record!r:.80}")
            return ()
        operation = found.operations.of(str(ends[0]))
        found.edges.add(
            operation, found.nodes.of(str(ends[1])), found.nodes.of(str(ends[2])),
            self._time(place, record), position,
        )  # fmt: skip
        note = record.get("metadata")
        if isinstance(note, dict) and isinstance(note.get("error"), str):
            found.errors.setdefault(operation, note["error"])
        return ()

    def _operation(self, place: str, _: int, record: Any) -> tuple[()]:
        found = self.found
        index = self._define(place, record, _id_in("op_id"), found.operations)
        found.operation_at.append(index)
        if index >= 0:
            found.operations.is_retrieval[index] = record.get("category") == "retrieval"
        return ()

    def _session(self, place: str, _: int, record: Any) -> tuple[()]:
        index = self._define(place, record, _id_in("session_id"), self.found.sessions)
        self.found.session_at.append(index)
        return ()

    def _define(
        self, place: str, record: Any, key: Callable[[dict[str, Any]], str | None], ids: Ids
    ) -> int:
        """The index of a record among its kind; -1 for one that cannot be in the graph."""
        name = key(record) if isinstance(record, dict) else None
        if name is None:
            self._problems.add(place, f"expected an object with an id; got {record!r:.80}")
            return -1
        index = ids.of(name)
        if ids.known[index]:
            self._problems.add(place, f"the id {name!r:.80} is there twice; the first one counts")
            return -1
        ids.known[index] = 1
        ids.created[index] = self._time(place, record)
        session = record.get("session_id")
        if ids is not self.found.sessions and isinstance(session, str):
            ids.session[index] = self.found.sessions.of(session)
        return index

    def _time(self, place: str, record: dict[str, Any]) -> int:
        """When a record was made; for a bad time stamp, that of the record before."""
        moment = to_ns(record.get("created_at"))
        if moment is None:
            got = record.get("created_at")
            what = "expected a time such as '2026-01-02 10:00:00.123'"
            self._problems.add(f"{place}.created_at", f"{what}; got {got!r:.60}")
            return self._clock_ns
        self._clock_ns = moment
        return moment


def _id_in(key: str) -> Callable[[dict[str, Any]], str | None]:
    def found(record: dict[str, Any]) -> str | None:
        value = record.get(key)
        return value if isinstance(value, str) else None

    return found


def _is_none(record: dict[str, Any]) -> bool:
    return naming.node_id(record) == naming.NONE_NODE
