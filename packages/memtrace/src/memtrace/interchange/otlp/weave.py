"""Spans of somebody else as operations and variables, with guessed data flow.

In: one OTLP trace after another. Out: rows. What a span read is the variable of an earlier span if
the content says so, else a variable from outside. Guesses stand in the metadata of the operation:
`guessed_inputs` and `guessed_outputs`, role to variable ids.

- an input that an enclosing span read or an earlier one made, just so: that variable is it;
- an input in which texts of earlier spans stand: those are inputs too, in the role `contained`;
- an output that a span inside it made just so: that variable, made inside, is the output.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memtrace.graph.ids import variable_id
from memtrace.graph.recording.redact import mask_secrets, to_json
from memtrace.graph.storage.store import OperationRow
from memtrace.graph.storage.values import encode
from memtrace.interchange.otlp.guess import MIN_CHARS, Texts, leaves
from memtrace.interchange.otlp.parts import Part
from memtrace.interchange.otlp.rows import Rows
from memtrace.interchange.otlp.spool import Spool
from memtrace.interchange.otlp.steps import SpanStep, step_of
from memtrace.interchange.otlp.sweep import in_order
from memtrace.interchange.otlp.types import Span
from memtrace.interchange.otlp.values import Encoded

__all__ = ["Weaver"]

_CONTAINED = "contained"


@dataclass(slots=True)
class _Open:
    """A span that has begun."""

    number: int
    span: Span
    step: SpanStep
    inputs: list[tuple[str, int]] = field(default_factory=list)
    read: list[tuple[int, Encoded, Any]] = field(default_factory=list)
    """What it read under a variable of its own: number, encoded, value."""
    guessed_inputs: dict[str, list[str]] = field(default_factory=dict)
    guessed_outputs: dict[str, list[str]] = field(default_factory=dict)


class Weaver:
    """Turns traces of spans into rows.

    Args:
        spool: The spans.
        rows: Where to.
        problems: Where to say what was wrong.
        first: The first number that is free.
    """

    def __init__(self, spool: Spool, rows: Rows, problems: list[str], first: int) -> None:
        self._spool, self._rows, self._problems = spool, rows, problems
        self._next = first
        self._versions: dict[str, int] = {}
        self.guesses = 0
        """Guessed edges so far."""

    def add(self, trace: str, run: str | None) -> None:
        """Take one trace up; spans of `run` are left to others."""
        found: list[str] = []
        events, parents = in_order(self._spool.times(trace, run), found)
        self._problems.extend(f"trace {trace}: {problem}" for problem in found)
        self._parents, self._texts = parents, Texts()
        self._running: dict[str, _Open] = {}
        self._numbers: dict[str, int] = {}
        self._makers: dict[int, str] = {}
        for span_id, is_opening in events:
            if is_opening:
                self._open(span_id, self._spool.span(trace, span_id))
            else:
                self._close(span_id)

    # Beginning ------------------------------------------------------------------------------

    def _open(self, span_id: str, span: Span) -> None:
        running = _Open(0, span, step_of(span))
        for part in running.step.inputs:
            self._read(running, span_id, part)
        running.number = self._numbers[span_id] = self._draw()
        self._running[span_id] = running

    def _read(self, running: _Open, span_id: str, part: Part) -> None:
        encoded = _encoded(part.value)
        number = self._of_ancestor(span_id, encoded)
        if number is None:
            number = self._texts.same(encoded)
        if number is not None:
            self._guess_input(running, part.role, number)
            return
        contained = [
            *self._of_ancestors_within(span_id, part.value),
            *self._texts.within(part.value),
        ]
        number = self._draw()
        self._rows.variable(
            number, part.kind, encoded, name=part.name, created_ns=running.span.start_ns,
            metadata=_clean(part.metadata),
        )  # fmt: skip
        running.inputs.append((part.role, number))
        running.read.append((number, encoded, part.value))
        known = {variable for _, variable in running.inputs}
        for other in dict.fromkeys(contained):
            if other not in known:
                self._guess_input(running, _CONTAINED, other)

    def _guess_input(self, running: _Open, role: str, number: int) -> None:
        running.inputs.append((role, number))
        running.guessed_inputs.setdefault(role, []).append(variable_id(number))
        self.guesses += 1

    def _of_ancestor(self, span_id: str, encoded: Encoded) -> int | None:
        for running in self._ancestors(span_id):
            for number, other, value in running.read:
                if other == encoded and any(text.strip() for text in leaves(value)):
                    return number
        return None

    def _of_ancestors_within(self, span_id: str, value: Any) -> list[int]:
        """What enclosing spans read, of which some text stands in a value."""
        here = list(leaves(value))
        return [
            number
            for running in self._ancestors(span_id)
            for number, _, other in running.read
            if any(
                len(text) >= MIN_CHARS and any(text in mine for mine in here)
                for text in leaves(other)
            )
        ]

    def _ancestors(self, span_id: str) -> list[_Open]:
        found = []
        above = self._parents.get(span_id)
        while above is not None:
            if above in self._running:
                found.append(self._running[above])
            above = self._parents.get(above)
        return found

    # Ending ---------------------------------------------------------------------------------

    def _close(self, span_id: str) -> None:
        running = self._running.pop(span_id)
        positions: dict[str, int] = {}
        for part in running.step.outputs:
            encoded = _encoded(part.value)
            inner = None if part.item else self._made_inside(span_id, encoded)
            if inner is not None:
                ids = running.guessed_outputs.setdefault(part.role, [])
                ids.append(variable_id(inner))
                continue
            number, place = self._draw(), positions.get(part.role, 0)
            positions[part.role] = place + 1
            self._rows.variable(
                number, part.kind, encoded, name=part.name, producer=running.number,
                role=part.role, position=place, item=part.item, version=self._version(part),
                is_deletion=part.is_deletion,
                created_ns=running.span.end_ns or running.span.start_ns,
                metadata=_clean(part.metadata),
            )  # fmt: skip
            self._makers[number] = span_id
            self._texts.add(number, encoded, part.value)
        for place, (role, number) in enumerate(running.inputs):
            self._rows.input(running.number, place, role, number)
        self._rows.operation(self._row(span_id, running))

    def _made_inside(self, span_id: str, encoded: Encoded) -> int | None:
        """The variable with this very value that a span inside this one made."""
        number = self._texts.same(encoded)
        here = None if number is None else self._makers.get(number)
        while here is not None:
            here = self._parents.get(here)
            if here == span_id:
                return number
        return None

    def _version(self, part: Part) -> int | None:
        if part.item is None:
            return None
        self._versions[part.item] = self._versions.get(part.item, 0) + 1
        return self._versions[part.item]

    def _row(self, span_id: str, running: _Open) -> OperationRow:
        span, step = running.span, running.step
        above = self._parents.get(span_id)
        metadata = dict(step.metadata)
        for key in ("guessed_inputs", "guessed_outputs"):
            if getattr(running, key):
                metadata[key] = getattr(running, key)
        error, message = step.error or (None, None)
        what = f"span {span.span_id}"
        return OperationRow(
            running.number, self._draw(), step.kind, span.name,
            None if above is None else self._numbers[above],
            to_json(step.parameters, what, None), step.model, to_json(step.usage, what, None),
            error, None if message is None else mask_secrets(message), span.start_ns,
            max(span.end_ns, span.start_ns) if span.end_ns else None,
            to_json(metadata, what, None),
        )  # fmt: skip

    def _draw(self) -> int:
        number = self._next
        self._next += 1
        return number


def _encoded(value: Any) -> Encoded:
    return encode(value, "value")


def _clean(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """Metadata of a variable with secrets masked."""
    text = to_json(metadata, "metadata", None)
    return None if text is None else json.loads(text)
