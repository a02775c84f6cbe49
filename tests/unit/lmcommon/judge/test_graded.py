"""Criteria with a scale: the grade, what it decides, and replies that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import ParseError
from lmcommon.judge import (
    Criterion,
    CriterionJudge,
    GradedJudge,
    HybridJudge,
    Judge,
    JudgeItem,
    RubricJudge,
    Verdict,
)
from lmcommon.judge.parse import parse_json_grade
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ModelFailure

WARM = Criterion(id="w", text="Warmth: how warm?", scale=(1, 10), pass_mark=7)
PLAIN = Criterion(id="p", text="It names a month.")


def item(criterion: Criterion = WARM, response: str = "Dear aunt") -> JudgeItem:
    return JudgeItem(prompt="Thank my aunt.", response=response, criterion=criterion)


def grade(score: Any) -> str:
    return json.dumps({"reason": "kind words", "score": score})


def test_a_grade_is_kept_and_decides_by_the_pass_mark() -> None:
    replies = {"<response>\ncold": grade(6), "<response>\nwarm": grade(7)}
    told = GradedJudge(ScriptedModel(replies)).judge([item(response="warm"), item(response="cold")])
    assert [(one.score, one.satisfied) for one in told] == [(7.0, True), (6.0, False)]
    assert told[0].rationale == "kind words"


def test_the_model_is_told_the_ends_of_the_scale() -> None:
    model = ScriptedModel({"": grade(3)})
    GradedJudge(model).judge([item()])
    seen = model.requests[0].messages[-1].content
    assert "from 1 (worst) to 10 (best)" in seen
    assert "Warmth: how warm?" in seen


@pytest.mark.parametrize(
    "reply",
    ["8", "Score: 8", grade(0), grade(11), grade(7.5), grade("8"), grade(True), grade(None),
     json.dumps({"score": 8}), grade(8) + grade(9)],
)  # fmt: skip
def test_a_reply_that_is_no_grade_on_the_scale_is_unscored(reply: str) -> None:
    (told,) = GradedJudge(ScriptedModel({"": reply})).judge([item()])
    assert (told.satisfied, told.score) == (None, None), reply
    assert told.failure


def test_a_failed_call_is_unscored_and_says_why() -> None:
    down = ModelFailure(kind="timeout", message="no reply in 5 s")
    (told,) = GradedJudge(ScriptedModel({"": down})).judge([item()])
    assert told.failure == "model failure (timeout): no reply in 5 s"


def test_a_yes_no_criterion_is_not_graded() -> None:
    model = ScriptedModel({"": grade(8)})
    told = GradedJudge(model).judge([item(PLAIN), item(), item(PLAIN)])
    assert [one.satisfied for one in told] == [None, True, None]
    assert len(model.requests) == 1


@pytest.mark.parametrize("kind", [CriterionJudge, RubricJudge])
def test_a_graded_criterion_is_not_answered_by_yes_or_no(kind: Any) -> None:
    one = {"reason": "", "satisfied": True}
    reply = one if kind is CriterionJudge else {"verdicts": [{"number": 1, **one}]}
    told = kind(ScriptedModel({"": json.dumps(reply)})).judge([item(), item(PLAIN)])
    assert [verdict.satisfied for verdict in told] == [None, True]
    assert "GradedJudge" in str(told[0].failure)


def test_the_hybrid_judge_grades_what_has_a_scale() -> None:
    yes = json.dumps({"reason": "", "satisfied": True})
    model = ScriptedModel({"You grade": grade(9), "You check": yes})
    judge = HybridJudge(CriterionJudge(model), graded=GradedJudge(model))
    told = judge.judge([item(PLAIN), item()])
    assert [(one.satisfied, one.score) for one in told] == [(True, None), (True, 9.0)]


def test_its_identity_is_part_of_the_hybrid_judges() -> None:
    model = ScriptedModel({"": grade(9)})
    judges: list[Judge] = [
        HybridJudge(CriterionJudge(model)),
        HybridJudge(CriterionJudge(model), graded=GradedJudge(model)),
    ]
    assert judges[0].identity != judges[1].identity


@given(st.integers(-20, 20), st.integers(-5, 5), st.integers(1, 9))
def test_exactly_the_grades_on_the_scale_are_read(score: int, low: int, size: int) -> None:
    high = low + size
    if low <= score <= high:
        assert parse_json_grade(grade(score), low, high) == (score, "kind words")
    else:
        with pytest.raises(ParseError):
            parse_json_grade(grade(score), low, high)


def test_a_scale_with_a_broken_end_takes_any_number_on_it() -> None:
    assert parse_json_grade(grade(0.25), 0, 0.5) == (0.25, "kind words")


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": (1, 10)},
        {"pass_mark": 3},
        {"scale": (1, 10), "pass_mark": 1},
        {"scale": (1, 10), "pass_mark": 11},
        {"scale": (5, 5), "pass_mark": 5},
        {"scale": (1, 10), "pass_mark": 7, "constraint_id": "punctuation:no_comma"},
    ],
)
def test_a_scale_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected a"):
        Criterion(id="x", text="x", **wrong)


def test_an_unscored_verdict_has_no_grade() -> None:
    with pytest.raises(ValueError, match="no grade"):
        Verdict(satisfied=None, failure="down", score=3.0)
