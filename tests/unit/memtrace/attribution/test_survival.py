"""Planted losses: survival names the operation at which the fact died, and the kind of error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import pytest

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.llm.scripted import ScriptedModel
from memtrace.attribution import Attribution, attribute
from memtrace.memory import LongContext, MemorySystem, Query, Rag
from memtrace.memory.index import Bm25Index, Ranking
from memtrace.memory.reranking import Reranker
from memtrace.memory.rewriting import Rewriter
from memtrace.memory.summarising import Summariser
from memtrace.testing import perfect_reader

QUESTION = "Where does Ana live now?"
GOLD = {QUESTION: "Lisbon"}
EVIDENCE = "D1:2"


def history(fillers: int = 6) -> list[Session]:
    """Ana's move in the first session, then small talk that shares no word with the question."""
    first = Session(
        id="s1",
        time=datetime(2024, 3, 1),
        turns=(
            Turn(id="D1:1", speaker="Bo", text="Good morning, tell me everything!"),
            Turn(id="D1:2", speaker="Ana", text="I finally moved to Lisbon with my two cats."),
        ),
    )
    rest = tuple(
        Turn(id=f"D2:{n}", speaker="Bo", text=f"Chapter {n} of that novel bored me to tears.")
        for n in range(fillers)
    )
    return [first, Session(id="s2", time=datetime(2024, 4, 1), turns=rest)]


class BlindIndex(Bm25Index):
    """Finds the newest texts, whatever is asked."""

    def search(self, query: str, top_k: int) -> Ranking:
        """The last positions."""
        size = len(self._texts)
        return [(place, 0.0) for place in range(size - 1, max(-1, size - 1 - top_k), -1)]


def blame(path: Path, system: MemorySystem, sessions: Sequence[Session]) -> Attribution:
    """Run a system over the history and attribute its answer."""
    with memtrace.record(path):
        for session in sessions:
            system.add(session)
        answer = system.answer([Query(QUESTION, id="q1")])[0]
    assert answer.variable is not None
    with memtrace.open(path) as trace:
        return attribute(trace, answer.variable, gold=GOLD[QUESTION], evidence=[EVIDENCE])


def wrong_model() -> ScriptedModel:
    """Answers from the context, but the wrong thing."""
    return ScriptedModel(lambda _: "Porto", name="wrong")


Build = Callable[[], MemorySystem]

PLANTED: dict[str, tuple[Build, str, str, str]] = {
    "trimmed window": (
        lambda: LongContext(perfect_reader(GOLD), budget_tokens=60), "trim", "update", "trimmed",
    ),
    "blind search": (
        lambda: Rag(perfect_reader(GOLD), [BlindIndex()], top_k=2),
        "retrieve", "retrieval", "stored but not retrieved",
    ),
    "context cut": (
        lambda: Rag(
            perfect_reader(GOLD), [BlindIndex()], top_k=99, chunk_turns=2, overlap_turns=0,
            context_tokens=60,
        ),
        "build_context", "retrieval", "retrieved but cut from the context",
    ),
    "lossy summary": (
        lambda: LongContext(
            perfect_reader(GOLD), budget_tokens=60,
            summariser=Summariser(ScriptedModel({"": "They talked."}), max_tokens=9),
        ),
        "summarise", "update", "trimmed",
    ),
    "misjudging reranker": (
        lambda: Rag(
            perfect_reader(GOLD), [Bm25Index()], top_k=2,
            reranker=Reranker(ScriptedModel({"": "4, 3, 2"})),
        ),
        "rerank", "retrieval", "stored but not retrieved",
    ),
    "query reworded past the point": (
        lambda: Rag(
            perfect_reader(GOLD), [Bm25Index()], top_k=1,
            rewriter=Rewriter(ScriptedModel({"": "Chapter 4 of the novel"})),
        ),
        "rewrite", "retrieval", "stored but not retrieved",
    ),
    "wrong reading, window": (
        lambda: LongContext(wrong_model()), "answer", "response", "in the context but unused",
    ),
    "wrong reading, rag": (
        lambda: Rag(wrong_model(), [Bm25Index()], top_k=9),
        "answer", "response", "in the context but unused",
    ),
}  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_loss_is_blamed_on_its_operation(plant: str, tmp_path: Path) -> None:
    build, name, error_type, loss = PLANTED[plant]
    verdict = blame(tmp_path / "trace.db", build(), history())
    first = verdict.suspects[0] if verdict.suspects else None
    shown = "\n".join(verdict.log)
    assert first is not None, shown
    assert (first.name, first.error_type, first.loss) == (name, error_type, loss), shown


