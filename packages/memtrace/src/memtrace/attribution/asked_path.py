"""The way from the question to the answer: which operations serve it, and where they look.

In: the slice of an answer. Out: the operations that came to pass because this question was asked,
among them searches that found nothing (which the slice alone does not tie to the answer).
"""

from __future__ import annotations

from dataclasses import dataclass

from memtrace.attribution.reader import TraceReader
from memtrace.types import Operation, Slice

__all__ = ["AskedPath", "asked_path", "is_read_path", "reads_question", "searches_unnamed_store"]

_READ_PATH = frozenset({"rewrite", "retrieval", "rerank", "context", "answer", "judge"})
_QUESTION = ("question", "query")


@dataclass(frozen=True, slots=True)
class AskedPath:
    """Operations that serve one question.

    Example: `AskedPath(operations=frozenset({"op-20", "op-25"}), searches=frozenset({"op-20"}))`
    """

    operations: frozenset[str]
    """All of them, the answer's maker included."""
    searches: frozenset[str]
    """Those that look something up by the question or by a rewritten one."""


def asked_path(reader: TraceReader, back: Slice) -> AskedPath:
    """The operations that serve the question behind an answer."""
    asked = {v for v in back.variables if reader.variable(v).kind in _QUESTION}
    for operation in {op for v in asked for op in reader.graph.consumers(v)}:
        made = reader.operation(operation).output_ids  # a rewritten question is one too
        asked |= {v for v in made if reader.variable(v).kind in _QUESTION}
    readers = {operation for variable in asked for operation in reader.graph.consumers(variable)}
    searches = frozenset(one for one in readers if reader.operation(one).kind == "retrieval")
    found = {one for one in readers if one in back} | searches
    waiting = list(found)
    while waiting:
        for variable in reader.operation(waiting.pop()).output_ids:
            later = {op for op in reader.graph.consumers(variable) if op in back} - found
            found |= later
            waiting += later
    if asked:  # what reads no question and yet came after it: a profile that is always shown
        since = max(reader.variable(variable).seq for variable in asked)
        for operation in back.operations:
            one = reader.operation(operation)
            if one.seq > since and one.kind in _READ_PATH:
                found.add(operation)
    return AskedPath(frozenset(found), searches)


def is_read_path(reader: TraceReader, operation: Operation) -> bool:
    """Whether an operation serves a question: another question's are none of our business."""
    return operation.kind in _READ_PATH or reads_question(reader, operation)


def reads_question(reader: TraceReader, operation: Operation) -> bool:
    """Whether a question is among what an operation reads."""
    return any(reader.variable(v).kind in _QUESTION for v in operation.input_ids)


def searches_unnamed_store(reader: TraceReader, operation: Operation) -> bool:
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
