"""Following words through a region: which operations pass them on, and where they are last seen.

In: variables and a pattern that a model chose. Out: a `Course`. The walk visits readers of matching
variables in the order of time; it judges nothing but whether the pattern matches.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from memtrace.attribution.tracing.patterns import Pattern
from memtrace.attribution.tracing.region import Region
from memtrace.types import Operation, Variable

__all__ = ["Course", "follow"]

_MOST = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Where words went."""

    carried: tuple[tuple[Operation, Variable], ...]
    """Operations that passed them on, each with the first output that holds them."""
    lost: tuple[tuple[Operation, Variable], ...]
    """Operations that read them and passed nothing on that holds them, with what they read."""
    resting: tuple[Variable, ...]
    """Memory items that hold them, live when the question was asked, and read by none that
    served it."""
    reaches_answer: bool
    """Whether the operation that answered read them."""
    is_cut: bool = False
    """Whether the walk was stopped for its length."""


def follow(region: Region, variables: Iterable[Variable], pattern: Pattern) -> Course:
    """Follow the words of a pattern from some variables on.

    Args:
        region: Where to walk.
        variables: Where to begin; those the pattern does not match are left out.
        pattern: The words.
    """
    holding = {v.id: v for v in variables if _holds(region, v, pattern)}
    queue = [op.seq for v in holding.values() for op in region.readers(v)]
    heapq.heapify(queue)
    path = {operation.id for operation in region.question_path()}
    carried: list[tuple[Operation, Variable]] = []
    lost: list[tuple[Operation, Variable]] = []
    read: set[str] = set()
    done: set[int] = set()
    reaches = False
    while queue and len(done) < _MOST:
        seq = heapq.heappop(queue)
        if seq in done:
            continue
        done.add(seq)
        operation = region.operation_at(seq)
        inputs = _inputs(region, operation, holding)
        if operation.id in path:
            read |= {v.source or v.id for v in inputs}
        if operation == region.maker:
            reaches = True
            continue
        outputs = [v for v in map(region.reader.variable, operation.output_ids)
                   if not region.reader.is_marker(v) and _holds(region, v, pattern)]  # fmt: skip
        if outputs:
            carried.append((operation, outputs[0]))
            for output in outputs:
                holding[output.id] = output
                for reader in region.readers(output):
                    heapq.heappush(queue, reader.seq)
        elif operation.id in path or _should_keep(operation, inputs):
            lost.append((operation, inputs[0]))
    return Course(
        carried=tuple(carried), lost=tuple(lost), reaches_answer=reaches, is_cut=bool(queue),
        resting=tuple(
            v for v in holding.values()
            if v.item is not None and v.source is None and v.id not in read
            and _is_live(region, v)
        ),
    )  # fmt: skip


def _inputs(region: Region, operation: Operation, holding: dict[str, Variable]) -> list[Variable]:
    """What an operation read (or wrote over) that holds the words."""
    found = [holding[v] for v in operation.input_ids if v in holding]
    for output in map(region.reader.variable, operation.output_ids):
        if output.item is not None and output.source is None:
            old = region.reader.live_version(output.item, operation.seq)
            if old is not None and old.id in holding and old not in found:
                found.append(old)
    return sorted(found, key=lambda v: (v.source is not None, v.seq))


def _should_keep(operation: Operation, inputs: list[Variable]) -> bool:
    """Whether an operation that serves no question could lose what it read.

    A search hands on what it found, and not what it was asked with; a reader of mere search hits
    loses nothing of the items that they are copies of.
    """
    return operation.kind != "retrieval" and any(v.source is None for v in inputs)


def _holds(region: Region, variable: Variable, pattern: Pattern) -> bool:
    return not variable.is_deletion and pattern.is_in(region.reader.text(variable.id))


def _is_live(region: Region, variable: Variable) -> bool:
    assert variable.item is not None
    asked = region.question_path()[0].seq
    live = region.reader.live_version(variable.item, asked)
    return live is not None and live.id == variable.id
