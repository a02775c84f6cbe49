"""Survival on real pipelines with a planted defect: the operation that has it comes first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data.types import Session, Turn
from memtrace.attribution import Question, SurvivalStage, TraceReader, examine
from memtrace.execution import Execution, Oracle, execute
from memtrace.execution.places import Place
from memtrace.memory import Query
from memtrace.memory.config import LongContextConfig, MemoryConfig, RagConfig
from memtrace.testing import rule_model

SAID = "I finally moved to Lisbon with my two cats."
HISTORY = [
    Session(
        id="s1", time=datetime(2024, 3, 1),
        turns=(
            Turn(id="D1:1", speaker="Bo", text="Good morning, tell me everything!"),
            Turn(id="D1:2", speaker="Ana", text=SAID),
        ),
    ),
    Session(
        id="s2", time=datetime(2024, 4, 1),
        turns=tuple(
            Turn(id=f"D2:{n}", speaker="Bo", text=f"Chapter {n} of that novel bored me.")
            for n in range(3)
        ),
    ),
]  # fmt: skip


def lose(value: Any) -> Any:
    """Without whatever tells of Lisbon."""
    if isinstance(value, list):
        return [lose(part) for part in value if not isinstance(part, dict) or _is_clean(part)]
    if isinstance(value, dict):
        return value
    return "\n".join(line for line in value.splitlines() if "Lisbon" not in line)


def _is_clean(row: dict[str, Any]) -> bool:
    return "Lisbon" not in str(row)


def swap(value: Any) -> Any:
    """Bo says what Ana said."""
    if isinstance(value, list):
        return [swap(part) for part in value]
    if isinstance(value, dict):
        return {key: swap(part) for key, part in value.items()}
    return value.replace("Ana: I finally", "Bo: I finally") if isinstance(value, str) else value


LONG: Callable[[], MemoryConfig] = LongContextConfig
RAG: Callable[[], MemoryConfig] = lambda: RagConfig(retriever="bm25", top_k=2)  # noqa: E731
DEFECTS = {
    "append loses": (LONG, "add s1/append#0", "lines", lose),
    "append swaps": (LONG, "add s1/append#0", "lines", swap),
    "window loses": (LONG, "ask q1/read_window#0", "context", lose),
    "chunk loses": (RAG, "add s1/chunk#0", "chunks", lose),
    "chunk swaps": (RAG, "add s1/chunk#0", "chunks", swap),
    "index loses": (RAG, "add s1/index#0", "items", lose),
    "search loses": (RAG, "ask q1/retrieve#0", "hits", lose),
    "context swaps": (RAG, "ask q1/build_context#0", "context", swap),
    "answer is another": (RAG, "ask q1/answer#0", "reply", lambda _: "Porto"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_the_operation_with_the_defect_is_suspected_first(name: str, tmp_path: Path) -> None:
    config, path, role, function = DEFECTS[name]
    defect = Oracle(at=Place("m", path), role=role, function=function)
    with (
        memtrace.record(tmp_path / "t.db") as recorder,
        execute(recorder, Execution(defects=[defect])),
    ):
        system = config().build(rule_model())("m")
        for session in HISTORY:
            system.add(session)
        answer = system.answer([Query("Where does Ana live since she moved?", id="q1")])[0]
    assert answer.variable is not None
    with memtrace.open(tmp_path / "t.db") as trace:
        asked = Question(answer=answer.variable, gold="Lisbon", evidence=("D1:2",))
        found = examine(TraceReader(trace), asked, [SurvivalStage()])
        blamed = trace.operation(found.suspects[0].operation or "").metadata["place"]
    assert blamed == ["m", path], found.log
