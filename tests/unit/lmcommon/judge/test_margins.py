"""log P(yes) - log P(no), read from given words or from the first token's alternatives."""

from __future__ import annotations

import math

import pytest

from lmcommon.judge import Criterion, JudgeItem, LogprobJudge, calibrate
from lmcommon.judge.logprob import judge_prompt
from lmcommon.judge.margins import margins
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest, ModelFailure, TokenLogprob


def item(response: str) -> JudgeItem:
    return JudgeItem(prompt="p", response=response, criterion=Criterion(id="c", text="t"))


def telling(**shares: float) -> ScriptedModel:
    """Says the likeliest of these tokens, and how likely all are."""
    top = tuple(
        (token.replace("_", " "), math.log(share))
        for token, share in sorted(shares.items(), key=lambda pair: -pair[1])
    )

    def alternatives(request: ChatRequest, text: str) -> list[TokenLogprob]:
        assert (request.sampling.max_tokens, request.sampling.top_logprobs) == (1, 20)
        return [TokenLogprob(*top[0], top=top)]

    return ScriptedModel({"": top[0][0]}, logprobs=alternatives)


def read(model: ScriptedModel) -> float | str:
    return margins(model, [item("r")], judge_prompt(), reads="first_token")[0]


def test_spellings_of_a_word_are_added_up() -> None:
    assert read(telling(Yes=0.3, _yes=0.1, No=0.2, maybe=0.4)) == pytest.approx(math.log(2))


def test_a_word_that_is_not_among_the_alternatives_is_no_verdict() -> None:
    told = read(telling(Yes=0.6, Sure=0.4))
    assert told == "expected yes and no among the 20 likeliest tokens; got 'Yes', 'Sure' ..."


def test_a_longer_word_is_another_word() -> None:
    assert isinstance(read(telling(Yes=0.5, Nothing=0.5)), str)


def test_failures_are_passed_on_as_texts() -> None:
    down = ScriptedModel({"": ModelFailure(kind="timeout", message="late")})
    assert read(down) == "model failure (timeout): late"
    assert read(ScriptedModel({"": ""})) == "the model told no log-probabilities"


def test_a_judge_reads_as_its_calibration_was_read() -> None:
    def alternatives(request: ChatRequest, _: str) -> list[TokenLogprob]:
        share = 0.4 if "\ngood" in request.messages[0].content else 0.1
        top = (("No", math.log(0.5)), ("Yes", math.log(share)))
        return [TokenLogprob("No", math.log(0.5), top=top)]

    model = ScriptedModel({"": "No"}, logprobs=alternatives)
    items = [item("good" if n % 2 else "bad") for n in range(40)]
    calibration = calibrate(model, items, [bool(n % 2) for n in range(40)], reads="first_token")
    assert (calibration.auc, calibration.reads) == (1.0, "first_token")
    verdicts = LogprobJudge(model, calibration).judge([item("good"), item("bad")])
    assert [one.satisfied for one in verdicts] == [True, False]
