"""What a trace says of the run it recorded: which memories there were and what they were given.

In: a trace. Out: for each scope the system's configuration and its events in order: sessions that
were added, batches of questions that were asked. That is all a replay needs; the data set is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from lmcommon.data.types import Question, Session, Turn
from lmcommon.errors import UserError
from memtrace.execution.places import Place
from memtrace.execution.replies import place_of
from memtrace.graph.reading.trace import Trace
from memtrace.memory.specs import PREFIX
from memtrace.types import Operation, Variable

__all__ = ["Added", "Asked", "MemoryProgram", "read_programs"]


_TWICE = (
    "two memories were recorded under this name, or one was put back to a snapshot: the trace does "
    "not say which was given what; give each memory of a trace a name of its own"
)
_UNTOLD = (
    "the trace does not hold all that this memory was given (that of an attached object never "
    "does); record it with a MemorySystem built from a configuration"
)


@dataclass(frozen=True, slots=True)
class Added:
    """A session that was added."""

    session: Session


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions that were asked together."""

    questions: tuple[Question, ...]
    action: str = "answer"
    """`answer` or `search`."""


@dataclass(slots=True)
class MemoryProgram:
    """One memory: what it was, and what it was given.

    Example: `MemoryProgram(scope="rag_bm25/c1", events=[Added(session), Asked((question,))])`
    """

    scope: str
    system: Mapping[str, Any] | None = None
    """Name, configuration, parameters, versions and model; None: built by hand."""
    judge: Mapping[str, Any] | None = None
    """Identity of the judge; None: nothing was judged."""
    events: list[Added | Asked] = field(default_factory=list)
    obstacle: str | None = None
    """Why it cannot be replayed, as far as that can be told from the trace."""

    @property
    def conversation(self) -> str:
        """The conversation's id, by the convention that a scope is `<system>/<conversation>`."""
        return self.scope.partition("/")[2] or self.scope

    def question(self, name: str) -> Question | None:
        """The question of this id (or text, where it has none)."""
        for event in self.events:
            for one in event.questions if isinstance(event, Asked) else ():
                if name in (one.id, one.text):
                    return one
        return None

    def only(self, questions: Collection[str]) -> MemoryProgram:
        """The program up to the last of these questions, without the others."""
        events: list[Added | Asked] = []
        last = 0
        for event in self.events:
            if isinstance(event, Added):
                events.append(event)
                continue
            kept = tuple(question for question in event.questions if question.id in questions)
            if kept:
                events.append(replace(event, questions=kept))
                last = len(events)
        return replace(self, events=events[:last])


def read_programs(trace: Trace) -> dict[str, MemoryProgram]:
    """The memories of a trace, by scope, in the order they first came up.

    Raises:
        UserError: If nothing in the trace can be replayed.
    """
    metadata = trace.metadata
    programs: dict[str, MemoryProgram] = {}

    def of(scope: str) -> MemoryProgram:
        if scope not in programs:
            programs[scope] = MemoryProgram(scope, metadata.get(f"{PREFIX}{scope}"))
        return programs[scope]

    golds, judges = _judged(trace)
    seen: set[Place] = set()
    for operation in _in_order(trace):
        place = place_of(operation)
        if place is None:
            continue
        program = of(place.scope)
        if place in seen:
            program.obstacle = _TWICE
        seen.add(place)
        if operation.name == "add" and "session" not in operation.parameters:
            if program.system is None:  # else it is an operation of the user's own
                program.obstacle = _UNTOLD
        elif operation.name == "add":
            program.events.append(Added(_session(trace, operation)))
        else:
            questions = tuple(_questions(trace, operation, place.scope, golds))
            action = str(operation.parameters.get("action", "answer"))
            program.events.append(Asked(questions, action))
        program.judge = judges.get(place.scope)
    if not programs:
        raise UserError(
            f"{trace.path}: expected memories that say what they were given (operations add and "
            "ask of memtrace's systems or of an attached one); this trace has none, so it cannot "
            "be replayed; record it with a MemorySystem"
        )
    return programs


def _in_order(trace: Trace) -> Iterator[Operation]:
    found = [*trace.operations(kind="ingest", name="add"), *trace.operations(name="ask")]
    return iter(sorted(found, key=lambda operation: operation.seq))


def _session(trace: Trace, operation: Operation) -> Session:
    time = operation.parameters.get("time")
    given = trace.variables(ids=operation.inputs.get("messages", ()))
    return Session(
        id=str(operation.parameters["session"]), turns=tuple(map(_turn, given)),
        time=None if time is None else datetime.fromisoformat(time),
        time_text=str(operation.parameters.get("time_text", "")),
    )  # fmt: skip


def _turn(message: Variable) -> Turn:
    said = message.metadata["turn"]
    return Turn(
        id=message.name or "", speaker=said["speaker"], text=said["text"],
        caption=said.get("caption"), metadata=said.get("metadata", {}),
    )  # fmt: skip


def _questions(
    trace: Trace, operation: Operation, scope: str, golds: Mapping[tuple[str, str], Variable]
) -> Iterator[Question]:
    for variable in trace.variables(ids=operation.inputs.get("questions", ())):
        gold = golds.get((scope, variable.name or ""))
        about = {} if gold is None else gold.metadata
        time = variable.metadata.get("time")
        yield Question(
            id=variable.name or "", text=trace.value(variable.id),
            answer=None if gold is None else trace.value(gold.id),
            evidence=tuple(about.get("evidence", ())), category=about.get("category", ""),
            evidence_unit=about.get("evidence_unit", "turn"),
            time=None if time is None else datetime.fromisoformat(time),
        )  # fmt: skip


def _judged(
    trace: Trace,
) -> tuple[dict[tuple[str, str], Variable], dict[str, Mapping[str, Any]]]:
    """Gold answers by scope and question, and the judge of each scope."""
    golds: dict[tuple[str, str], Variable] = {}
    judges: dict[str, Mapping[str, Any]] = {}
    for operation in trace.operations(kind="judge", name="judge"):
        place = place_of(operation)
        gold = operation.inputs.get("gold", ())
        if place is None or not gold:
            continue
        variable = trace.variable(gold[0])
        golds[place.scope, variable.name or ""] = variable
        judges[place.scope] = operation.parameters.get("judge", {})
    return golds, judges
