"""Where a wrong answer came from: its words are followed back to who said them first.

In: a case. Out: the operation that put them into the world though nothing it read said so (made up,
or said of somebody else), or the message in which they were said; None when they stand in nothing
the model was given, or are too common to be followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lmcommon.judge.hedging import abstention
from memtrace.attribution.case import Case
from memtrace.attribution.matching import content_words
from memtrace.attribution.reader import TraceReader
from memtrace.types import Operation, Variable

__all__ = ["Origin", "origin_of"]

_LONGEST = 8
"""Words of an answer that is still a value; longer ones are told in the model's own words."""
_SAME = 0.5
"""Share of a line's words that must stand in the line it was made from."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who said the words of an answer first.

    Example: `Origin(operation=op, variable="var-31", line="ana i moved to porto")`
    """

    operation: Operation | None
    """The operation that made them up; None: a message said them."""
    variable: str
    line: str
    """The line in which they stand, in normal form."""


def origin_of(case: Case) -> Origin | None:
    """Follow the words of the answer back from what the model was given."""
    words = content_words(case.prediction) - content_words(case.question)
    if abstention(case.prediction) is not None or not 0 < len(words) <= _LONGEST:
        return None
    asked = content_words(case.question)
    found = max(
        _lines(case.reader, case.maker.input_ids, words),
        key=lambda one: (len(asked & set(one[1].split())), -len(one[1])), default=None,
    )  # fmt: skip
    seen: set[str] = set()
    while found is not None:
        variable, line, speaker = found
        if variable.source is not None:
            found = (case.reader.variable(variable.source), line, speaker)
            continue
        if variable.producer is None:
            return Origin(None, variable.id, line) if variable.kind == "message" else None
        if variable.id in seen:
            return None
        seen.add(variable.id)
        maker = case.reader.operation(variable.producer)
        before = _best(case.reader, maker, line, speaker, words)
        if before is None:
            return Origin(maker, variable.id, line)
        found = before
    return None


def _best(
    reader: TraceReader, maker: Operation, line: str, speaker: str, words: frozenset[str]
) -> tuple[Variable, str, str] | None:
    """What the maker read that says the same of the same person, the likest first."""
    meant = content_words(line.split())
    best, found = 0.0, None
    for variable, other, said_by in _lines(reader, maker.input_ids, words):
        both = {speaker, said_by} & reader.speakers
        if len(both) > 1:
            continue
        share = len(meant & set(other.split())) / max(1, len(meant))
        if share >= _SAME and share > best:
            best, found = share, (variable, other, said_by)
    return found


def _lines(
    reader: TraceReader, variables: tuple[str, ...], words: frozenset[str]
) -> Iterator[tuple[Variable, str, str]]:
    """Lines of variables that have all the words, with who speaks them."""
    for identifier in variables:
        variable = reader.variable(identifier)
        if reader.is_marker(variable):
            continue
        text = reader.passage(identifier)
        for line, known, speaker in zip(text.lines, text.words, text.speakers, strict=True):
            if words <= known:
                yield variable, line, speaker
