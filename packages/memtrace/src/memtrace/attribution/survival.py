"""Survival: follow one critical fact from operation to operation, without any model.

In: a fact with its witnesses, and the slice of an answer. Out: the operations that read the fact,
in the order of time, and the one at which it was lost. The walk starts at the witnesses and
only visits operations that read something which holds the fact:

- an output holds the fact if it is a copy of a holder, or repeats the witness's words, or repeats
  the line of a holder, or (where the operation may rewrite) has the value near the witness's words,
  and says it of the same person;
- a *store* holds what its live items hold, so a search that reads a store and returns other items
  has lost the fact, and a deletion takes it away;
- the value alone is not enough: another Lisbon elsewhere is another fact.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from memtrace.attribution.asked_path import (
    AskedPath,
    asked_path,
    is_read_path,
    reads_question,
    searches_unnamed_store,
)
from memtrace.attribution.dying import death_of
from memtrace.attribution.facts import CriticalFact
from memtrace.attribution.holding import Paraphrase, hold, variant_of
from memtrace.attribution.matching import content_words
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.spelling import day_said
from memtrace.attribution.taxonomy import ErrorType, LossKind, error_type_of
from memtrace.attribution.types import FactPath, FactStep
from memtrace.attribution.walking import Holding, Walk
from memtrace.types import Operation, Slice, Variable

__all__ = ["follow"]

_REWRITING = frozenset({"extraction", "update", "summary", "consolidation", "segmentation"})


def follow(
    reader: TraceReader, fact: CriticalFact, answer: Variable, back: Slice,
    restated: Sequence[tuple[str, str, bool]] = (), *, asked: AskedPath | None = None,
    paraphrase: Paraphrase | None = None,
) -> FactPath:  # fmt: skip
    """Follow a fact to an answer.

    Args:
        reader: The trace.
        fact: What to follow; it starts at its witnesses.
        answer: The answer variable.
        back: Everything the answer came from.
        restated: Further variables in which the fact was said: id, words in normal form, and
            whether they are a witness's own.
        asked: The operations that serve the question; None: they are found.
        paraphrase: Finds a sentence said in other words, where an operation may rewrite.
    """
    assert answer.producer is not None
    maker = reader.operation(answer.producer)
    asked = asked or asked_path(reader, back)
    known = frozenset(back.operations + back.variables) | asked.searches
    walk = Walk(reader, fact, known, maker.seq, paraphrase=paraphrase)
    for operation in asked.searches:
        if searches_unnamed_store(reader, reader.operation(operation)):
            walk.sees_all = True
            walk.push(operation)
    walk.said_on |= fact.said_on
    for witness, sentence in zip(fact.witnesses, fact.sentences, strict=True):
        walk.hold(witness.variable, Holding(frozenset({sentence})))
    for identifier, words, is_verbatim in restated:
        walk.hold(identifier, Holding(frozenset({words}), is_verbatim=is_verbatim))
        walk.said_on |= {day for day in [day_said(reader.text(identifier))] if day}
    while walk.queue:
        seq, identifier = heapq.heappop(walk.queue)
        if seq < walk.until_seq:
            _visit(walk, reader.operation(identifier))
    reached = [walk.holdings[v] for v in maker.input_ids if v in walk.holdings]
    text = reader.passage(answer.id)
    return FactPath(
        fact=fact, steps=tuple(walk.steps), reached_model=bool(reached),
        death=None if reached else death_of(walk, asked),
        in_answer=any(text.find(spelling) is not None for spelling in fact.spellings),
        is_verbatim=all(h.is_verbatim for h in (reached or walk.holdings.values())),
    )  # fmt: skip


def _visit(walk: Walk, operation: Operation) -> None:
    reader, in_slice = walk.reader, operation.id in walk.back
    if not in_slice and is_read_path(reader, operation):
        return
    read = _read(walk, operation)
    if not read:
        return
    walk.depths[operation.id] = max(holding.depth for holding in read.values())
    outputs = [reader.variable(identifier) for identifier in operation.output_ids]
    wrote: dict[str, Holding] = {}
    for output in outputs:
        counts = not in_slice or output.id in walk.back or output.item is not None
        if counts and (holding := _held_by(walk, operation, output, read, wrote)):
            wrote[output.id] = holding
    for variable, holding in wrote.items():
        walk.hold(variable, walk.deeper(holding, operation.id))
    kept = bool(wrote)
    blank = tuple(o.id for o in outputs if not reader.is_marker(o))
    variant = "" if kept else _variant(walk, blank, read)
    loss = LossKind.NOT_LOST if kept else _loss(walk, operation, read, variant)
    in_slice |= walk.sees_all and loss in (LossKind.DELETED, LossKind.OVERWRITTEN)
    shown = wrote if kept else read
    walk.steps.append(FactStep(
        operation=operation.id, seq=operation.seq, name=operation.name, kind=operation.kind,
        kept=kept, in_slice=in_slice, read=tuple(read), wrote=tuple(wrote) if kept else blank,
        excerpt=next((min(h.lines) for h in shown.values() if h.lines), ""), loss=loss,
        variant=variant, misdated=_misdated(walk, read, wrote),
        altered="" if _may_rewrite(operation) else _altered(walk, read, wrote),
    ))  # fmt: skip


def _read(walk: Walk, operation: Operation) -> dict[str, Holding]:
    """The inputs of an operation that hold the fact when it starts."""
    found: dict[str, Holding] = {}
    for identifier in operation.input_ids:
        holding = walk.holdings.get(identifier)
        if holding is not None and holding.items:
            holding = walk.in_store(holding.items, operation.seq)
        if holding is not None:
            found[identifier] = holding
    for identifier in operation.output_ids:
        output = walk.reader.variable(identifier)
        if output.item is None or output.source is not None:
            continue
        old = walk.reader.live_version(output.item, operation.seq)
        if old is not None and old.id in walk.holdings:
            found[old.id] = walk.holdings[old.id]
    if not found and searches_unnamed_store(walk.reader, operation):
        for identifier in list(walk.holdings):
            variable = walk.reader.variable(identifier)
            if variable.item and (held := walk.in_store({variable.item}, operation.seq)):
                found[identifier] = held
    return found


def _held_by(
    walk: Walk, operation: Operation, output: Variable, read: dict[str, Holding],
    wrote: dict[str, Holding],
) -> Holding | None:  # fmt: skip
    """How an output holds the fact; None if it does not."""
    if output.source in walk.holdings:
        return walk.holdings[output.source]
    if output.kind == "store":
        items = frozenset[str]().union(*(holding.items for holding in read.values()))
        written = {walk.reader.variable(identifier).item for identifier in wrote}
        for identifier, holding in wrote.items():  # so that the version just written is found
            walk.holdings[identifier] = holding
        end = operation.end_seq if operation.end_seq is not None else operation.seq
        return walk.in_store(items | {item for item in written if item}, end)
    if walk.reader.is_marker(output):
        return None
    may_rewrite = _may_rewrite(operation)
    if _only_adds(walk, operation, read):
        return None
    known = {line for holding in read.values() for line in holding.lines}
    held = hold(
        walk.fact, walk.reader.passage(output.id), known, walk.reader.speakers,
        may_rewrite=may_rewrite, paraphrase=walk.paraphrase if may_rewrite else None,
    )  # fmt: skip
    return None if held is None else Holding(held.lines, held.is_verbatim, dates=held.dates)


def _only_adds(walk: Walk, operation: Operation, read: dict[str, Holding]) -> bool:
    """Whether it adds to a store that holds the fact, and takes nothing out of it."""
    is_store_all = all(holding.items for holding in read.values())
    return is_store_all and not _may_rewrite(operation) and not is_read_path(walk.reader, operation)


def _may_rewrite(operation: Operation) -> bool:
    return operation.kind in _REWRITING or operation.model is not None


def _altered(walk: Walk, read: dict[str, Holding], wrote: dict[str, Holding]) -> str:
    """A line that keeps the value, and lost what is asked about, or says more than was read."""
    reader, told = walk.reader, content_words(" ".join(walk.fact.sentences).split())
    texts = [reader.passage(i) for i in wrote if not reader.is_marker(reader.variable(i))]
    before = [reader.passage(i) for i in read if not reader.is_marker(reader.variable(i))]
    lines = [line for i in wrote for line in wrote[i].lines]
    if not texts or not before or not lines:
        return ""
    was, now = (
        frozenset[str]().union(*(words for text in side for words in text.words))
        for side in (before, texts)
    )
    if walk.fact.asked & was - now:
        return min(lines)
    for line in lines:
        words = frozenset(word for word in content_words(line.split()) if word.isalpha())
        if walk.fact.asked <= words and (told & words) != told and words - was - told:
            return line
    return ""


def _variant(walk: Walk, outputs: Sequence[str], read: dict[str, Holding]) -> str:
    """What nearly the fact stands in the outputs that lost it, and in no input."""
    inputs = [walk.reader.passage(i) for i in read if walk.reader.variable(i).kind != "store"]
    known = {line for text in inputs for line in text.lines}
    for identifier in outputs:
        if walk.reader.variable(identifier).source is not None:
            continue  # a copy of something else that is stored
        text = walk.reader.passage(identifier)
        if found := variant_of(walk.fact, text, walk.reader.speakers, known):
            return found
    return ""


def _misdated(walk: Walk, read: dict[str, Holding], wrote: dict[str, Holding]) -> str:
    """The wrong day under which an operation put the fact, if what it read had no wrong day."""
    said_on = walk.said_on
    dates = frozenset[str]().union(*(holding.dates for holding in wrote.values()))
    before = frozenset[str]().union(*(holding.dates for holding in read.values()))
    if not said_on or not dates or dates & said_on or before - said_on:
        return ""
    wrong = dates - walk.reader.days  # of a day with messages: told together with something newer
    return min(wrong, default="")


def _loss(walk: Walk, operation: Operation, read: dict[str, Holding], variant: str) -> LossKind:
    """How an operation that read the fact and passed nothing on lost it."""
    reader = walk.reader
    items = {reader.variable(identifier).item for identifier in read}
    items |= {item for holding in read.values() for item in holding.items}
    outputs = [reader.variable(identifier) for identifier in operation.output_ids]
    if any(output.is_deletion and output.item in items for output in outputs):
        return LossKind.DELETED
    if variant:
        return LossKind.DISTORTED
    kind = error_type_of(
        operation.kind, reads_query=reads_question(reader, operation),
        writes_item=any(output.item for output in outputs),
    )  # fmt: skip
    if kind is ErrorType.RETRIEVAL:
        return LossKind.CUT if operation.kind == "context" else LossKind.NOT_RETRIEVED
    if operation.kind in ("trim", "summary"):
        return LossKind.TRIMMED
    return LossKind.OVERWRITTEN if items - {None} else LossKind.NEVER_WRITTEN
