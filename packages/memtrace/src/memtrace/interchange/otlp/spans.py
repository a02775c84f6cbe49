"""A trace as spans: one an operation, one OTLP trace a top-level operation, links as data flow.

Ids are derived from the run and the operation, so a second export names the same things. A variable
is described where it was made; one from outside where it is first read; one that nobody reads in
spans of the run itself, which also carry the metadata of the trace.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any

from memtrace.graph.ids import operation_number
from memtrace.graph.reading.trace import Trace
from memtrace.graph.storage.values import encode
from memtrace.interchange.otlp.attributes import REQUEST, conventions
from memtrace.interchange.otlp.types import FAILED, OK, Event, Link, Resource, Span
from memtrace.interchange.otlp.values import Described, Encoded, descriptor, dumps, write
from memtrace.types import Operation, Slice, Variable

__all__ = ["Spans"]

_AT_ONCE = 200
_UNREAD_AT_ONCE = 100
_OWN_META = ("schema",)


class Spans:
    """The spans of a trace, streamed in the order of the operations.

    Args:
        trace: An open trace.
        slice: Only this part; variables that an operation of it reads come along.
        content: Whether values go out. Without, ids, kinds and times do.
        max_value_chars: Cut longer values; None: never.
        project: Name of the project in Phoenix and of the service in Jaeger.
    """

    def __init__(
        self, trace: Trace, *, slice: Slice | None, content: bool, max_value_chars: int | None,
        project: str,
    ) -> None:  # fmt: skip
        self._trace, self._slice = trace, slice
        self._content, self._max = content, max_value_chars
        self.run = str(trace.metadata.get("run") or trace.path.stem)
        self.resource = Resource(
            {"service.name": project, "openinference.project.name": project,
             "memtrace.run": self.run},
            "memtrace",
        )  # fmt: skip
        size = trace.last_seq + 1
        self._roots = array("q", bytes(8 * size))
        """For each operation the top-level one it belongs to; 0 where it does not go out."""
        self._described = bytearray(size)
        """Which variables have been described in some span."""
        self.cut = 0
        """Values cut so far."""

    def __iter__(self) -> Iterator[Span]:
        ids = None if self._slice is None else self._slice.operations
        stream = self._trace.operations(ids=ids, until_seq=len(self._roots) - 1)
        while chunk := list(islice(stream, _AT_ONCE)):
            wanted = {name for op in chunk for name in (*op.input_ids, *op.output_ids)}
            known = {found.id: found for found in self._trace.variables(ids=wanted)}
            for operation in chunk:
                yield self._span(operation, known)
        yield from self._run_spans()

    # One operation --------------------------------------------------------------------------

    def _span(self, operation: Operation, known: dict[str, Variable]) -> Span:
        parent = self._place(operation)
        inputs = self._nodes(operation.inputs, known)
        outputs = self._nodes(operation.outputs, known)
        start = max(operation.started_ns, 0)
        end = max(operation.finished_ns or start, start)
        return Span(
            trace_id=self._trace_id(operation.seq),
            span_id=self._id("span", operation.id, 8),
            parent_id=None if parent is None else self._id("span", parent, 8),
            name=operation.name, start_ns=start, end_ns=end,
            status={"ok": OK, "error": FAILED}.get(operation.status, 0),
            status_message=operation.error.message if operation.error else "",
            attributes={
                **self._conventions(operation, inputs, outputs),
                **self._identity(operation, start, end),
                **self._edges(inputs, outputs),
            },
            events=self._failure(operation, end), links=list(self._links(inputs)),
        )  # fmt: skip

    def _place(self, operation: Operation) -> str | None:
        """Note which OTLP trace the operation is in; its nearest ancestor that goes out."""
        parent = operation.parent
        while parent is not None and not self._goes_out(parent):
            above = next(self._trace.operations(ids=[parent]), None)
            parent = None if above is None else above.parent
        root = operation.seq if parent is None else self._roots[operation_number(parent)]
        self._roots[operation.seq] = root
        return parent

    def _goes_out(self, operation: str) -> bool:
        number = operation_number(operation)
        return number < len(self._roots) and bool(self._roots[number])

    def _conventions(
        self, operation: Operation, inputs: Sequence[Described], outputs: Sequence[Described]
    ) -> dict[str, Any]:
        found = conventions(
            operation, [self._cut(node)[0] for node in inputs],
            [self._cut(node)[0] for node in outputs], self.run,
        )  # fmt: skip
        return {**found, "session.id": self.run}

    def _identity(self, operation: Operation, start: int, end: int) -> dict[str, Any]:
        error, is_finished = operation.error, operation.finished_ns is not None
        found = {
            "run": self.run, "operation": operation.id, "kind": operation.kind,
            "end_seq": operation.end_seq, "parent": operation.parent, "model": operation.model,
            "parameters": _json(operation.parameters), "usage": _json(operation.usage),
            "metadata": _json(operation.metadata),
            "unfinished": None if is_finished else True,
            "started_ns": _unless(start, operation.started_ns),
            "finished_ns": _unless(end, operation.finished_ns) if is_finished else None,
            "error_type": error.type if error else None,
            "error_message": error.message if error else None,
        }  # fmt: skip
        named = {f"memtrace.{key}": value for key, value in found.items() if value is not None}
        return {**named, "error.type": error.type} if error else named

    def _edges(self, inputs: Sequence[Described], outputs: Sequence[Described]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        requests = [node for node in outputs if node.variable.kind == REQUEST]
        made = [node for node in outputs if node.variable.kind != REQUEST]
        groups = (("input", inputs), ("output", made), ("memtrace.request", requests))
        for prefix, nodes in groups:
            if nodes:
                shown, entries = self._shown(prefix, nodes)
                found |= {**shown, f"memtrace.{prefix.removeprefix('memtrace.')}s": dumps(entries)}
        return found

    def _shown(
        self, prefix: str, nodes: Sequence[Described]
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The readable values and their descriptors; a variable is described in full once."""
        cuts = [self._cut(node) for node in nodes]
        entries = []
        for node, length in cuts:
            entry = descriptor(node, cut_from=length)
            number = node.variable.seq
            if self._described[number]:
                keep = ("id", "role", "encoding", "cut_from")
                entry = {key: value for key, value in entry.items() if key in keep}
            elif length is not None:
                self.cut += 1
            self._described[number] = 1
            entries.append(entry)
        return write(prefix, [node for node, _ in cuts]), entries

    def _links(self, inputs: Sequence[Described]) -> Iterator[Link]:
        for node in inputs:
            maker = node.variable.producer
            if maker is not None and self._goes_out(maker):
                yield Link(
                    self._trace_id(operation_number(maker)), self._id("span", maker, 8),
                    {"memtrace.variable": node.variable.id, "memtrace.role": node.role},
                )  # fmt: skip

    def _failure(self, operation: Operation, end: int) -> list[Event]:
        if operation.error is None:
            return []
        about = {
            "exception.type": operation.error.type,
            "exception.message": operation.error.message,
        }
        return [Event("exception", end, about)]

    # The run --------------------------------------------------------------------------------

    def _run_spans(self) -> Iterator[Span]:
        """Metadata of the trace, and the variables that no operation reads or makes."""
        trace_id, root = self._id("trace", "run", 16), self._id("span", "run", 8)
        metadata = {k: v for k, v in self._trace.metadata.items() if k not in _OWN_META}
        about = {
            "openinference.span.kind": "CHAIN", "session.id": self.run, "memtrace.run": self.run
        }  # fmt: skip
        unread = self._unread()
        first: Span | None = None
        start = end = 0
        while chunk := list(islice(unread, _UNREAD_AT_ONCE)):
            nodes = self._nodes({"outside": [found.id for found in chunk]},
                                {found.id: found for found in chunk})  # fmt: skip
            shown, entries = self._shown("output", nodes)
            times = [max(found.created_ns, 0) for found in chunk]
            start, end = start or min(times), max(end, *times)
            first = Span(
                trace_id=trace_id, span_id=self._id("outside", chunk[0].id, 8), parent_id=root,
                name="variables from outside", start_ns=min(times), end_ns=max(times), status=OK,
                attributes={**about, **shown, "memtrace.outside": dumps(entries)},
            )  # fmt: skip
            yield first
        facts = {"memtrace.trace": dumps(metadata), "metadata": dumps(metadata)}
        start = start or self._first_ns()
        yield Span(
            trace_id=trace_id, span_id=root, name="memtrace run", start_ns=start,
            end_ns=max(start, end), status=OK, attributes={**about, **facts},
        )  # fmt: skip

    def _unread(self) -> Iterator[Variable]:
        ids = None if self._slice is None else self._slice.variables
        for variable in self._trace.variables(ids=ids):
            if variable.seq < len(self._described) and not self._described[variable.seq]:
                yield variable

    def _first_ns(self) -> int:
        for operation in self._trace.operations():
            return max(operation.started_ns, 0)
        return 0

    # Values and ids -------------------------------------------------------------------------

    def _nodes(
        self, roles: Mapping[str, Sequence[str]], known: Mapping[str, Variable]
    ) -> list[Described]:
        """The variables with their values; those recorded since the export began wait."""
        return [
            Described(known[name], role, self._encoded(name))
            for role, names in roles.items()
            for name in names
            if known[name].seq < len(self._described)
        ]

    def _encoded(self, identifier: str) -> Encoded | None:
        if not self._content:
            return None
        return encode(self._trace.value(identifier), identifier)

    def _cut(self, node: Described) -> tuple[Described, int | None]:
        """The node with a value of at most `max_value_chars`, and the length before if cut."""
        if self._max is None or node.encoded is None or len(node.text) <= self._max:
            return node, None
        return Described(node.variable, node.role, ("text", node.text[: self._max])), len(node.text)

    def _trace_id(self, number: int) -> str:
        return self._id("trace", f"op-{self._roots[number]}", 16)

    def _id(self, what: str, name: str, size: int) -> str:
        return blake2b(f"{self.run}\0{what}\0{name}".encode(), digest_size=size).hexdigest()


def _json(value: Any) -> str | None:
    return dumps(dict(value)) if value else None


def _unless(shown: int, real: int | None) -> int | None:
    """A time that the span itself cannot say."""
    return None if shown == real else real
