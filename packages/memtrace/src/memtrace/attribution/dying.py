"""Where a fact died: of all the operations that read it and passed nothing on, the one that counts.

Many operations read a fact without having to pass it on: an extraction that sees earlier messages
for orientation, a boundary check, a search for similar memories. So:

1. Was the fact in the memory when the question came, the loss lies on the question's own way: at
   the last operation there that read it (a fact that one ranking missed and another found lives).
2. Was it in the memory before, the loss is the write that removed it last.
3. Did it never get there, the loss lies where it came farthest; of several there, at the first.

An operation of a sort that hardly passes on anything of what it reads is no candidate while others
are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from memtrace.attribution.asked_path import AskedPath
from memtrace.attribution.matching import content_words
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.taxonomy import LossKind
from memtrace.attribution.types import FactStep
from memtrace.attribution.walking import Walk
from memtrace.types import Operation

__all__ = ["death_of", "passes_on"]

_REMOVED = (LossKind.DELETED, LossKind.OVERWRITTEN, LossKind.TRIMMED, LossKind.DISTORTED)
_SAMPLE = 8
_RARELY = 0.2
"""Share of operations of a name that may seem to hand something on by chance."""
_SHARE = 0.6
_WORDS = 3


def death_of(walk: Walk, asked: AskedPath) -> FactStep | None:
    """The loss that counts; None if no operation read the fact, or the trace does not tell."""
    losses = [step for step in walk.steps if not step.kept]
    on_the_way = [step for step in losses if step.operation in asked.operations]
    if on_the_way:
        return on_the_way[-1]
    removed = [step for step in losses if step.loss in _REMOVED and _has_removed(walk, step)]
    inside = [step for step in removed if step.in_slice]
    if removed:
        return (inside or removed)[-1]
    if walk.items:
        kept = [step for step in losses if step.in_slice]
        return kept[-1] if kept else None
    return _farthest(walk, losses) or _dead_end(walk)


def _has_removed(walk: Walk, step: FactStep) -> bool:
    """Whether the step read items that held the fact, and none of them did after it."""
    if step.loss is LossKind.DELETED:
        return True
    variables = [walk.reader.variable(variable) for variable in step.read]
    items = {variable.item for variable in variables if variable.item}
    operation = walk.reader.operation(step.operation)
    end = operation.end_seq if operation.end_seq is not None else operation.seq
    return bool(items) and walk.in_store(items, end) is None


def _farthest(walk: Walk, losses: Sequence[FactStep]) -> FactStep | None:
    if not losses:
        return None
    writes = [step for step in losses if step.kind != "retrieval"] or losses  # it was the query
    able = [step for step in writes if step.variant or passes_on(walk.reader, step)] or writes
    most = max(walk.depths[step.operation] for step in able)
    return next(step for step in able if walk.depths[step.operation] == most)


def _dead_end(walk: Walk) -> FactStep | None:
    """The fact's last holder is read by nobody, and its maker handed something else on."""
    for step in reversed(walk.steps):
        operation = walk.reader.operation(step.operation)
        others = [
            identifier for identifier in operation.output_ids
            if identifier not in step.wrote and walk.reader.graph.consumers(identifier)
            and not walk.reader.is_marker(walk.reader.variable(identifier))
        ]  # fmt: skip
        unread = not any(walk.reader.graph.consumers(identifier) for identifier in step.wrote)
        if step.kept and others and unread:
            return FactStep(
                operation=step.operation, seq=step.seq, name=step.name, kind=step.kind,
                kept=False, in_slice=step.in_slice, read=step.read, wrote=tuple(others),
                excerpt=step.excerpt, loss=LossKind.NEVER_WRITTEN,
            )  # fmt: skip
    return None


def passes_on(reader: TraceReader, step: FactStep) -> bool:
    """Whether operations of this name pass on what they read in the roles of this step."""
    operation = reader.operation(step.operation)
    roles = [role for role, ids in operation.inputs.items() if set(ids) & set(step.read)]
    return any(
        reader.remember(("passes", step.name, role), partial(_passes, reader, step, role))
        for role in roles
    )


def _passes(reader: TraceReader, step: FactStep, role: str) -> bool:
    alike = list(reader.trace.operations(name=step.name))
    every = max(1, len(alike) // _SAMPLE)
    handed = [_hands_on(reader, one, role) for one in alike[::every] if one.inputs.get(role)]
    return sum(handed) > _RARELY * len(handed)


def _hands_on(reader: TraceReader, operation: Operation, role: str) -> bool:
    outputs = [v for v in map(reader.variable, operation.output_ids) if not reader.is_marker(v)]
    for identifier in operation.inputs.get(role, ()):
        if any(output.source == identifier for output in outputs):
            return True
        for line in reader.passage(identifier).lines:
            words = content_words(line.split())
            if len(words) >= _WORDS and any(
                reader.passage(output.id).covers(words)[0] >= _SHARE for output in outputs
            ):
                return True
    return False
