"""Survival: follow one critical fact from operation to operation, without any model.

In: a fact with its witnesses, and the slice of an answer. Out: the operations that read the fact,
in the order of time, and the one after which it was gone. The walk starts at the witnesses and
only visits operations that read something which holds the fact:

- an output holds the fact if it is a copy of a holder, or repeats the witness's words, or repeats
  the line of a holder, or (where the operation may rewrite) has the value near the witness's words;
- a *store* holds what its live items hold, so a search that reads a store and returns other items
  has lost the fact, and a deletion takes it away;
- the value alone is not enough: another Lisbon elsewhere is another fact.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from memtrace.attribution.facts import CriticalFact
from memtrace.attribution.matching import Passage
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.taxonomy import ErrorType, LossKind, error_type_of
from memtrace.attribution.types import FactPath, FactStep
from memtrace.types import Operation, Slice, Variable

__all__ = ["follow"]

_REWRITING = frozenset({"extraction", "update", "summary", "consolidation", "segmentation"})
_READ_PATH = frozenset({"rewrite", "retrieval", "rerank", "context", "answer", "judge"})
_QUESTION = ("question", "query")
_NEAR = 0.4
"""Share of the witness's content words that must stand in the line of a rewritten value."""
_PASSAGE = 0.8
"""The same for a fact without a value: its sentence as a whole must survive."""


@dataclass(slots=True)
class _Holding:
    """How one variable holds the fact."""

    lines: frozenset[str] = frozenset()
    is_verbatim: bool = True
    items: frozenset[str] = frozenset()
    """For a store: the items in it that hold the fact."""


@dataclass(slots=True)
class _Walk:
    """The state of one walk."""

    reader: TraceReader
    fact: CriticalFact
    back: frozenset[str]
    """Operations and variables that the answer depends on."""
    until_seq: int
    sees_all: bool = False
    """Whether a search for the answer reads whatever the memory held."""
    holdings: dict[str, _Holding] = field(default_factory=dict)
    steps: list[FactStep] = field(default_factory=list)
    queue: list[tuple[int, str]] = field(default_factory=list)
    queued: set[str] = field(default_factory=set)

    def hold(self, variable: str, holding: _Holding) -> None:
        self.holdings[variable] = holding
        for operation in self.reader.graph.consumers(variable):
            self.push(operation)
        later = self.reader.next_version(self.reader.variable(variable))
        if later is not None and later.producer is not None:
            self.push(later.producer)  # writing over a version concerns it, declared or not

    def push(self, operation: str) -> None:
        if operation in self.queued:
            return
        self.queued.add(operation)
        heapq.heappush(self.queue, (self.reader.operation(operation).seq, operation))


def follow(
    reader: TraceReader, fact: CriticalFact, answer: Variable, back: Slice,
    restated: Sequence[tuple[str, str, bool]] = (),
) -> FactPath:  # fmt: skip
    """Follow a fact to an answer.

    Args:
        reader: The trace.
        fact: What to follow; it starts at its witnesses.
        answer: The answer variable.
        back: Everything the answer came from.
        restated: Further variables in which the fact was said: id, words in normal form, and
            whether they are a witness's own.
    """
    assert answer.producer is not None
    maker = reader.operation(answer.producer)
    searches = _searches(reader, back)
    walk = _Walk(reader, fact, frozenset(back.operations + back.variables) | searches, maker.seq)
    for operation in searches:
        if _searches_unnamed_store(reader, reader.operation(operation)):
            walk.sees_all = True
            walk.push(operation)
    for witness, sentence in zip(fact.witnesses, fact.sentences, strict=True):
        walk.hold(witness.variable, _Holding(frozenset({sentence})))
    for identifier, words, is_verbatim in restated:
        walk.hold(identifier, _Holding(frozenset({words}), is_verbatim=is_verbatim))
    while walk.queue:
        seq, identifier = heapq.heappop(walk.queue)
        if seq < walk.until_seq:
            _visit(walk, reader.operation(identifier))
    reached = [walk.holdings[v] for v in maker.input_ids if v in walk.holdings]
    return FactPath(
        fact=fact, steps=tuple(walk.steps), reached_model=bool(reached),
        death=None if reached else _death(walk.steps),
        in_answer=bool(fact.phrase) and reader.passage(answer.id).find(fact.phrase) is not None,
        is_verbatim=all(h.is_verbatim for h in (reached or walk.holdings.values())),
    )  # fmt: skip


