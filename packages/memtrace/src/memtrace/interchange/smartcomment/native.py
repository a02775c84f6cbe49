"""A trace as records of smartcomment: nodes, edges, operations and sessions it can load.

In: a trace, or what was recorded onto an imported one. Out: records, one at a time. Every variable
is a node of its own, so nothing is merged by content; a memory item is named by its id, with its
version. An operation leads from each of its inputs to each of its outputs, which is all that
smartcomment can say; roles and copies are in the metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from memtrace.graph.reading.trace import Trace
from memtrace.interchange.smartcomment.naming import NONE_NODE, NONE_SESSION
from memtrace.interchange.smartcomment.time import from_ns
from memtrace.types import Operation, Variable

__all__ = ["NativeRecords"]

_NONE_NAME = NONE_NODE.rpartition("@")[0]
_REMEMBERED = 100_000


class NativeRecords:
    """The records of a trace from a sequence number on.

    Args:
        trace: The trace.
        graph_id: Id of the graph they go into.
        since_seq: Leave out what has a lower number.
    """

    def __init__(self, trace: Trace, graph_id: str, *, since_seq: int = 0) -> None:
        self._trace, self._since = trace, since_seq
        self._owner = {"graph_id": graph_id, "user_id": None, "project_id": None}
        # What follows an import must not be named as something in it.
        self._mark = "memtrace-" if since_seq else ""
        self._none_session = f"{self._mark}{NONE_SESSION}"
        self._none_name = f"{self._mark}{_NONE_NAME}"
        self._ids = lru_cache(_REMEMBERED)(self._id)
        self._session = lru_cache(_REMEMBERED)(self._session_of)
        self.edges = 0

    def node_id(self, variable: str) -> str:
        """The key of the node that a variable becomes."""
        return self._ids(variable)

    def sessions(self) -> Iterator[dict[str, Any]]:
        """One for each operation of kind session, and one for what is in none of them."""
        yield {
            "session_id": self._none_session, "session_name": "NONE sentinel",
            "category": "sentinel", "comment": None, **self._owner, **_made(0, {}),
        }  # fmt: skip
        for operation in self._trace.operations(kind="session", since_seq=self._since):
            yield {
                "session_id": f"{self._mark}session-{operation.seq}",
                "session_name": operation.name, "category": "session", "comment": None,
                **self._owner, **_made(operation.started_ns, _facts(operation)),
            }  # fmt: skip

    def nodes(self) -> Iterator[dict[str, Any]]:
        """One for each variable, and the one that stands for nothing."""
        yield self._node(self._none_name, 1, None, "NONE", "sentinel", self._none_session, 0, {})
        for variable in self._trace.variables():
            if variable.seq >= self._since:
                space, name, version = self._parts(variable)
                session = self._none_session
                if variable.producer is not None:
                    session = self._session(variable.producer)
                yield self._node(
                    name, version, space, _written(variable, self._trace.value(variable.id)),
                    "delete_marker" if variable.is_deletion else variable.kind, session,
                    variable.created_ns, _note(variable),
                )  # fmt: skip

    def operations(self) -> Iterator[dict[str, Any]]:
        """One for each operation; a session only if it read or made something."""
        for operation in self._steps():
            yield {
                "op_id": f"{self._mark}{operation.id}", "op_name": operation.name, "comment": None,
                "category": operation.kind, "session_id": self._session(operation.id),
                **self._owner, **_made(operation.started_ns, _facts(operation)),
            }  # fmt: skip

    def edges_of(self) -> Iterator[dict[str, Any]]:
        """From each input of an operation to each of its outputs."""
        for operation in self._steps():
            moment = operation.finished_ns or operation.started_ns
            session = self._session(operation.id)
            for source, source_role in _ends(operation.inputs):
                for target, target_role in _ends(operation.outputs):
                    self.edges += 1
                    yield {
                        "edge_id": f"{self._mark}edge-{operation.seq}-{self.edges}",
                        "op_id": f"{self._mark}{operation.id}", "session_id": session,
                        "category": operation.kind, "comment": None,
                        "source_full_node_id": self._ids(source),
                        "target_full_node_id": self._ids(target), **self._owner,
                        **_made(moment, {"source_role": source_role, "target_role": target_role}),
                    }  # fmt: skip

    # Inside ---------------------------------------------------------------------------------

    def _steps(self) -> Iterator[Operation]:
        for operation in self._trace.operations(since_seq=self._since):
            has_edges = operation.inputs or operation.outputs
            if has_edges or operation.kind != "session":
                yield operation

    def _node(
        self, name: str, version: int, space: str | None, value: str, category: str,
        session: str, created_ns: int, note: dict[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        whole = name if space is None else f"{space}:{name}"
        return {
            "name": name, "version": version, "value": value, "comment": None,
            "category": category, "class_name": space, "session_id": session, **self._owner,
            **_made(created_ns, note), "full_name": whole, "node_id": f"{name}@{version}",
            "full_node_id": f"{whole}@{version}",
        }  # fmt: skip

    def _id(self, identifier: str) -> str:
        if not identifier:
            return f"{self._none_name}@1"
        variable = self._trace.variable(identifier)
        if variable.seq < self._since:  # it came in under another name
            return str(variable.metadata["smartcomment"]["full_node_id"])
        space, name, version = self._parts(variable)
        return f"{space}:{name}@{version}"

    def _parts(self, variable: Variable) -> tuple[str, str, int]:
        """Name space, name and version: unique for each variable."""
        if variable.item is not None and variable.source is None and variable.version is not None:
            return "item", _clean(f"{variable.item} (memory item)"), variable.version
        label = variable.name or ""
        own = f"{self._mark}{variable.id}"
        name = f"{label} ({own})" if label else own
        return _clean(variable.role or variable.kind), _clean(name), 1

    def _session_of(self, identifier: str) -> str:
        """The session that an operation is in, however deep."""
        while True:
            operation = self._trace.operation(identifier)
            if operation.kind == "session" and operation.seq >= self._since:
                return f"{self._mark}session-{operation.seq}"
            if operation.parent is None:
                return self._none_session
            identifier = operation.parent


def _ends(roles: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Variables with their roles; nothing, under no role, when there are none."""
    pairs = [(identifier, role) for role, ids in roles.items() for identifier in ids]
    return pairs or [("", "")]


