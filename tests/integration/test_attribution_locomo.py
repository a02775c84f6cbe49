"""Attribution on a real conversation: every verdict stands on the trace, and is fast enough."""

from __future__ import annotations

from pathlib import Path

import memtrace
from lmcommon.data import load_conversations
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.scripted import ScriptedModel
from memtrace.attribution import TraceReader, attribute
from memtrace.evaluate import evaluate
from memtrace.memory import LongContext, MemorySystem, Rag
from memtrace.memory.index import Bm25Index


def test_every_verdict_names_operations_of_the_trace(shared_data: Path, tmp_path: Path) -> None:
    conversation = load_conversations("locomo", shared_data / "locomo" / "locomo.dev.json")[0]
    asked = conversation.questions[:60]
    model = ScriptedModel({"": "a purple elephant"})
    systems: list[MemorySystem] = [
        LongContext(model, scope="window"),
        Rag(model, [Bm25Index()], scope="rag"),
    ]
    with memtrace.record(tmp_path / "t.db"):
        episodes = [
            episode
            for system in systems
            for episode in evaluate(system, conversation, NormalizedAnswerJudge(), questions=asked)
        ]
    known = {"trim", "retrieve", "build_context", "answer", ""}
    with memtrace.open(tmp_path / "t.db") as trace:
        reader = TraceReader(trace)
        for episode in episodes:
            assert episode.answer is not None
            verdict = attribute(
                reader, episode.answer, gold=episode.gold, evidence=episode.evidence
            )
            assert {suspect.name for suspect in verdict.suspects} <= known, verdict.log
            assert verdict.abstained or verdict.suspects, verdict.log
            wrong_system = "trim" if episode.system == "rag_bm25" else "retrieve"
            assert all(s.name != wrong_system for s in verdict.suspects), verdict.log
