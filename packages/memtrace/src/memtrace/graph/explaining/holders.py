"""Every variable that holds a text.

In: a trace and a phrase. Out: variables in order. A trace of ordinary size is read through, each
distinct value once. A large one is entered by its text index and by the slice of the answer, and
followed from there through every operation that read a holder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from memtrace.graph.explaining.texts import Phrase, text_of
from memtrace.types import Variable

if TYPE_CHECKING:
    from memtrace.graph.reading.trace import Trace

__all__ = ["MARKERS", "find_holders"]

MARKERS = frozenset({"trimmed", "deletion", "no_op", "store", "request"})
"""Kinds that name things, or repeat them for the record, without handing them on."""

_READ_THROUGH, _READ_THROUGH_WITH_INDEX = 1_000_000, 100_000
"""Variables up to which a trace is read through. Making an index takes longer than reading."""
_ENTRIES = 500


def find_holders(
    trace: Trace, phrase: Phrase, *, until_seq: int | None = None, answer: str | None = None,
    read_through: int | None = None,
) -> list[Variable]:  # fmt: skip
    """The variables in which a phrase stands, in `seq` order, markers left out.

    Args:
        trace: Where to look.
        phrase: What to look for.
        until_seq: Only variables up to this number.
        answer: In a large trace, the slice of this variable is looked at whatever the index says.
        read_through: Up to how many variables everything is read; None: a million, or a tenth of
            that where there is an index. Beyond, an equal text that came in a second time, and
            was read by nobody who read the first, may be missed.
    """
    if read_through is None:
        is_indexed = Path(f"{trace.path}.search").exists()
        read_through = _READ_THROUGH_WITH_INDEX if is_indexed else _READ_THROUGH
    search = _Search(trace, phrase, until_seq)
    if not phrase.plain or trace.counts["variables"] <= read_through:
        return [variable for variable in trace.variables() if search.holds(variable)]
    entries = {hit.variable for hit in trace.search(phrase.text, limit=_ENTRIES)}
    if answer is not None:
        entries.update(trace.graph.upstream(answer).variables)
    return search.spread(entries)


class _Search:
    """Looks for one phrase, at each distinct value once."""

    def __init__(self, trace: Trace, phrase: Phrase, until_seq: int | None) -> None:
        self._trace, self._phrase, self._until = trace, phrase, until_seq
        self._known: dict[str, bool] = {}
        # A normal form can be longer than what was written (one sign for three letters), but
        # hardly ever by more than this.
        self._shortest = len(phrase.plain.strip()) // 4

    def holds(self, variable: Variable) -> bool:
        """Whether a variable is a holder."""
        if self._until is not None and variable.seq > self._until:
            return False
        if variable.kind in MARKERS or variable.size < self._shortest:
            return False
        digest = variable.digest
        if digest not in self._known:
            text = text_of(self._trace.value(variable.id))
            self._known[digest] = self._phrase.is_in(text)
        return self._known[digest]

    def spread(self, entries: set[str]) -> list[Variable]:
        """The holders among the entries, and among what operations made of holders."""
        found: dict[str, Variable] = {}
        asked = set[str]()
        waiting = entries
        while waiting:
            fresh = [v for v in self._trace.variables(ids=waiting) if self.holds(v)]
            found.update((variable.id, variable) for variable in fresh)
            readers = {op for v in fresh for op in self._trace.graph.consumers(v.id)} - asked
            asked |= readers
            outputs = (op.output_ids for op in self._trace.operations(ids=readers))
            waiting = {identifier for ids in outputs for identifier in ids} - found.keys()
        return sorted(found.values(), key=lambda variable: variable.seq)
