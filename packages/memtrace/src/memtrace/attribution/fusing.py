"""Fusion of rankings: whether it, or a search before it, is why a find was left out.

A fusion keeps what several searches rank high. If a find was left out although it deserved its
place better than something kept, the fusion is at fault; else the search that missed the find is.
"""

from __future__ import annotations

from collections import defaultdict

from memtrace.attribution.asked_path import AskedPath
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.types import FactStep
from memtrace.types import Operation, Variable

__all__ = ["search_that_missed"]

_FLATTENING = 60
"""Of reciprocal rank fusion (Cormack et al. 2009): added to every rank."""


def search_that_missed(
    reader: TraceReader, death: FactStep, losses: list[FactStep], asked: AskedPath
) -> Operation | None:
    """The search whose miss made a fair fusion leave the fact out; None if there is none.

    Args:
        reader: The trace.
        death: The loss at an operation that might be a fusion.
        losses: All losses of the fact.
        asked: The operations that serve the question.
    """
    fusion = reader.operation(death.operation)
    searches = {reader.variable(identifier).producer for identifier in fusion.input_ids}
    missed = [step for step in losses if step.operation in searches & asked.searches]
    if not missed or not _is_fusion(reader, fusion, asked) or not _is_fair(reader, fusion, death):
        return None
    return reader.operation(missed[-1].operation)


def _is_fusion(reader: TraceReader, operation: Operation, asked: AskedPath) -> bool:
    """Whether it reads the finds of two searches or more."""
    makers = {reader.variable(identifier).producer for identifier in operation.input_ids}
    return operation.kind == "retrieval" and len(makers & asked.searches) > 1


def _is_fair(reader: TraceReader, fusion: Operation, death: FactStep) -> bool:
    """Whether nothing was kept that the searches ranked below what was lost."""
    scores: defaultdict[str, float] = defaultdict(float)
    for ids in _rankings(reader, fusion):
        for rank, identifier in enumerate(ids, 1):
            scores[_identity(reader.variable(identifier))] += 1 / (_FLATTENING + rank)
    lost = max((scores[_identity(reader.variable(one))] for one in death.read), default=0.0)
    kept = [scores[_identity(reader.variable(one))] for one in fusion.output_ids]
    return bool(kept) and all(score >= lost for score in kept)


def _rankings(reader: TraceReader, fusion: Operation) -> list[list[str]]:
    """The inputs, one list a search that made them, best first."""
    found: defaultdict[str | None, list[str]] = defaultdict(list)
    for identifier in fusion.input_ids:
        found[reader.variable(identifier).producer].append(identifier)
    return list(found.values())


def _identity(variable: Variable) -> str:
    return variable.item or variable.source or variable.id
