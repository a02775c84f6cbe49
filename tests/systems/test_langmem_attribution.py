"""Planted faults in LangMem: attribution names the operation and the kind of error."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

pytest.importorskip("langmem", reason="langmem is not installed here; see memtrace-systems")

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest, ModelFailure
from lmcommon.testing.hash_embedder import HashEmbedder
from memtrace.attribution import Attribution, attribute
from memtrace.execution import Drop, Execution, Oracle, Place, execute
from memtrace.execution.interventions import AtPoint
from memtrace.memory import Query
from memtrace.memory.langmem import LangMemMemory
from memtrace.testing import RuleModel
from memtrace.testing.rules_langmem import langmem_rules

QUESTION, GOLD, EVIDENCE = "Where did Ana move to with her cats?", "Lisbon", "s1:0"
SAID = (
    ("s1", "s1:0", "Ana", "I finally moved to Lisbon with my two cats."),
    ("s1", "s1:1", "Bo", "My sister plays the cello."),
    ("s2", "s2:0", "Bo", "That novel about whales bored me to tears."),
)


def place(path: str) -> Place:
    return Place("c1", path)


def blurred(writes: list[dict[str, str]]) -> list[dict[str, str]]:
    """One more write: the memory of the move loses its city."""
    return [*writes, {"event": "UPDATE", "item": moved[0], "text": "Ana moved with two cats."}]


def removed(writes: list[dict[str, str]]) -> list[dict[str, str]]:
    """One more write: the memory of the move goes."""
    return [*writes, {"event": "DELETE", "item": moved[0]}]


moved: list[str] = []
"""The item of the memory of the move."""

PLANTED: dict[str, tuple[Sequence[AtPoint], str, str]] = {
    "fact not extracted": (
        [Drop(at=place("add s1/extract#0"), role="facts", index=0)], "extract", "extraction",
    ),
    "memory overwritten": (
        [Oracle(at=place("add s2/write#0"), role="writes", function=blurred)], "write", "update",
    ),
    "memory deleted": (
        [Oracle(at=place("add s2/write#0"), role="writes", function=removed)], "write", "deletion",
    ),
    "memory not found": (
        [Oracle(at=place("ask q1/retrieve#0"), role="hits", function=lambda hits: [
            hit for hit in hits if "Lisbon" not in hit["text"]
        ])], "retrieve", "retrieval",
    ),
    "context emptied": (
        [Drop(at=place("ask q1/build_context#0"), role="context")], "build_context", "retrieval",
    ),
}  # fmt: skip


def run(path: Path, changes: Sequence[AtPoint], model: ScriptedModel) -> Attribution:
    with memtrace.record(path) as recorder, execute(recorder, Execution(interventions=changes)):
        system = LangMemMemory(model, HashEmbedder(), scope="c1")
        for day, name in enumerate(("s1", "s2"), 1):
            turns = tuple(
                Turn(id=turn, speaker=speaker, text=text)
                for session, turn, speaker, text in SAID
                if session == name
            )
            system.add(Session(id=name, time=datetime(2024, 1, day), turns=turns))
            state = system.snapshot()
            hits = system.search(Query("Lisbon cats"))
            system.restore(state)
            moved[:] = [hit.item for hit in hits if "Lisbon" in hit.text]
        answer = system.answer([Query(QUESTION, id="q1")])[0]
    assert answer.variable is not None
    with memtrace.open(path) as trace:
        return attribute(trace, answer.variable, gold=GOLD, evidence=[EVIDENCE])


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_fault_is_blamed_on_its_operation(plant: str, tmp_path: Path) -> None:
    changes, name, error_type = PLANTED[plant]
    verdict = run(tmp_path / "t.db", changes, RuleModel(langmem_rules()))
    assert verdict.suspects, verdict.log
    first = verdict.suspects[0]
    assert (first.name, first.error_type) == (name, error_type), "\n".join(verdict.log)


def test_a_wrong_reading_is_blamed_on_the_answer(tmp_path: Path) -> None:
    class Wrong(RuleModel):
        """Keeps memories well and answers badly."""

        def _by_rule(self, request: ChatRequest) -> str | ModelFailure:
            is_answer = "Question:" in request.messages[-1].content
            return "Porto" if is_answer else super()._by_rule(request)

    verdict = run(tmp_path / "t.db", [], Wrong(langmem_rules()))
    assert (verdict.suspects[0].name, verdict.error_type) == ("answer", "response"), verdict.log
