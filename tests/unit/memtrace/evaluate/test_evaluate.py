"""Episodes: judged, unscored when something failed, never asked twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from lmcommon.data import generate_conversation
from lmcommon.judge import AnswerItem, NormalizedAnswerJudge, Verdict
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ModelFailure
from memtrace.evaluate import Episode, evaluate
from memtrace.memory import LongContext
from memtrace.testing import perfect_reader

ROW = generate_conversation(3, num_sessions=4, num_people=2, num_questions=8)
GOLD = {question.text: question.answer for question in ROW.questions if question.answer}


class BrokenJudge:
    """A judge that never comes to a verdict."""

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"kind": "broken"}

    def judge(self, items: Sequence[AnswerItem]) -> list[Verdict]:
        return [Verdict.unscored("out of order") for _ in items]


def test_every_question_gets_one_episode() -> None:
    episodes = list(evaluate(LongContext(perfect_reader(GOLD)), ROW, NormalizedAnswerJudge()))
    assert [episode.question for episode in episodes] == [q.id for q in ROW.questions]


def test_done_questions_are_not_asked_again() -> None:
    done = {question.id for question in ROW.questions[:3]}
    model = perfect_reader(GOLD)
    episodes = list(evaluate(LongContext(model), ROW, NormalizedAnswerJudge(), done=done))
    assert len(model.requests) == len(episodes) == len(ROW.questions) - 3


def test_batches_do_not_change_the_episodes() -> None:
    def run(size: int) -> list[str]:
        system = LongContext(perfect_reader(GOLD))
        episodes = evaluate(system, ROW, NormalizedAnswerJudge(), batch_size=size)
        return [episode.prediction for episode in episodes]

    assert run(1) == run(3) == run(100)


def test_a_failed_call_is_unscored_and_no_failure() -> None:
    model = ScriptedModel(lambda _: ModelFailure(kind="timeout", message="no reply"))
    episodes = list(evaluate(LongContext(model), ROW, NormalizedAnswerJudge()))
    assert {(e.is_unscored, e.is_failure, e.answer) for e in episodes} == {(True, False, None)}
    assert episodes[0].verdict.failure == "model: timeout: no reply"


def test_a_broken_judge_is_unscored_and_no_failure() -> None:
    episodes = list(evaluate(LongContext(perfect_reader(GOLD)), ROW, BrokenJudge()))
    assert {(e.is_unscored, e.is_failure) for e in episodes} == {(True, False)}


@pytest.mark.parametrize("satisfied", [True, False, None])
def test_an_episode_survives_its_row(satisfied: bool | None) -> None:
    verdict = Verdict(satisfied=satisfied, failure="no" if satisfied is None else None)
    episode = Episode(
        system="s", conversation="c", question="q", text="?", category="", gold=None,
        evidence=("D1:1",), prediction="p", verdict=verdict, answer="var-3",
    )  # fmt: skip
    assert Episode.from_dict(episode.to_dict()) == episode