def _death(steps: list[FactStep]) -> FactStep | None:
    """The last loss the answer depends on: until then the fact lived on some way to it."""
    losses = [step for step in steps if not step.kept]
    inside = [step for step in losses if step.in_slice]
    return (inside or losses or [None])[-1]  # type: ignore[list-item]


def _visit(walk: _Walk, operation: Operation) -> None:
    reader, in_slice = walk.reader, operation.id in walk.back
    if not in_slice and _is_read_path(reader, operation):
        return
    read = _read(walk, operation)
    if not read:
        return
    outputs = [reader.variable(identifier) for identifier in operation.output_ids]
    wrote: dict[str, _Holding] = {}
    for output in outputs:
        counts = not in_slice or output.id in walk.back or output.item is not None
        if counts and (holding := _held_by(walk, operation, output, read, wrote)):
            wrote[output.id] = holding
    for variable, holding in wrote.items():
        walk.hold(variable, holding)
    kept = bool(wrote)
    blank = tuple(o.id for o in outputs if not reader.is_marker(o))
    loss = LossKind.NOT_LOST if kept else _loss(walk, operation, read)
    in_slice |= walk.sees_all and loss in (LossKind.DELETED, LossKind.OVERWRITTEN)
    shown = wrote if kept else read
    walk.steps.append(FactStep(
        operation=operation.id, seq=operation.seq, name=operation.name, kind=operation.kind,
        kept=kept, in_slice=in_slice, read=tuple(read), wrote=tuple(wrote) if kept else blank,
        excerpt=next((min(h.lines) for h in shown.values() if h.lines), ""), loss=loss,
    ))  # fmt: skip


def _read(walk: _Walk, operation: Operation) -> dict[str, _Holding]:
    """The inputs of an operation that hold the fact when it starts."""
    found: dict[str, _Holding] = {}
    for identifier in operation.input_ids:
        holding = walk.holdings.get(identifier)
        if holding is None:
            continue
        if holding.items:
            holding = _in_store(walk, holding.items, operation.seq)
        if holding is not None:
            found[identifier] = holding
    for identifier in operation.output_ids:
        output = walk.reader.variable(identifier)
        if output.item is None or output.source is not None:
            continue
        old = walk.reader.live_version(output.item, operation.seq)
        if old is not None and old.id in walk.holdings:
            found[old.id] = walk.holdings[old.id]
    if not found and _searches_unnamed_store(walk.reader, operation):
        for identifier in list(walk.holdings):
            variable = walk.reader.variable(identifier)
            if variable.item and (held := _in_store(walk, {variable.item}, operation.seq)):
                found[identifier] = held
    return found


def _in_store(walk: _Walk, items: set[str] | frozenset[str], seq: int) -> _Holding | None:
    """What a store with these items holds at a moment: the fact, if a live version holds it."""
    live = {item: walk.reader.live_version(item, seq) for item in items}
    held = {
        item: walk.holdings[version.id]
        for item, version in live.items()
        if version is not None and version.id in walk.holdings
    }
    if not held:
        return None
    lines = frozenset[str]().union(*(holding.lines for holding in held.values()))
    is_verbatim = any(holding.is_verbatim for holding in held.values())
    return _Holding(lines, is_verbatim, frozenset(held))


def _held_by(
    walk: _Walk, operation: Operation, output: Variable, read: dict[str, _Holding],
    wrote: dict[str, _Holding],
) -> _Holding | None:  # fmt: skip
    """How an output holds the fact; None if it does not."""
    if output.source in walk.holdings:
        return walk.holdings[output.source]
    if output.kind == "store":
        items = frozenset[str]().union(*(holding.items for holding in read.values()))
        written = {walk.reader.variable(identifier).item for identifier in wrote}
        for identifier, holding in wrote.items():  # so that the version just written is found
            walk.holdings[identifier] = holding
        end = operation.end_seq if operation.end_seq is not None else operation.seq
        return _in_store(walk, items | {item for item in written if item}, end)
    if walk.reader.is_marker(output):
        return None
    text = walk.reader.passage(output.id)
    may_rewrite = operation.kind in _REWRITING or operation.model is not None
    return _match(walk.fact, text, read, may_rewrite=may_rewrite)


