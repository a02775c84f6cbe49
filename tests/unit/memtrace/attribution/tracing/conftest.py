"""Small recorded runs with one known loss each, and models that follow a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest
from memtrace.attribution import Question, TraceReader
from memtrace.attribution.case import Case
from memtrace.attribution.tracing.region import Region
from memtrace.memory import LongContext, MemorySystem, Query, Rag
from memtrace.memory.index import Bm25Index, Ranking
from memtrace.testing import perfect_reader

QUESTION, GOLD, EVIDENCE = "Where does Ana live now?", "Lisbon", "D1:2"


class BlindIndex(Bm25Index):
    """Finds the newest texts, whatever is asked."""

    def search(self, query: str, top_k: int) -> Ranking:
        size = len(self._texts)
        return [(place, 0.0) for place in range(size - 1, max(-1, size - 1 - top_k), -1)]


def history(said: str = "I finally moved to Lisbon with my two cats.") -> list[Session]:
    first = Session(
        id="s1",
        time=datetime(2024, 3, 1),
        turns=(
            Turn(id="D1:1", speaker="Bo", text="Good morning, tell me everything!"),
            Turn(id="D1:2", speaker="Ana", text=said),
        ),
    )
    rest = tuple(
        Turn(id=f"D2:{n}", speaker="Bo", text=f"Chapter {n} of that novel bored me to tears.")
        for n in range(6)
    )
    return [first, Session(id="s2", time=datetime(2024, 4, 1), turns=rest)]


SYSTEMS: dict[str, Callable[[], MemorySystem]] = {
    "trimmed": lambda: LongContext(perfect_reader({QUESTION: GOLD}), budget_tokens=60),
    "not found": lambda: Rag(perfect_reader({QUESTION: GOLD}), [BlindIndex()], top_k=2),
    "misread": lambda: LongContext(ScriptedModel(lambda _: "Porto", name="wrong")),
}
BLAMED = {
    "trimmed": ("trim", "update"), "not found": ("retrieve", "retrieval"),
    "misread": ("answer", "response"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """A recorded run with one wrong answer."""

    reader: TraceReader
    answer: str

    def question(self, **told: Any) -> Question:
        known = {"gold": GOLD, "evidence": (EVIDENCE,), "judged": False, **told}
        return Question(answer=self.answer, **known)

    def case(self, **told: Any) -> Case:
        return Case(self.reader, self.question(**told))

    def region(self) -> Region:
        """The region with the evidence as its start."""
        case = self.case()
        return Region(case, [witness.variable for witness in case.witnesses])

    def handle(self, name: str) -> str:
        """The handle of the last operation of this name."""
        region = self.region()
        return [region.handle(op) for op in region.operations() if op.name == name][-1]


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Record a system over a history and ask the question."""
    traces = []

    def recorded(system: MemorySystem, sessions: list[Session] | None = None) -> Run:
        path = tmp_path / f"trace-{len(traces)}.db"
        with memtrace.record(path):
            for session in sessions or history():
                system.add(session)
            answer = system.answer([Query(QUESTION, id="q1")])[0]
        assert answer.variable is not None
        trace = memtrace.open(path)
        traces.append(trace)
        return Run(TraceReader(trace), answer.variable)

    yield recorded
    for trace in traces:
        trace.close()


@pytest.fixture
def run(record: Callable[..., Run]) -> Run:
    """The run whose window was trimmed."""
    return record(SYSTEMS["trimmed"]())


class Asked(ScriptedModel):
    """Replies with the actions of a script, and remembers what it was shown."""

    def __init__(self, *actions: Any) -> None:
        self.shown: list[str] = []
        self.requests: list[ChatRequest] = []
        self._actions = list(actions)
        super().__init__(self._next, name="script")

    def _next(self, request: ChatRequest) -> Any:
        self.requests.append(request)
        self.shown.append(request.messages[-1].content)
        action = self._actions.pop(0) if self._actions else {"action": "open", "target": "o1"}
        return json.dumps(action) if isinstance(action, dict) else action


@pytest.fixture
def asked() -> type[Asked]:
    """Makes a model of a script of actions; used up, it opens o1 for ever."""
    return Asked


@pytest.fixture(params=sorted(SYSTEMS))
def lossy(request: pytest.FixtureRequest, record: Callable[..., Run]) -> tuple[Run, str, str]:
    """Each run, with the name of the operation to blame and the type of error."""
    name, error_type = BLAMED[request.param]
    return record(SYSTEMS[request.param]()), name, error_type


@pytest.fixture(name="history")
def history_of() -> Callable[..., list[Session]]:
    """Makes the history; what Ana says can be given."""
    return history