def test_a_right_answer_is_not_blamed_on_the_memory(tmp_path: Path) -> None:
    verdict = blame(tmp_path / "t.db", Rag(perfect_reader(GOLD), [Bm25Index()]), history())
    assert verdict.error_type == "judge", verdict.log


def test_hybrid_search_is_not_blamed_when_one_ranking_still_found_it(tmp_path: Path) -> None:
    system = Rag(wrong_model(), [BlindIndex(), Bm25Index()], top_k=3)
    verdict = blame(tmp_path / "t.db", system, history())
    assert verdict.suspects[0].name == "answer", verdict.log


def test_equal_texts_of_two_questions_are_not_confused(tmp_path: Path) -> None:
    """The same question asked before the fact was trimmed and after: only the second has a loss."""
    sessions, path = history(), tmp_path / "t.db"
    system = LongContext(wrong_model(), budget_tokens=60)
    with memtrace.record(path):
        system.add(sessions[0])
        early = system.answer([Query(QUESTION, id="q1")])[0].variable
        system.add(sessions[1])
        late = system.answer([Query(QUESTION, id="q1")])[0].variable
    assert early is not None
    assert late is not None
    with memtrace.open(path) as trace:
        verdicts = [
            attribute(trace, answer, gold="Lisbon", evidence=[EVIDENCE]) for answer in (early, late)
        ]
    assert [v.suspects[0].name for v in verdicts] == ["answer", "trim"], [v.log for v in verdicts]


def test_the_same_value_elsewhere_is_another_fact(tmp_path: Path) -> None:
    """Bo's Lisbon is retrieved, Ana's is not: a retrieval error, not a response error."""
    first, second = history()
    other = Turn(id="D2:99", speaker="Bo", text="My favourite song is called Lisbon Nights.")
    second = Session(id="s2", time=second.time, turns=(*second.turns, other))
    system = Rag(wrong_model(), [BlindIndex()], top_k=2)
    verdict = blame(tmp_path / "t.db", system, [first, second])
    assert verdict.error_type == "retrieval", verdict.log


def test_every_blamed_operation_is_an_operation_of_the_trace(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    verdict = blame(path, LongContext(perfect_reader(GOLD), budget_tokens=60), history())
    with memtrace.open(path) as trace:
        assert all(
            trace.operation(s.operation).name == s.name for s in verdict.suspects if s.operation
        ), verdict.suspects


def test_without_evidence_the_witness_is_found_by_the_gold_answer(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    system = LongContext(perfect_reader(GOLD), budget_tokens=60)
    with memtrace.record(path):
        for session in history():
            system.add(session)
        answer = system.answer([Query("Where does Ana live since she moved?")])[0].variable
    assert answer is not None
    with memtrace.open(path) as trace:
        verdict = attribute(trace, answer, gold="Lisbon")
    assert verdict.suspects[0].name == "trim", verdict.log


def test_no_witness_means_abstention(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path):
        system = LongContext(wrong_model())
        system.add(history()[1])
        answer = system.answer([Query(QUESTION)])[0].variable
    assert answer is not None
    with memtrace.open(path) as trace:
        verdict = attribute(trace, answer, gold="Lisbon", evidence=["D9:9"])
    assert (verdict.abstained, verdict.operation) == (True, None), verdict


def test_an_answer_to_an_unanswerable_question_is_a_response_error(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path):
        system = LongContext(wrong_model())
        system.add(history()[0])
        answer = system.answer([Query("Where does Ana's aunt live?")])[0].variable
    assert answer is not None
    with memtrace.open(path) as trace:
        verdict = attribute(trace, answer, gold=None)
    assert verdict.error_type == "response", verdict.log


def test_an_unknown_stage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path):
        answer = LongContext(wrong_model()).answer([Query(QUESTION)])[0].variable
    assert answer is not None
    with memtrace.open(path) as trace, pytest.raises(ValueError, match="expected some of"):
        attribute(trace, answer, gold="Lisbon", stages=["guess"])
