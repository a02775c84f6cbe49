"""Spans that memtrace exported, back into a graph: the same ids, edges, roles, versions and values.

In: the spans of one run, operations in their order. Out: rows. What the file does not hold (an
export of a slice, without content, with values cut) is told, and stands in the trace as such.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from memtrace.graph.ids import operation_number, variable_number
from memtrace.graph.storage.store import OperationRow
from memtrace.interchange.otlp.rows import LEFT_OUT, Rows, to_text
from memtrace.interchange.otlp.spool import own_number
from memtrace.interchange.otlp.types import Span
from memtrace.interchange.otlp.values import Encoded, values_of

__all__ = ["OwnSpans"]

_END = 2**62
_BAD = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


class OwnSpans:
    """Rebuilds one run.

    Args:
        rows: Where to.
        numbers: Span id to operation number, for every operation in the file.
        problems: Where to say what was wrong.
    """

    def __init__(self, rows: Rows, numbers: Mapping[str, int], problems: list[str]) -> None:
        self._rows, self._numbers, self._problems = rows, numbers, problems
        self._known: set[int] = set()
        self._seen_operations: set[int] = set()
        self._mentioned: dict[int, Encoded] = {}
        """Variables that were read, but not described so far."""
        self._counts: Counter[str] = Counter()
        self.last = 0
        """The highest number so far."""
        self.meta: dict[str, Any] = {}

    def add(self, spans: Iterable[Span]) -> None:
        """Take all spans up."""
        for span in spans:
            try:
                self._add(span)
            except _BAD as error:
                self._problems.append(
                    f"span {span.span_id} ({span.name!r}): its memtrace attributes cannot be read "
                    f"({error}); it is left out"
                )
        for number, encoded in self._mentioned.items():
            self._rows.variable(number, "value", encoded)
            self._counts["variables are read here but described in no span"] += 1
        self._problems.extend(f"{count} {what}" for what, count in self._counts.items())

    def _add(self, span: Span) -> None:
        about = {
            key.removeprefix("memtrace."): value
            for key, value in span.attributes.items()
            if key.startswith("memtrace.")
        }
        if "trace" in about:
            self.meta.update(_object(about["trace"]))
        number = own_number(span)
        if "outside" in about:
            for entry, encoded in self._described(span, "output", about["outside"]):
                self._outside(entry, encoded)
        elif number is not None:
            if number in self._seen_operations:
                raise ValueError(f"op-{number} is there twice")
            self._operation(number, span, about)
            self._seen_operations.add(number)

    def _operation(self, number: int, span: Span, about: Mapping[str, Any]) -> None:
        inputs = self._described(span, "input", about.get("inputs"))
        outputs = [
            *self._described(span, "output", about.get("outputs")),
            *self._described(span, "memtrace.request", about.get("requests")),
        ]
        row = self._row(number, span, about)
        edges = [(str(entry["role"]), _number(entry)) for entry, _ in inputs]
        if any(variable >= number for _, variable in edges):
            raise ValueError(f"op-{number} reads a variable that is newer")
        if any(_number(entry) <= number for entry, _ in outputs):
            raise ValueError(f"op-{number} makes a variable that is older")
        for entry, encoded in inputs:
            self._outside(entry, encoded)
        for entry, encoded in outputs:
            self._variable(entry, encoded, number)
        for place, (role, variable) in enumerate(edges):
            self._rows.input(number, place, role, variable)
        self._rows.operation(row)
        self.last = max(self.last, number, row.end_number or 0)

    def _row(self, number: int, span: Span, about: Mapping[str, Any]) -> OperationRow:
        parent = about.get("parent")
        above = None if parent is None else operation_number(parent)
        if above is not None and above not in self._seen_operations:
            self._counts["operations have a parent that is not in the file"] += 1
            above = None
        if above is None:
            above = self._numbers.get(span.parent_id or "")
            above = above if above in self._seen_operations else None
        end, model = about.get("end_seq"), about.get("model")
        started = _whole(about.get("started_ns", span.start_ns))
        finished = (
            None if about.get("unfinished") else _whole(about.get("finished_ns", span.end_ns))
        )
        error, message = about.get("error_type"), about.get("error_message")
        return OperationRow(
            number, None if end is None else _whole(end), str(about.get("kind") or "operation"),
            span.name, above, to_text(_object(about.get("parameters"))),
            None if model is None else str(model), to_text(_object(about.get("usage"))),
            None if error is None else str(error), None if error is None else str(message or ""),
            started, finished, to_text(_object(about.get("metadata"))),
        )  # fmt: skip

    # Variables ------------------------------------------------------------------------------

    def _described(
        self, span: Span, prefix: str, text: Any
    ) -> list[tuple[dict[str, Any], Encoded | None]]:
        """Descriptors with their values."""
        entries = json.loads(text) if text is not None else []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ValueError(f"expected a list of objects; got {text!r:.60}")
        try:
            value, mime = (
                span.attributes.get(f"{prefix}.{part}") for part in ("value", "mime_type")
            )
            values = values_of(value, mime, entries)
        except _BAD as error:
            self._problems.append(f"span {span.span_id} ({span.name!r}): {prefix}.value: {error}")
            values = [None] * len(entries)
        return list(zip(entries, values, strict=True))

    def _outside(self, entry: Mapping[str, Any], encoded: Encoded | None) -> None:
        """An input: described here if no operation in the file made it, else only mentioned."""
        number = _number(entry)
        if "kind" in entry:
            self._variable(entry, encoded, None)
        elif number not in self._known:
            self._mentioned[number] = encoded or LEFT_OUT
            self.last = max(self.last, number)

    def _variable(
        self, entry: Mapping[str, Any], encoded: Encoded | None, producer: int | None
    ) -> None:
        number = _number(entry)
        if number in self._known:
            self._counts["variables are described twice; the first description holds"] += 1
            return
        try:
            facts = _facts(entry)
        except _BAD:
            self._counts["variables have a description that cannot be read"] += 1
            facts = {}
        if facts.get("source") is not None and facts["source"] not in self._known:
            self._counts["copies have a source that is not in the file"] += 1
            facts["source"] = None
        self._rows.variable(
            number, str(entry.get("kind") or "value"), self._value(entry, encoded),
            producer=producer, role=None if producer is None else str(entry.get("role")), **facts,
        )  # fmt: skip
        self._known.add(number)
        self._mentioned.pop(number, None)
        self.last = max(self.last, number)

    def _value(self, entry: Mapping[str, Any], encoded: Encoded | None) -> Encoded:
        if "cut_from" in entry:
            self._counts["values were cut when they were exported"] += 1
        if encoded is None:
            self._counts["values are not in the file; they are None"] += 1
            return LEFT_OUT
        return encoded


def _facts(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a descriptor says besides id, kind and role."""
    source, version, metadata = (entry.get(key) for key in ("source", "version", "metadata"))
    if metadata is not None and not isinstance(metadata, dict):
        raise ValueError(f"expected an object as metadata; got {metadata!r:.60}")
    return {
        "name": _text(entry.get("name")), "item": _text(entry.get("item")),
        "position": _whole(entry.get("position", 0)),
        "version": None if version is None else _whole(version),
        "is_deletion": bool(entry.get("is_deletion")),
        "source": None if source is None else variable_number(source),
        "created_ns": _whole(entry.get("created_ns", 0)), "metadata": metadata,
    }  # fmt: skip


def _number(entry: Mapping[str, Any]) -> int:
    number = variable_number(entry["id"])
    if not 0 < number < _END:
        raise ValueError(f"expected the id of a variable; got {entry['id']!r}")
    return number


def _whole(value: Any) -> int:
    """An integer that a column can hold."""
    number = int(value)
    if not -_END < number < _END:
        raise ValueError(f"expected a number below 2**62; got {value!r}")
    return number


def _object(text: Any) -> dict[str, Any]:
    if text is None:
        return {}
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"expected an object; got {text!r:.60}")
    return found


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
