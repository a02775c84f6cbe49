"""Where to begin: the messages that may hold what the answer needed.

With evidence that was told, its messages. Otherwise a hybrid search over the messages that the
memory had taken in before the answer, for the question, and for the question with the gold answer
(or, where there is none, with the answer that was given): BM25, and nearness of meaning if there is
an embedder, fused by reciprocal ranks. Indexes are built once a trace.
"""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from lmcommon.embed import Embedder
from memtrace.attribution.case import Case
from memtrace.attribution.reader import TraceReader
from memtrace.memory.index import Bm25Index, DenseIndex, Index, Ranking, fuse
from memtrace.types import Operation, Variable

__all__ = ["StartPoints"]


class StartPoints:
    """Finds messages to begin with. Keeps one index a trace.

    Args:
        embedder: Searches by meaning as well; None: by words alone.
    """

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder
        self._built: WeakKeyDictionary[TraceReader, _Messages] = WeakKeyDictionary()

    def find(self, case: Case, limit: int) -> list[Variable]:
        """The messages to begin with, best first.

        Args:
            case: The case.
            limit: How many at most; evidence that was told is taken whole.
        """
        if case.asked.evidence is not None and case.witnesses:
            found = [case.reader.variable(witness.variable) for witness in case.witnesses]
            return sorted(found, key=lambda variable: variable.seq)
        if limit < 1:
            return []
        if case.reader not in self._built:
            self._built[case.reader] = _Messages(case.reader, self._embedder)
        return self._built[case.reader].search(case, limit)


class _Messages:
    """The messages of one trace, indexed."""

    def __init__(self, reader: TraceReader, embedder: Embedder | None) -> None:
        self._variables = list(reader.trace.variables(kind="message"))
        self._scope_of = {
            variable: _scope(operation)
            for operation in reader.trace.operations()
            for variable in operation.input_ids
        }
        indexes: list[Index] = [Bm25Index()]
        if embedder is not None:
            indexes.append(DenseIndex(embedder))
        texts = [reader.text(variable.id) for variable in self._variables]
        for index in indexes:
            index.add(texts)
        self._indexes = indexes

    def search(self, case: Case, limit: int) -> list[Variable]:
        """The best messages from before the answer, of the memory that gave it."""
        scope = _scope(case.maker)
        allowed = {
            place
            for place, variable in enumerate(self._variables)
            if variable.seq < case.maker.seq and self._scope_of.get(variable.id, scope) == scope
        }
        known = case.gold if case.gold is not None else case.prediction
        rankings = [
            _within(index.search(query, len(self._variables)), allowed, 2 * limit)
            for query in (case.question, f"{case.question}\n{known}")
            for index in self._indexes
        ]
        return [self._variables[place] for place, _ in fuse(rankings, limit)]


def _within(ranking: Ranking, allowed: set[int], limit: int) -> Ranking:
    """The best of the allowed ones. A score of 0 is no match, and no reason to begin there."""
    kept: Iterable[tuple[int, float]] = (
        (place, score) for place, score in ranking if place in allowed and score > 0
    )
    return list(kept)[:limit]


def _scope(operation: Operation) -> str | None:
    place = operation.metadata.get("place")
    return str(place[0]) if isinstance(place, list | tuple) and place else None
