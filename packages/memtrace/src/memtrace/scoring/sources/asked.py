"""The questions of a recorded run: what was answered, what would have been right, what was judged.

In: a trace made by `memtrace-trace`, `memtrace.evaluate` or a replay. Out: one `AskedQuestion` an
answer, with all that attribution may be told of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from memtrace.attribution.case import Question
from memtrace.execution.replies import place_of
from memtrace.graph.reading.trace import Trace
from memtrace.types import Operation

__all__ = ["AskedQuestion", "asked_questions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedQuestion:
    """One judged answer of a trace.

    Example: `AskedQuestion(scope="rag_bm25/c1", id="q3", category="update", told=Question(...))`
    """

    scope: str
    """The memory that answered."""
    id: str
    category: str
    told: Question
    messages: int
    """How many messages the memory had taken in: the length of the history."""

    @property
    def system(self) -> str:
        """By the convention that a scope is `<system>/<conversation>`."""
        return self.scope.partition("/")[0]

    @property
    def length(self) -> str:
        """The history's length in rough steps, for tables."""
        for limit in (25, 100, 400, 1600):
            if self.messages < limit:
                return f"under {limit} messages"
        return "1600 messages or more"


def asked_questions(trace: Trace) -> Iterator[AskedQuestion]:
    """Every judged answer, in the order of time; what the judge left unscored has `judged=None`."""
    heard = _messages_by_scope(trace)
    for operation in trace.operations(kind="judge", name="judge"):
        if (found := _asked(trace, operation, heard)) is not None:
            yield found


def _asked(trace: Trace, operation: Operation, heard: Mapping[str, int]) -> AskedQuestion | None:
    answers, golds = operation.inputs.get("answer", ()), operation.inputs.get("gold", ())
    place = place_of(operation)
    if not answers or not golds or place is None or trace.variable(answers[0]).producer is None:
        return None
    gold = trace.variable(golds[0])
    questions, verdicts = operation.inputs.get("question", ()), operation.outputs.get("verdict", ())
    evidence = tuple(gold.metadata.get("evidence", ()))
    return AskedQuestion(
        scope=place.scope, id=gold.name or answers[0], messages=heard.get(place.scope, 0),
        category=str(gold.metadata.get("category", "")),
        told=Question(
            answer=answers[0], gold=trace.value(gold.id), evidence=evidence or None,
            text=str(trace.value(questions[0])) if questions else None,
            judged=trace.value(verdicts[0])["satisfied"] if verdicts else None,
        ),
    )  # fmt: skip


def _messages_by_scope(trace: Trace) -> dict[str, int]:
    counts: dict[str, int] = {}
    for operation in trace.operations(kind="ingest", name="add"):
        place = place_of(operation)
        if place is not None:
            taken = len(operation.inputs.get("messages", ()))
            counts[place.scope] = counts.get(place.scope, 0) + taken
    return counts
