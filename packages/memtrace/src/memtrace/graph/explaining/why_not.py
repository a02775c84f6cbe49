"""Where a text lives and dies on its way to an answer.

In: a trace, a text, and the answer that should have said it. Out: a `WhyNot`: every variable that
holds the text, who read one and wrote nothing that holds it, whether the memory held it when the
question was asked, and one sentence about it. Containment is literal (`explaining.texts`);
for facts in other words there is `memtrace.attribute`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from memtrace.graph.explaining.holders import MARKERS, find_holders
from memtrace.graph.explaining.texts import Phrase, snippet, text_of
from memtrace.graph.explaining.why import question_of
from memtrace.types import Operation, Variable

if TYPE_CHECKING:
    from memtrace.graph.reading.trace import Trace

__all__ = ["Fate", "Holder", "Loss", "WhyNot", "why_not"]

Fate = Literal[
    "never_said", "never_stored", "forgotten", "not_retrieved", "dropped", "not_answered",
    "answered", "recorded",
]  # fmt: skip
"""never_said: in no variable, or only in those of other questions. never_stored: in no memory item.
forgotten: no longer in memory when the question was asked. not_retrieved: in memory, not found.
dropped: found, but lost before the answer's operation. not_answered: that operation read it.
answered: the answer holds it. recorded: no answer was given to ask about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A variable that holds the text.

    Example: `Holder(variable="var-3", kind="message", name="D1:3", item=None, version=None,
    producer=None, is_copy=False)`
    """

    variable: str
    kind: str
    name: str | None
    item: str | None
    version: int | None
    producer: str | None
    is_copy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """An operation that read the text and wrote nothing that holds it.

    Example: `Loss(operation="op-9", name="trim", kind="trim", read=("var-7",),
    wrote="Ana: Hello.")`
    """

    operation: str
    name: str
    kind: str
    read: tuple[str, ...]
    """The inputs that hold the text."""
    wrote: str
    """What it wrote instead, shortened; empty if nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """The life of a text. `str(...)` tells it in a few lines."""

    text: str
    answer: str | None
    fate: Fate
    sentence: str
    """The whole story, such as `entered as var-3 (message D1:3); stored as item chunk-3 v1; ...`"""
    holders: tuple[Holder, ...]
    """In order."""
    losses: tuple[Loss, ...]
    """In order; with an answer, those up to it."""
    asked_at: str | None = None
    """The first operation that read the question."""
    live: tuple[Holder, ...] = ()
    """Item versions that held it when the question was asked."""
    missed_by: tuple[str, ...] = ()
    """Operations between question and answer that searched or passed on without it."""

    @property
    def first(self) -> Holder | None:
        """Where it entered."""
        return self.holders[0] if self.holders else None

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON."""
        return asdict(self)

    def __str__(self) -> str:
        from memtrace.graph.explaining.telling import tell_why_not

        return tell_why_not(self)


def why_not(trace: Trace, text: str, answer: str | None = None) -> WhyNot:
    """Follow a text through a trace; see `Trace.why_not`.

    Raises:
        ValueError: For an empty text.
    """
    phrase = Phrase(text)
    if not phrase.text:
        raise ValueError(f"expected a text to look for; got {text!r}")
    until = None if answer is None else trace.variable(answer).seq
    found = find_holders(trace, phrase, until_seq=until, answer=answer)
    if not found:
        return _never(trace, phrase, answer)
    losses = _losses(trace, {variable.id for variable in found}, until)
    if answer is None:
        return _told(
            text=phrase.text, answer=None, fate="recorded", holders=found, losses=losses,
            told=[*_beginning(found), *_lost(losses)],
        )  # fmt: skip
    others = _of_other_questions(trace, answer)
    own = [variable for variable in found if variable.id not in others]
    losses = [loss for loss in losses if loss.operation not in others]
    if not own:
        return _never(trace, phrase, answer, found[0])
    return _answered(trace, phrase, answer, own, losses)


def _of_other_questions(trace: Trace, answer: str) -> set[str]:
    """What was done and made for questions that this answer does not come from."""
    own = trace.graph.upstream(answer)
    kept = {*own.operations, *own.variables}
    asked = [v.id for v in trace.variables(kind="question") if v.id not in kept]
    theirs = trace.graph.downstream(asked)
    return {*asked, *theirs.operations, *theirs.variables} - kept


def _losses(trace: Trace, held: set[str], until: int | None) -> list[Loss]:
    readers = {op for variable in held for op in trace.graph.consumers(variable)}
    found: list[Loss] = []
    for operation in trace.operations(ids=readers):
        if until is not None and operation.seq > until:
            break
        if held.isdisjoint(operation.output_ids):
            found.append(_loss(trace, operation, held))
    return found


def _loss(trace: Trace, operation: Operation, held: set[str]) -> Loss:
    written = [
        trace.value(v.id)
        for v in trace.variables(ids=operation.output_ids)
        if v.kind not in MARKERS
    ]
    return Loss(
        operation=operation.id, name=operation.name, kind=operation.kind,
        read=tuple(v for v in operation.input_ids if v in held),
        wrote=snippet(" / ".join(text_of(value) for value in written), 160),
    )  # fmt: skip


def _never(
    trace: Trace, phrase: Phrase, answer: str | None, elsewhere: Variable | None = None
) -> WhyNot:
    text = repr(snippet(phrase.text, 60))
    if elsewhere is not None:
        sentence = (
            f"never on the way to {answer}: {text} stands only in what was done for other "
            f"questions, first in {elsewhere.id} ({elsewhere.kind})"
        )
    else:
        counted = trace.counts["variables"]
        where = f"any of {counted} variables" if answer is None else f"any variable up to {answer}"
        sentence = f"never in the trace: {text} does not stand in {where}"
    return WhyNot(
        text=phrase.text, answer=answer, fate="never_said", holders=(), losses=(),
        sentence=sentence,
    )  # fmt: skip


def _answered(
    trace: Trace, phrase: Phrase, answer: str, holders: list[Variable], losses: list[Loss]
) -> WhyNot:
    """The story of a text that was to be said by an answer."""
    held = {variable.id for variable in holders}
    path, asked = _path(trace, answer)
    seq = asked.seq if asked is not None else trace.variable(answer).seq
    stored = [v for v in holders if v.item is not None and v.source is None and v.seq <= seq]
    live = [version for version in stored if _is_live(trace, version, seq)]
    told = _beginning(holders)
    missed: list[Operation] = []
    if answer in held:
        fate: Fate = "answered"
        told.append(f"the answer {answer} holds it")
    elif path and not held.isdisjoint(path[-1].input_ids):
        fate = "not_answered"
        told.append(f"{path[-1].id} {path[-1].name} read it and answered without it")
    elif passed := [op for op in path if not held.isdisjoint(op.input_ids)]:
        fate, missed = "dropped", [op for op in passed if held.isdisjoint(op.output_ids)]
        told += _found(passed, held) + [
            f"{op.id} {op.name} wrote nothing that holds it" for op in missed
        ]
    elif not stored:
        fate = "never_stored"
        told += _lost(losses) or ["no operation read it"]
        told.append(f"no memory item held it{_when(asked)}")
    elif not live:
        fate = "forgotten"
        told += [_end(trace, stored[-1], seq)]
    else:
        fate, missed = "not_retrieved", _searches(path, asked)
        told.append(f"was in memory{_when(asked)}")
        told += [_not_among(op) for op in missed] or ["no operation searched for it"]
    return _told(
        text=phrase.text, answer=answer, fate=fate, holders=holders, losses=losses, told=told,
        asked_at=None if asked is None else asked.id, live=tuple(map(_holder, live)),
        missed_by=tuple(op.id for op in missed),
    )  # fmt: skip


def _told(
    *, told: Sequence[str], holders: Iterable[Variable], losses: Iterable[Loss], **rest: Any
) -> WhyNot:
    return WhyNot(
        holders=tuple(map(_holder, holders)), losses=tuple(losses), sentence="; ".join(told), **rest
    )


def _holder(variable: Variable) -> Holder:
    return Holder(
        variable=variable.id, kind=variable.kind, name=variable.name, item=variable.item,
        version=variable.version, producer=variable.producer, is_copy=variable.source is not None,
    )  # fmt: skip


def _path(trace: Trace, answer: str) -> tuple[list[Operation], Operation | None]:
    """The operations from the question to the answer, and the first that read the question."""
    part = trace.graph.upstream(answer)
    outside = [v for v in trace.variables(ids=part.variables) if v.producer is None]
    question = question_of(outside)
    if question is not None:
        part = trace.graph.between(question.id, answer)
        path = list(trace.operations(ids=part.operations))
        return path, path[0] if path else None
    maker = trace.variable(answer).producer
    return ([trace.operation(maker)] if maker else []), None


def _is_live(trace: Trace, version: Variable, seq: int) -> bool:
    later = [v for v in trace.history(version.item or "") if v.seq <= seq]
    return bool(later) and later[-1].id == version.id


def _beginning(holders: Sequence[Variable]) -> list[str]:
    first = holders[0]
    name = f" {first.name}" if first.name else ""
    made = "entered" if first.producer is None else f"first written by {first.producer},"
    told = [f"{made} as {first.id} ({first.kind}{name})"]
    if stored := [v for v in holders if v.item is not None and v.source is None]:
        span = _span([v.version or 0 for v in stored if v.item == stored[0].item])
        others = len({v.item for v in stored}) - 1
        more = f" and {others} more" if others else ""
        told.append(f"stored as item {stored[0].item} {span} ({stored[0].id}){more}")
    return told


def _span(versions: Sequence[int]) -> str:
    """Version numbers, ascending. Example: `v1 to v3, v5`."""
    spans: list[list[int]] = []
    for version in versions:
        if spans and version == spans[-1][1] + 1:
            spans[-1][1] = version
        else:
            spans.append([version, version])
    told = [f"v{low}" if low == high else f"v{low} to v{high}" for low, high in spans]
    return ", ".join(told if len(told) <= 4 else [*told[:3], f"and on to v{versions[-1]}"])


def _lost(losses: Sequence[Loss]) -> list[str]:
    shown = [
        f"{loss.operation} {loss.name} read it and wrote nothing that holds it"
        for loss in losses[:3]
    ]
    return [*shown, f"so did {len(losses) - 3} more"] if len(losses) > 3 else shown


def _when(asked: Operation | None) -> str:
    return "" if asked is None else f" when {asked.id} {asked.name} ran"


def _end(trace: Trace, last: Variable, seq: int) -> str:
    """How the last item version that held it ended."""
    after = next(v for v in trace.history(last.item or "") if last.seq < v.seq <= seq)
    who = after.producer or "a later value from outside"
    did = f"{who} {trace.operation(after.producer).name}" if after.producer else who
    if after.is_deletion:
        return f"deleted by {did}"
    return f"lost when {did} replaced v{last.version} by v{after.version} ({after.id}) without it"


def _searches(path: Sequence[Operation], asked: Operation | None) -> list[Operation]:
    """Who should have found it: the retrievals, or whoever read the question first."""
    searched = [op for op in path if op.kind == "retrieval"]
    return searched or ([asked] if asked is not None else [])


def _not_among(operation: Operation) -> str:
    count = max((len(ids) for ids in operation.outputs.values()), default=0)
    role = max(operation.outputs, key=lambda role: len(operation.outputs[role]), default="outputs")
    return f"was not among the {count} {role} of {operation.id} {operation.name}"


def _found(passed: Sequence[Operation], held: set[str]) -> list[str]:
    found = next((op for op in passed if not held.isdisjoint(op.output_ids)), None)
    return [] if found is None else [f"found by {found.id} {found.name}"]
