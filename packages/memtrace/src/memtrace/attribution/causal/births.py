"""Where a wrong statement came from: the operation that passed it on without having read it.

In: a case whose answer took a wrong value from the context. Out: `Birth`s: lines of the context
that hold the answer's words, with the operation that wrote each of them first, though nothing it
read says so. A statement that somebody made is no birth, nor is one that was copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lmcommon.judge.hedging import abstention
from memtrace.attribution.case import Case
from memtrace.attribution.matching import content_words
from memtrace.types import Operation

__all__ = ["Birth", "births"]

_MOST = 8


@dataclass(frozen=True, slots=True)
class Birth:
    """A wrong statement and its first writer."""

    operation: Operation
    line: str
    """In normal form."""


def births(case: Case) -> list[Birth]:
    """The births of what the answer says, the earliest first."""
    if abstention(case.prediction) is not None:
        return []
    said = content_words(case.prediction) - content_words(case.question)
    if not said:
        return []
    found: dict[str, Birth] = {}
    for line in _claims(case, said):
        operation = _first_writer(case, line)
        if operation is not None:
            found.setdefault(operation.id, Birth(operation, line))
    return sorted(found.values(), key=lambda birth: birth.operation.seq)[:_MOST]


def _claims(case: Case, said: frozenset[str]) -> Iterator[str]:
    """Lines the answering model was given that hold the answer's words."""
    seen: set[str] = set()
    for identifier in case.maker.input_ids:
        for line in case.reader.passage(identifier).lines:
            if line not in seen and said <= set(line.split()):
                seen.add(line)
                yield line


def _first_writer(case: Case, line: str) -> Operation | None:
    """The first operation that wrote a line which none of its inputs holds; None: it was said."""
    reader = case.reader
    words = content_words(line.split())
    for identifier in case.back.variables:  # in the order of time
        variable = reader.variable(identifier)
        passage = reader.passage(identifier)
        holds = passage.find(line) is not None
        if variable.kind == "message":
            if holds or passage.covers(words)[0] >= 1.0:
                return None
            continue
        if not holds or variable.producer is None:
            continue
        return reader.operation(variable.producer)
    return None