def _match(
    fact: CriticalFact, text: Passage, read: dict[str, _Holding], *, may_rewrite: bool
) -> _Holding | None:
    verbatim = {line for sentence in fact.sentences if (line := text.find(sentence))}
    if verbatim:
        return _Holding(frozenset(verbatim))
    known = {line for holding in read.values() for line in holding.lines}
    copied = {line for old in known if _is_copyable(fact, old) and (line := text.find(old))}
    if copied:
        return _Holding(frozenset(copied), is_verbatim=False)
    if not may_rewrite:
        return None
    if not fact.phrase:
        share, line = text.covers(fact.anchors)
        return _Holding(frozenset({line}), is_verbatim=False) if share >= _PASSAGE else None
    near = {
        line
        for line in text.find_all(fact.phrase)
        if not fact.anchors or len(fact.anchors & set(line.split())) >= _NEAR * len(fact.anchors)
    }
    return _Holding(frozenset(near), is_verbatim=False) if near else None


def _is_copyable(fact: CriticalFact, line: str) -> bool:
    """Whether finding this line elsewhere proves a copy: it must say more than the value."""
    return len(line.split()) > len(fact.phrase.split())


def _loss(walk: _Walk, operation: Operation, read: dict[str, _Holding]) -> LossKind:
    """How an operation that read the fact and passed nothing on lost it."""
    reader = walk.reader
    items = {reader.variable(identifier).item for identifier in read}
    items |= {item for holding in read.values() for item in holding.items}
    outputs = [reader.variable(identifier) for identifier in operation.output_ids]
    if any(output.is_deletion and output.item in items for output in outputs):
        return LossKind.DELETED
    kind = error_type_of(
        operation.kind, reads_query=_reads_question(reader, operation),
        writes_item=any(output.item for output in outputs),
    )  # fmt: skip
    if kind is ErrorType.RETRIEVAL:
        return LossKind.CUT if operation.kind == "context" else LossKind.NOT_RETRIEVED
    if operation.kind in ("trim", "summary"):
        return LossKind.TRIMMED
    return LossKind.OVERWRITTEN if items - {None} else LossKind.NEVER_WRITTEN


def _searches(reader: TraceReader, back: Slice) -> frozenset[str]:
    """Searches made for the answer's question. One that found nothing has no other tie to it."""
    asked = {v for v in back.variables if reader.variable(v).kind in _QUESTION}
    for operation in {op for v in asked for op in reader.graph.consumers(v)}:
        made = reader.operation(operation).output_ids  # a rewritten question is one too
        asked |= {v for v in made if reader.variable(v).kind in _QUESTION}
    readers = {operation for variable in asked for operation in reader.graph.consumers(variable)}
    return frozenset(
        operation for operation in readers if reader.operation(operation).kind == "retrieval"
    )


def _is_read_path(reader: TraceReader, operation: Operation) -> bool:
    """Whether an operation serves a question: another question's are none of our business."""
    return operation.kind in _READ_PATH or _reads_question(reader, operation)


def _reads_question(reader: TraceReader, operation: Operation) -> bool:
    return any(reader.variable(v).kind in _QUESTION for v in operation.input_ids)


def _searches_unnamed_store(reader: TraceReader, operation: Operation) -> bool:
    """A search that declares only its question reads whatever the memory held.

    The items it returned are inputs too, but they are what it found, not where it looked.
    """
    if operation.kind != "retrieval":
        return False
    found = {reader.variable(identifier).source for identifier in operation.output_ids}
    others = (reader.variable(v) for v in operation.input_ids)
    return all(
        variable.kind in (*_QUESTION, "prompt")
        or (variable.id in found and variable.item is not None and variable.source is None)
        for variable in others
    )
