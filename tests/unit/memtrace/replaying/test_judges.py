"""Who judges a replay: the recorded judge, where it can be had."""

from __future__ import annotations

from pathlib import Path

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.judge import LlmAnswerJudge
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm import ChatRequest, ScriptedModel
from memtrace.evaluate import evaluate
from memtrace.execution import TracedModel
from memtrace.memory.config import RagConfig
from memtrace.replaying import Replayer, first_mismatch

YES = '{"reason": "so it is", "satisfied": true}'


def model() -> ScriptedModel:
    def reply(request: ChatRequest) -> str:
        return YES if request.schema is not None else "Lisbon"

    return ScriptedModel(reply, name="both")


def record(path: Path, judge: AnswerJudge) -> None:
    row = generate_conversation(1, num_sessions=2, num_people=2, num_questions=3)
    with memtrace.record(path):
        system = RagConfig(retriever="bm25").build(model())("rag/c")
        list(evaluate(system, row, judge))


def test_the_calls_of_a_judge_are_replayed_too(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    record(path, LlmAnswerJudge(TracedModel(model(), name="judge_call", kind="judge")))
    with Replayer(path) as replayer, replayer.run() as done:
        assert (done.calls, done.ledger.refused, done.ledger.recorded) == (0, 0, 6)
        assert done.warnings == ()
        assert first_mismatch(replayer.trace, done.trace) is None
        assert not any(episode.is_unscored for episode in done.episodes)


def test_a_judge_that_is_not_at_hand_leaves_answers_unscored_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    other = ScriptedModel({"": YES}, name="other")
    record(path, LlmAnswerJudge(other))
    with Replayer(path) as replayer, replayer.run() as done:
        assert all(episode.is_unscored for episode in done.episodes)
        assert "judge" in done.warnings[0]
