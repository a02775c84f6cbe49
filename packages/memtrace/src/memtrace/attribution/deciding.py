"""Who decided a loss, where another operation carried it out.

A model replies what to write (`decide`), a program writes it (`apply`). If the program did as it
was told, the reply's maker is to blame; if the reply would have kept the fact, the program is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from memtrace.attribution.asked_path import AskedPath, is_read_path
from memtrace.attribution.matching import content_words
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.types import FactStep
from memtrace.attribution.unfolding import command_of, rows_of
from memtrace.types import Operation, Variable

__all__ = ["decider_of", "deletes_instead", "drifting_rewrite"]

_DELETING = frozenset({"delete", "remove", "forget", "discard"})
_DELETING_TOOL = re.compile(r"""["'](?:delete|remove|forget|discard)\w*["']""", re.IGNORECASE)
_IDLE = frozenset({"none", "noop", "no_op", "no_change", "skip", "ignore", "keep"})
_LITTLE = 0.34
"""Share of the question's words below which a rewritten question asks something else."""


def decider_of(reader: TraceReader, death: FactStep, steps: Sequence[FactStep]) -> Operation | None:
    """The operation whose reply ordered a loss; None if the one that lost the fact decided.

    Args:
        reader: The trace.
        death: The loss.
        steps: All steps of the fact's path.
    """
    executor = reader.operation(death.operation)
    if executor.model is not None or is_read_path(reader, executor):
        return None
    kept = {step.operation for step in steps if step.kept}
    for identifier in executor.input_ids:
        reply = reader.variable(identifier)
        if reply.producer is None or reply.kind in ("store", "hit", "memory_item", "question"):
            continue
        maker = reader.operation(reply.producer)
        if maker.model is None or maker.id in kept:
            continue
        if _did_as_told(reader, executor, reply):
            return maker
    return None


def _did_as_told(reader: TraceReader, executor: Operation, reply: Variable) -> bool:
    """Whether what was written or deleted stands so in the reply."""
    outputs = [reader.variable(identifier) for identifier in executor.output_ids]
    items = [variable for variable in outputs if variable.item and variable.source is None]
    if any(item.is_deletion for item in items) and not _orders_deletion(reader, reply):
        return False
    said = reader.passage(reply.id)
    return all(
        said.find(line) is not None
        for item in items if not item.is_deletion
        for line in reader.passage(item.id).lines
    )  # fmt: skip


def deletes_instead(reader: TraceReader, operation: Operation) -> bool:
    """Whether an operation deletes, or tells to, and writes nothing."""
    outputs = [reader.variable(identifier) for identifier in operation.output_ids]
    items = [variable for variable in outputs if variable.item and variable.source is None]
    if items:
        replies = [reader.variable(one) for one in operation.input_ids]
        rows = [row for one in replies for row in rows_of(reader.trace.value(one.id))]
        is_told = bool({command_of(row) for row in rows} & _DELETING)
        return not is_told and all(item.is_deletion for item in items)
    replies = [variable for variable in outputs if not reader.is_marker(variable)]
    rows = [row for reply in replies for row in rows_of(reader.trace.value(reply.id))]
    told = {command_of(row) for row in rows} - _IDLE
    return bool(told) and told <= _DELETING


def _orders_deletion(reader: TraceReader, reply: Variable) -> bool:
    """Whether a reply commands that something be deleted, or calls a tool that does."""
    value = reader.trace.value(reply.id)
    if {command_of(row) for row in rows_of(value)} & _DELETING:
        return True
    return _DELETING_TOOL.search(str(value)) is not None


def drifting_rewrite(reader: TraceReader, search: str, asked: AskedPath) -> Operation | None:
    """The operation that reworded the question past its point before a search; None if none did.

    It drifted if a person or thing that the question names is gone, or most of its words are.
    """
    for identifier in reader.operation(search).input_ids:
        query = reader.variable(identifier)
        if query.producer is None or query.producer not in asked.operations:
            continue
        maker = reader.operation(query.producer)
        questions = [
            reader.variable(one) for one in maker.input_ids
            if reader.variable(one).kind in ("question", "query")
        ]  # fmt: skip
        if not questions or query.kind not in ("question", "query"):
            continue
        words = content_words(reader.text(query.id))
        meant = content_words(reader.text(questions[0].id))
        names = meant & (reader.names | reader.speakers)
        if not names <= words or len(meant & words) < _LITTLE * len(meant):
            return maker
    return None
