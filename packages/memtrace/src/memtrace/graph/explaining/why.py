"""Why an answer is what it is: where it came from, in order, and what was read on the way.

In: a trace and a variable. Out: a `Why`: data, and a page of text with `str`. Whatever came in
after the question was asked is told apart from how the memory was written before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from memtrace.graph.explaining.runs import runs
from memtrace.graph.explaining.texts import Phrase, plain, snippet, text_of
from memtrace.types import Operation, Slice, Variable

if TYPE_CHECKING:
    from memtrace.graph.reading.trace import Trace

__all__ = ["ItemRead", "Source", "Stage", "Why", "question_of", "why"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A value from outside that reaches the answer.

    Example: `Source(variable="var-3", kind="message", name="D1:3", text="I moved to Lisbon.",
    share=1.0)`
    """

    variable: str
    kind: str
    name: str | None
    text: str
    """The first characters."""
    share: float
    """Share of the answer's words it holds: 1.0 if it holds the answer word for word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One operation of the slice, or a pattern of operations that repeats.

    Example: `Stage(names=("append", "trim"), kinds=("update", "trim"), times=19,
    operations=("op-13", ..., "op-85"), took={"messages": (...)}, gave={"window": (...)})`
    """

    names: tuple[str, ...]
    """Names of the pattern's operations, once."""
    kinds: tuple[str, ...]
    times: int
    operations: tuple[str, ...]
    took: Mapping[str, tuple[str, ...]]
    """Role to input variables, over all its operations."""
    gave: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRead:
    """A version of a memory item that was read to answer.

    Example: `ItemRead(item="chunk-3", version=1, variable="var-9", operation="op-20",
    holds_answer=True, is_dropped=False)`
    """

    item: str
    version: int | None
    variable: str
    operation: str
    """The first operation that read it after the question."""
    holds_answer: bool
    is_dropped: bool
    """Read, but nothing that was made of it on the way to the answer holds its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What an answer came from. `str(why)` tells it on one page."""

    answer: str
    """The variable asked about."""
    kind: str
    text: str
    operation: str | None
    """Its producer."""
    question: str | None
    """The question's variable, if the slice has one."""
    question_text: str
    sources: tuple[Source, ...]
    stages: tuple[Stage, ...]
    items: tuple[ItemRead, ...]

    @property
    def holders(self) -> tuple[Source, ...]:
        """Sources that hold the answer's words, the best first; the question does not count."""
        found = [s for s in self.sources if s.share >= 0.5 and s.variable != self.question]
        best = max((source.share for source in found), default=0.0)
        return tuple(source for source in found if source.share == best)

    @property
    def dropped(self) -> tuple[ItemRead, ...]:
        """Items that were read and did not get through to the answer's operation."""
        return tuple(item for item in self.items if item.is_dropped)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON."""
        return asdict(self)

    def __str__(self) -> str:
        from memtrace.graph.explaining.telling import tell_why

        return tell_why(self)


def why(trace: Trace, answer: str) -> Why:
    """Explain where a variable came from; see `Trace.why`."""
    variable = trace.variable(answer)
    part = trace.graph.upstream(answer)
    operations = list(trace.operations(ids=part.operations))
    outside = [v for v in trace.variables(ids=part.variables) if v.producer is None]
    question = question_of(outside)
    said = text_of(trace.value(answer))
    return Why(
        answer=answer, kind=variable.kind, text=snippet(said, 400), operation=variable.producer,
        question=None if question is None else question.id,
        question_text="" if question is None else snippet(trace.value(question.id), 200),
        sources=tuple(_sources(trace, outside, said, question)),
        stages=tuple(_stages(operations)),
        items=tuple(_items(trace, answer, part, question, Phrase(said))),
    )  # fmt: skip


def question_of(outside: Iterable[Variable]) -> Variable | None:
    """The last question among the sources of an answer."""
    asked = [variable for variable in outside if variable.kind == "question"]
    return asked[-1] if asked else None


def _sources(
    trace: Trace, outside: Iterable[Variable], said: str, question: Variable | None
) -> Iterator[Source]:
    asked = set() if question is None else set(plain(text_of(trace.value(question.id))).split())
    phrase = Phrase(said)
    words = {word for word in phrase.plain.split() if len(word) > 3 and word not in asked}
    for variable in outside:
        text = text_of(trace.value(variable.id))
        yield Source(
            variable=variable.id, kind=variable.kind, name=variable.name,
            text=snippet(text, 120), share=_share(phrase, words, text),
        )  # fmt: skip


def _share(phrase: Phrase, words: set[str], text: str) -> float:
    """1.0 only word for word; a single word in common says nothing about a longer answer."""
    if phrase.is_in(text):
        return 1.0
    shared = len(words & set(plain(text).split()))
    return round(0.99 * shared / len(words), 3) if shared > 1 else 0.0


def _stages(operations: list[Operation]) -> Iterator[Stage]:
    for run in runs([(operation.kind, operation.name) for operation in operations]):
        members = operations[run.start : run.stop]
        pattern = members[: run.period]
        yield Stage(
            names=tuple(operation.name for operation in pattern),
            kinds=tuple(operation.kind for operation in pattern), times=run.times,
            operations=tuple(operation.id for operation in members),
            took=_by_role(operation.inputs for operation in members),
            gave=_by_role(operation.outputs for operation in members),
        )  # fmt: skip


def _by_role(edges: Iterable[Mapping[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for roles in edges:
        for role, ids in roles.items():
            found.setdefault(role, {}).update(dict.fromkeys(ids))
    return {role: tuple(ids) for role, ids in found.items()}


def _items(
    trace: Trace, answer: str, part: Slice, question: Variable | None, said: Phrase
) -> Iterator[ItemRead]:
    """The item versions read between the question and the answer (or at all, without question)."""
    path = part if question is None else trace.graph.between(question.id, answer)
    operations = list(trace.operations(ids=path.operations))
    touched = {v for op in operations for v in op.input_ids}
    variables = {v.id: v for v in trace.variables(ids=touched)}
    made = {v for op in operations for v in op.output_ids}
    later = [v.id for v in trace.variables(ids=made) if v.item is None and v.id != answer]
    passed_on = "\n".join(plain(text_of(trace.value(identifier))) for identifier in later)
    last = trace.variable(answer).producer
    direct = {
        (variables[v].item, variables[v].version)
        for op in operations
        if op.id == last
        for v in op.input_ids
        if v in variables  # of a damaged trace, some may be lost
    }
    seen = set[tuple[str, int | None]]()
    for operation in operations:
        for identifier in operation.input_ids:
            variable = variables.get(identifier)
            if variable is None or variable.item is None:
                continue
            if (variable.item, variable.version) in seen:
                continue
            seen.add((variable.item, variable.version))
            text = text_of(trace.value(identifier))
            is_direct = (variable.item, variable.version) in direct
            yield ItemRead(
                item=variable.item, version=variable.version, variable=identifier,
                operation=operation.id, holds_answer=said.is_in(text),
                is_dropped=not is_direct and not _is_passed_on(text, passed_on),
            )  # fmt: skip


def _is_passed_on(text: str, passed_on: str) -> bool:
    """By its longest line: headings and dates of an item are often written anew."""
    lines = [plain(line) for line in text.splitlines()]
    longest = max(lines, key=len, default="")
    return bool(longest) and longest in passed_on
