"""What two runs of one pipeline did differently, and where they first parted.

In: two traces. Out: a `Diff`: operations that had equal inputs and still did something else (the
causes), those that differ because their inputs do, what only one run did, and the answers that
changed. Times and token counts are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memtrace.graph.align import Side, align
from memtrace.graph.texts import snippet, text_of
from memtrace.graph.trace import Trace, open
from memtrace.types import Operation, Variable

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
        from memtrace.graph.telling_diff import tell_diff

        return tell_diff(self)


def diff(a: Trace | str | Path, b: Trace | str | Path) -> Diff:
    """Compare two runs of the same pipeline.

    Operations are matched by what they are and what they work on, not by id: see
    `memtrace.graph.align`.

    Args:
        a: The run before: a trace or its file.
        b: The run after.

    Raises:
        UserError: If one is no trace.
    """
    with ExitStack() as stack:
        sides = [
            Side(one if isinstance(one, Trace) else stack.enter_context(open(one)))
            for one in (a, b)
        ]
        return _compare(*sides)


def _compare(a: Side, b: Side) -> Diff:
    aligned = align(a, b)
    changes = (_change(a, b, *pair) for pair in aligned.pairs)
    answers = [found for pair in aligned.pairs for found in _answers(a, b, *pair)]
    return Diff(
        a=str(a.trace.path), b=str(b.trace.path), matched=len(aligned.pairs),
        changes=tuple(change for change in changes if change is not None),
        missing=aligned.missing, added=aligned.added, sources=tuple(_sources(a, b)),
        answers=tuple(_answer(a, b, *found) for found in answers if _differs(*found)),
        answer_count=len(answers),
        names={
            "missing": tuple(a.operations[op].name for op in aligned.missing),
            "added": tuple(b.operations[op].name for op in aligned.added),
        },
    )  # fmt: skip


def _change(a: Side, b: Side, left: str, right: str) -> Change | None:
    ours, theirs = a.operations[left], b.operations[right]
    compared = {
        "inputs": (a.inputs(left), b.inputs(right)),
        "prompt": (
            a.digests(ours.inputs, templates=True), b.digests(theirs.inputs, templates=True)
        ),
        "parameters": (ours.parameters, theirs.parameters),
        "model": (ours.model, theirs.model),
        "error": (_error(ours), _error(theirs)),
        "outputs": (
            a.digests(ours.outputs, templates=False), b.digests(theirs.outputs, templates=False)
        ),
    }  # fmt: skip
    what = tuple(part for part, (before, after) in compared.items() if before != after)
    if not what:
        return None
    return Change(
        a=left, b=right, kind=ours.kind, name=ours.name, what=what, is_cause="inputs" not in what,
        details=tuple(_details(a, b, ours, theirs, what)),
    )  # fmt: skip


def _error(operation: Operation) -> tuple[str, str | None]:
    return operation.status, None if operation.error is None else operation.error.type


def _details(
    a: Side, b: Side, ours: Operation, theirs: Operation, what: tuple[str, ...]
) -> Iterator[str]:
    if "parameters" in what:
        for key in {**ours.parameters, **theirs.parameters}:
            before, after = ours.parameters.get(key), theirs.parameters.get(key)
            if before != after:
                yield f"{key}: {snippet(before, 40)} -> {snippet(after, 40)}"
    if "model" in what:
        yield f"model: {ours.model} -> {theirs.model}"
    if "error" in what:
        yield f"status: {_status(ours)} -> {_status(theirs)}"
    if "outputs" in what:
        for role in {**ours.outputs, **theirs.outputs}:
            before_ids, after_ids = ours.outputs.get(role, ()), theirs.outputs.get(role, ())
            if len(before_ids) != len(after_ids):
                yield f"{role}: {len(before_ids)} -> {len(after_ids)} outputs"


def _status(operation: Operation) -> str:
    return operation.status if operation.error is None else operation.error.type


def _sources(a: Side, b: Side) -> Iterator[SourceChange]:
    """Named ones are compared by name, the others looked up by content."""
    ours, theirs = _by_name(a), _by_name(b)
    for (kind, name), variables in ours.items():
        others = theirs.pop((kind, name), [])
        for place in range(max(len(variables), len(others))):
            left = variables[place] if place < len(variables) else None
            right = others[place] if place < len(others) else None
            if left is None or right is None or left.digest != right.digest:
                yield _source(left, right)
    for variables in theirs.values():
        yield from (_source(None, right) for right in variables)


def _by_name(side: Side) -> dict[tuple[str, str], list[Variable]]:
    found: dict[tuple[str, str], list[Variable]] = {}
    for variable in side.sources:
        name = variable.digest if variable.name is None else f"={variable.name}"
        found.setdefault((variable.kind, name), []).append(variable)
    return found


def _source(left: Variable | None, right: Variable | None) -> SourceChange:
    known = left or right
    assert known is not None
    return SourceChange(
        kind=known.kind, name=known.name, a=None if left is None else left.id,
        b=None if right is None else right.id,
    )  # fmt: skip


_Found = tuple[str, Variable | None, Variable | None]


def _answers(a: Side, b: Side, left: str, right: str) -> Iterator[_Found]:
    """The answers that two operations gave, side by side."""
    ours = [v for v in map(a.variables.get, a.operations[left].output_ids) if _is_answer(v)]
    theirs = [v for v in map(b.variables.get, b.operations[right].output_ids) if _is_answer(v)]
    for place in range(max(len(ours), len(theirs))):
        yield (
            left,
            ours[place] if place < len(ours) else None,
            theirs[place] if place < len(theirs) else None,
        )


def _is_answer(variable: Variable | None) -> bool:
    return variable is not None and variable.kind == "answer"


def _differs(operation: str, left: Variable | None, right: Variable | None) -> bool:
    return left is None or right is None or left.digest != right.digest


def _answer(
    a: Side, b: Side, operation: str, left: Variable | None, right: Variable | None
) -> AnswerChange:
    question = a.question(operation)
    return AnswerChange(
        question="" if question is None else snippet(text_of(a.trace.value(question.id)), 120),
        a=None if left is None else left.id, b=None if right is None else right.id,
        a_text=None if left is None else snippet(text_of(a.trace.value(left.id)), 200),
        b_text=None if right is None else snippet(text_of(b.trace.value(right.id)), 200),
    )  # fmt: skip
