"""What two runs of one pipeline did differently, and where they first parted.

In: two traces. Out: a `Diff`: operations that had equal inputs and still did something else (the
causes), those that differ because their inputs do, what only one run did, and the answers that
changed. Times and token counts are not compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from memtrace.graph.explaining.align import align
from memtrace.graph.explaining.side import Side, VariableRow
from memtrace.graph.explaining.texts import snippet, text_of
from memtrace.graph.ids import operation_id, variable_id
from memtrace.graph.reading.trace import Trace, open
from memtrace.types import Operation

__all__ = ["AnswerChange", "Change", "Diff", "SourceChange", "diff"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One operation that is not the same in both runs.

    Example: `Change(a="op-20", b="op-22", kind="retrieval", name="retrieve",
    what=("parameters", "outputs"), details=("top_k: 2 -> 4",), is_cause=True)`
    """

    a: str
    b: str
    kind: str
    name: str
    what: tuple[str, ...]
    """Of inputs, prompt, parameters, model, error and outputs, those that differ."""
    details: tuple[str, ...]
    is_cause: bool
    """Whether it had equal inputs: what differs began here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChange:
    """A value from outside that is not the same in both runs; None where there is none.

    Example: `SourceChange(kind="message", name="D1:3", a="var-3", b="var-3")`
    """

    kind: str
    name: str | None
    a: str | None
    b: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChange:
    """Another answer to the same question; a text is None where there was no answer.

    Example: `AnswerChange(question="Where does Ana live?", a="var-30", b="var-31",
    a_text="Porto", b_text="Lisbon")`
    """

    question: str
    a: str | None
    b: str | None
    a_text: str | None
    b_text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Two runs side by side. `str(diff)` tells the main things in few lines."""

    a: str
    b: str
    """The files."""
    matched: int
    """Operations that both runs have."""
    changes: tuple[Change, ...]
    """In the order of the first run."""
    missing: tuple[str, ...]
    """Operations of the first run alone."""
    added: tuple[str, ...]
    """Operations of the second run alone."""
    sources: tuple[SourceChange, ...]
    answers: tuple[AnswerChange, ...]
    answer_count: int
    """Answers that could be compared."""
    names: Mapping[str, tuple[str, ...]]
    """Names of the operations in `missing` and `added`."""

    @property
    def first(self) -> Change | None:
        """The first operation that had equal inputs and did something else."""
        return next((change for change in self.changes if change.is_cause), None)

    @property
    def is_empty(self) -> bool:
        """Whether both runs did the same."""
        return not (self.changes or self.missing or self.added or self.sources)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON."""
        first = self.first
        return {**asdict(self), "first": None if first is None else asdict(first)}

    def __str__(self) -> str:
        from memtrace.graph.explaining.telling_diff import tell_diff

        return tell_diff(self)


def diff(a: Trace | str | Path, b: Trace | str | Path) -> Diff:
    """Compare two runs of the same pipeline.

    Operations are matched by what they are and what they work on, not by id: see
    `memtrace.graph.explaining.align`.

    Args:
        a: The run before: a trace or its file.
        b: The run after.

    Raises:
        UserError: If one is no trace.
    """
    paths = [one.path if isinstance(one, Trace) else Path(one) for one in (a, b)]
    with open(paths[0]) as first, open(paths[1]) as second:
        return _Comparison(first, second).result()


class _Comparison:
    """Two runs while they are compared."""

    def __init__(self, a: Trace, b: Trace) -> None:
        self.traces = a, b
        self.sides = Side(a.path), Side(b.path)

    def result(self) -> Diff:
        a, b = self.sides
        aligned = align(a, b)
        changes = (self._change(*pair) for pair in aligned.pairs)
        answers = [found for pair in aligned.pairs for found in _answers(a, b, *pair)]
        differ = [found for found in answers if _differ(a, b, found)]
        return Diff(
            a=str(self.traces[0].path), b=str(self.traces[1].path), matched=len(aligned.pairs),
            changes=tuple(change for change in changes if change is not None),
            missing=tuple(map(operation_id, aligned.missing)),
            added=tuple(map(operation_id, aligned.added)), sources=tuple(_sources(a, b)),
            answers=tuple(self._answer(*found) for found in differ), answer_count=len(answers),
            names={
                "missing": tuple(a.operations[number].name for number in aligned.missing),
                "added": tuple(b.operations[number].name for number in aligned.added),
            },
        )  # fmt: skip

    def _change(self, left: int, right: int) -> Change | None:
        a, b = self.sides
        ours, theirs = a.operations[left], b.operations[right]
        how = (
            ("parameters", _are_equal(ours.parameters, theirs.parameters)),
            ("model", ours.model == theirs.model),
            ("error", ours[-2:] == theirs[-2:]),
        )
        what = (
            *(() if a.read(left) == b.read(right) else ("inputs",)),
            *(() if a.templates(left) == b.templates(right) else ("prompt",)),
            *(part for part, is_same in how if not is_same),
            *(() if a.wrote(left) == b.wrote(right) else ("outputs",)),
        )
        if not what:
            return None
        pair = (
            self.traces[0].operation(operation_id(left)),
            self.traces[1].operation(operation_id(right)),
        )
        return Change(
            a=pair[0].id, b=pair[1].id, kind=ours.kind, name=ours.name, what=what,
            is_cause="inputs" not in what, details=tuple(_details(*pair)),
        )  # fmt: skip

    def _answer(self, operation: int, left: int | None, right: int | None) -> AnswerChange:
        question = self.sides[0].question(operation)
        return AnswerChange(
            question="" if question is None else self._text(0, question) or "",
            a=None if left is None else variable_id(left), a_text=self._text(0, left),
            b=None if right is None else variable_id(right), b_text=self._text(1, right),
        )  # fmt: skip

    def _text(self, side: int, number: int | None) -> str | None:
        if number is None:
            return None
        return snippet(text_of(self.traces[side].value(variable_id(number))), 200)


def _are_equal(ours: str | None, theirs: str | None) -> bool:
    """Whether two JSON texts say the same, in whatever order."""
    if ours is None or theirs is None or len(ours) != len(theirs):
        return ours == theirs
    return ours == theirs or json.dumps(json.loads(ours), sort_keys=True) == json.dumps(
        json.loads(theirs), sort_keys=True
    )


def _details(ours: Operation, theirs: Operation) -> Iterator[str]:
    if changed := theirs.metadata.get("intervened"):
        yield f"intervened: {', '.join(map(str, changed))}"
    for key in {**ours.parameters, **theirs.parameters}:
        before, after = ours.parameters.get(key), theirs.parameters.get(key)
        if before != after:
            yield f"{key}: {snippet(before, 40)} -> {snippet(after, 40)}"
    if ours.model != theirs.model:
        yield f"model: {ours.model} -> {theirs.model}"
    if _status(ours) != _status(theirs):
        yield f"status: {_status(ours)} -> {_status(theirs)}"
    for role in {**ours.outputs, **theirs.outputs}:
        counts = len(ours.outputs.get(role, ())), len(theirs.outputs.get(role, ()))
        if counts[0] != counts[1]:
            yield f"{role}: {counts[0]} -> {counts[1]} outputs"


def _status(operation: Operation) -> str:
    return operation.status if operation.error is None else operation.error.type


def _sources(a: Side, b: Side) -> Iterator[SourceChange]:
    """Named ones are compared by name, the others looked up by content."""
    ours, theirs = _by_name(a), _by_name(b)
    for key, variables in ours.items():
        for left, right in zip_longest(variables, theirs.pop(key, [])):
            if left is None or right is None or left[1].digest != right[1].digest:
                yield _source(left, right)
    for variables in theirs.values():
        yield from (_source(None, right) for right in variables)


_Source = tuple[int, VariableRow]


def _by_name(side: Side) -> dict[tuple[str, str | bytes], list[_Source]]:
    found: dict[tuple[str, str | bytes], list[_Source]] = {}
    for number, row in side.sources:
        name = row.digest if row.name is None else row.name
        found.setdefault((row.kind, name), []).append((number, row))
    return found


def _source(left: _Source | None, right: _Source | None) -> SourceChange:
    known = left or right
    assert known is not None
    return SourceChange(
        kind=known[1].kind, name=known[1].name, a=None if left is None else variable_id(left[0]),
        b=None if right is None else variable_id(right[0]),
    )  # fmt: skip


_Answers = tuple[int, int | None, int | None]


def _answers(a: Side, b: Side, left: int, right: int) -> Iterator[_Answers]:
    """The answers that two operations gave, side by side."""
    ours = [v for _, v in a.outputs.get(left, ()) if a.variables[v].kind == "answer"]
    theirs = [v for _, v in b.outputs.get(right, ()) if b.variables[v].kind == "answer"]
    yield from ((left, before, after) for before, after in zip_longest(ours, theirs))


def _differ(a: Side, b: Side, found: _Answers) -> bool:
    _, left, right = found
    if left is None or right is None:
        return True
    return a.variables[left].digest != b.variables[right].digest
