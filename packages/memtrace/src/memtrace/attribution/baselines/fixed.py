"""Baselines that read nothing: random, last operation, always the retrieval, always the response.

Each closes the case. What beats none of them has found nothing out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lmcommon.rng import random_for
from memtrace.attribution.case import Case
from memtrace.attribution.taxonomy import ErrorType, error_type_of
from memtrace.attribution.tracing.region import Region
from memtrace.attribution.tracing.verdict import loss_of
from memtrace.attribution.types import Verdict
from memtrace.types import Operation

__all__ = [
    "AlwaysResponseStage",
    "AlwaysRetrievalStage",
    "LastOperationStage",
    "RandomStage",
    "blame",
]

_SCORE = 0.5
"""Above the bar of abstention; one value for all, since a baseline has no confidence."""


class RandomStage:
    """Blames one operation of the region, each as likely as the other.

    Args:
        seed: With the question and the answer it decides the draw.
    """

    name = "random"

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def examine(self, case: Case) -> None:
        """Close a case."""
        draw = random_for(self._seed, "random", case.question, case.answer.id)
        operation = draw.choice(list(Region(case).operations()))
        blame(case, operation, _type_of(case, operation), "drawn by lot", self.name)


class LastOperationStage:
    """Blames the last operation before the answer: the one that gave it."""

    name = "last"

    def examine(self, case: Case) -> None:
        """Close a case."""
        blame(case, case.maker, _type_of(case, case.maker), "the last operation", self.name)


class AlwaysRetrievalStage:
    """Blames the last retrieval for the question; without one, what led to the answer."""

    name = "always_retrieval"

    def examine(self, case: Case) -> None:
        """Close a case."""
        found = _last(Region(case).question_path(), lambda op: op.kind == "retrieval")
        blame(case, found or case.maker, ErrorType.RETRIEVAL, "the last retrieval", self.name)


class AlwaysResponseStage:
    """Blames the last operation of kind `answer`; without one, what made the answer."""

    name = "always_response"

    def examine(self, case: Case) -> None:
        """Close a case."""
        found = _last(Region(case).question_path(), lambda op: op.kind == "answer")
        blame(case, found or case.maker, ErrorType.RESPONSE, "the answering operation", self.name)


def blame(case: Case, operation: Operation, error_type: ErrorType, reason: str, stage: str) -> None:
    """Close a case with one suspect."""
    loss = loss_of(error_type, operation.kind)
    case.suspect(operation, error_type, loss, _SCORE, reason, stage=stage)
    case.note(stage, f"{operation.id}: {reason}")
    case.verdict = Verdict.of(error_type)


def _last(operations: Sequence[Operation], holds: Callable[[Operation], bool]) -> Operation | None:
    return next((operation for operation in reversed(operations) if holds(operation)), None)


def _type_of(case: Case, operation: Operation) -> ErrorType:
    """The error type that a fault of this operation would be."""
    reader = case.reader
    kinds = {reader.variable(v).kind for v in operation.input_ids}
    found = error_type_of(
        operation.kind,
        reads_query=bool(kinds & {"question", "query"}),
        writes_item=any(reader.variable(v).item for v in operation.output_ids),
    )
    return found if found.is_memory_error else ErrorType.RESPONSE
