"""The second pass: rows of the trace from the records and the order that was found.

In: what the first pass gathered, with its records on disk, and the ordering. Out: the rows of
`operations`, `inputs` and `variables`. Records are streamed, so memory holds the tables only.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from memtrace.graph.storage import seals
from memtrace.graph.storage.bulk import insert
from memtrace.interchange.smartcomment import naming as naming
from memtrace.interchange.smartcomment.numbers import Numbers
from memtrace.interchange.smartcomment.order import OUTSIDE, Ordering, Part
from memtrace.interchange.smartcomment.reading import Gathered
from memtrace.interchange.smartcomment.records import read_records

__all__ = ["Builder"]

_ROWS_AT_ONCE = 5_000
_NOT_KEPT = {"metadata", "trigger_point", "graph_id", "user_id", "project_id"}
_NOT_KEPT_NODE = _NOT_KEPT | {"value", "full_name", "node_id", "name", "version"}
_NOT_KEPT_OPERATION = _NOT_KEPT | {"op_name", "created_at"}

_ENCODER = json.JSONEncoder(separators=(",", ":"))


class Builder:
    """Writes the graph.

    Args:
        connection: Of the new trace, in a transaction.
        found: The first pass.
        ordering: After its run.
        numbers: Of everything.
        times: Unix time of each event.
        no_value: Digest of the value None, which deletions have.
    """

    def __init__(
        self, connection: sqlite3.Connection, found: Gathered, ordering: Ordering,
        numbers: Numbers, times: Sequence[int], no_value: bytes,
    ) -> None:  # fmt: skip
        self._connection, self._found = connection, found
        self._ordering, self._numbers, self._times = ordering, numbers, times
        self._no_value = no_value
        self._roles = found.nodes.roles.all
        self._position = array("i", [0] * len(ordering.instances))
        self.edges = 0

    def write(self) -> array[int]:
        """Write all rows; returns the variable number of each node record, 0 for none."""
        self._insert("operations", self._sessions())
        self._insert("operations", self._operations())
        self._insert("inputs", self._inputs())
        shown = array("q")
        self._insert("variables", self._variables(shown))
        return shown

    def _insert(self, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
        while batch := list(islice(rows, _ROWS_AT_ONCE)):
            insert(self._connection, table, batch)
            seals.add(self._connection, table, batch)

    def _sessions(self) -> Iterator[tuple[Any, ...]]:
        found = self._found
        for index, record in self._records("sessions", found.session_at):
            number = self._numbers.session_starts[index] if index >= 0 else 0
            if number:
                started = found.sessions.created[index]
                yield (
                    number, self._numbers.session_ends[index], "session",
                    naming.word(record.get("session_name"), "session"), None,
                    _json(_object(record.get("metadata"))), None, None, None, None, started,
                    started, _json({"smartcomment": _rest(record, _NOT_KEPT_OPERATION)}),
                )  # fmt: skip

    def _operations(self) -> Iterator[tuple[Any, ...]]:
        found, parts = self._found, self._parts()
        for index, record in self._records("operations", found.operation_at):
            for part in parts.get(index, ()):
                yield self._operation(index, record, part)

    def _operation(self, index: int, record: Mapping[str, Any], part: Part) -> tuple[Any, ...]:
        found = self._found
        parameters = _object(record.get("metadata"))
        model, error = parameters.get("llm_model"), parameters.get("error", found.errors.get(index))
        name = naming.word(record.get("op_name"), naming.word(record.get("category"), "operation"))
        started = found.operations.created[index]
        finished = max(self._time(part.last), started)
        if part.earlier is None:
            session = found.operations.session[index]
            parent = (self._numbers.session_starts[session] if session >= 0 else 0) or None
        else:
            parent, started = part.earlier.number, self._time(part.first)
        return (
            part.number, part.end_number, naming.operation_kind(record), name, parent,
            _json(parameters), naming.word(model, "") or None, None,
            None if not isinstance(error, str) else "Error",
            None if not isinstance(error, str) else naming.word(error, ""), started,
            max(finished, started),
            _json({"smartcomment": _rest(record, _NOT_KEPT_OPERATION)}),
        )  # fmt: skip

    def _inputs(self) -> Iterator[tuple[Any, ...]]:
        instances, nodes = self._ordering.instances, self._found.nodes
        for part in self._ordering.parts:
            for place, instance in enumerate(part.inputs):
                role = self._roles[nodes.role[instances.node[instance]]]
                yield part.number, place, role, self._numbers.variables[instance]
            self._place_outputs(part)
            self.edges += len(part.inputs) + len(part.outputs)

    def _place_outputs(self, part: Part) -> None:
        """The position of each output among those of its role."""
        counts: dict[int, int] = {}
        for instance in part.outputs:
            role = self._found.nodes.role[self._ordering.instances.node[instance]]
            self._position[instance] = counts.get(role, 0)
            counts[role] = self._position[instance] + 1

    def _variables(self, shown: array[int]) -> Iterator[tuple[Any, ...]]:
        instances = self._ordering.instances
        of_node: dict[int, list[int]] = {}
        for instance, node in enumerate(instances.node):
            of_node.setdefault(node, []).append(instance)
        for node, pair in self._records("nodes", self._found.node_at):
            made = of_node.get(node, []) if node >= 0 else []
            whole = [one for one in made if not instances.is_deletion[one]]
            shown.append(self._numbers.variables[whole[0]] if whole else 0)
            if not made:
                continue
            record = pair[0]
            note = _json(_node_note(record))
            name = None if naming.is_by_content(record) else naming.word(record.get("name"), "")
            for instance in made:
                yield self._variable(node, instance, record, name, note)

    def _variable(
        self, node: int, instance: int, record: Mapping[str, Any], name: str | None,
        note: str | None,
    ) -> tuple[Any, ...]:  # fmt: skip
        instances, nodes = self._ordering.instances, self._found.nodes
        numbers = self._numbers.variables
        place, source = instances.part[instance], instances.source[instance]
        gone, family = instances.is_deletion[instance], instances.item[instance]
        part = None if place == OUTSIDE else self._ordering.parts[place]
        kind = "deletion" if gone else naming.variable_kind(record)
        if kind == "memory_item" and source >= 0 and part is not None:
            kind = "hit" if self._found.operations.is_retrieval[part.operation] else kind
        return (
            numbers[instance], kind, name, self._no_value if gone else nodes.digest(node),
            None if part is None else part.number,
            None if part is None else self._roles[nodes.role[node]], self._position[instance],
            None if family < 0 else naming.word(nodes.families.all[family], "item"),
            None if family < 0 else instances.version[instance], gone,
            None if source < 0 else numbers[source],
            nodes.created[node] if part is None else self._time(instances.event[instance]), note,
        )  # fmt: skip

    def _records(self, section: str, indexes: Sequence[int]) -> Iterator[tuple[int, Any]]:
        yield from zip(indexes, read_records(self._connection, section), strict=True)

    def _parts(self) -> dict[int, list[Part]]:
        found: dict[int, list[Part]] = {}
        for part in self._ordering.parts:
            found.setdefault(part.operation, []).append(part)
        return found

    def _time(self, event: int) -> int:
        return self._times[event] if event < len(self._times) else 0


def _node_note(record: Mapping[str, Any]) -> dict[str, Any]:
    own = _rest(record, _NOT_KEPT_NODE)
    own.setdefault("full_node_id", naming.node_id(record))
    return {**_object(record.get("metadata")), "smartcomment": own}


def _rest(record: Mapping[str, Any], but: set[str]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in but and value is not None}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _json(value: Mapping[str, Any]) -> str | None:
    return _ENCODER.encode(value) if value else None