def _made(moment_ns: int, note: dict[str, Any]) -> dict[str, Any]:
    return {
        "created_at": from_ns(moment_ns), "filename": "memtrace", "lineno": 0,
        "trigger_point": "memtrace:0", "metadata": note,
    }  # fmt: skip


def _facts(operation: Operation) -> dict[str, Any]:
    """What smartcomment has no field for."""
    own = {
        "parent": operation.parent, "model": operation.model, "usage": dict(operation.usage),
        "status": operation.status,
        "error": None if operation.error is None else
        f"{operation.error.type}: {operation.error.message}",
        "metadata": dict(operation.metadata),
    }  # fmt: skip
    told = {key: value for key, value in own.items() if value}
    known = {} if operation.model is None else {"llm_model": operation.model}
    return {**known, **operation.parameters, "memtrace": told}


def _note(variable: Variable) -> dict[str, Any]:
    own = {
        "id": variable.id, "role": variable.role, "item": variable.item,
        "version": variable.version, "copy_of": variable.source,
        "is_deletion": variable.is_deletion,
    }  # fmt: skip
    return {
        **variable.metadata,
        "memtrace": {key: value for key, value in own.items() if value not in (None, False)},
    }


def _written(variable: Variable, value: Any) -> str:
    """JSON for what JSON can hold, else `repr`: both are read back as the value."""
    if variable.encoding == "json":
        text = json.dumps(value, ensure_ascii=False)
        return text if _is_clean(text) else json.dumps(value)
    return repr(value)


def _is_clean(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _clean(name: str) -> str:
    """A name that smartcomment takes: it wants a letter or digit, and UTF-8."""
    return name.encode("utf-8", "replace").decode()
