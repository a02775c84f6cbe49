"""Hybrid dispatch, and what happens when the judge fails."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.base import JudgeItem
from lmcommon.judge.types import Criterion, Rubric, Verdict
from lmcommon.llm import ModelFailure, ScriptedModel
from lmcommon.llm.cache import CachedModel
from lmcommon.llm.config import OpenAIConfig
from lmcommon.testing.stub_server import Fault, StubServer
from lmcommon.verify.sandbox.config import SandboxConfig
from rtt.verdicts import HybridVerdicts, JudgedVerdicts, ProgramVerdicts, WatchedVerdicts

HARD = Criterion(id="h", text="No commas.", constraint_id="punctuation:no_comma")
SOFT = Criterion(id="s", text="The tone is calm.")
STRANGE = Criterion(id="x", text="Be odd.", constraint_id="detectable_tone:odd")
CODE = Criterion(
    id="c", text="It mentions tea.", constraint_id="code:python",
    kwargs={"source": "def check_following(instruction, response):\n    return 'tea' in response"},
)  # fmt: skip


def prompt(*criteria: Criterion) -> RubricPrompt:
    return RubricPrompt(id="p", prompt="Write.", rubric=Rubric(criteria))


def says(satisfied: bool) -> str:
    return json.dumps({"reason": "because", "satisfied": satisfied})


@dataclass
class Recorder:
    """A judge that says no verdict for what it is told to fail, and remembers its batches."""

    fails: Sequence[bool] = ()
    batches: list[list[JudgeItem]] = field(default_factory=list)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"kind": "recorder"}

    def judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        down = len(self.batches) < len(self.fails) and self.fails[len(self.batches)]
        self.batches.append(list(items))
        return [Verdict.unscored("judge down") if down else Verdict(satisfied=True) for _ in items]


def test_every_criterion_goes_to_who_can_decide_it() -> None:
    source = HybridVerdicts().build(ScriptedModel({"": says(True)}))
    (told,) = source.verdicts([(prompt(HARD, SOFT), "no, not calm")])
    assert [(v.satisfied, v.source) for v in told] == [(False, "program"), (True, "judge")]
    assert told[0].spans == ((2, 3),)


def test_what_has_a_scale_is_graded() -> None:
    graded = Criterion(id="g", text="Calm: how calm?", scale=(1, 5), pass_mark=4)
    reply = json.dumps({"reason": "", "score": 4})
    source = HybridVerdicts().build(ScriptedModel({"You grade": reply, "You check": says(False)}))
    (told,) = source.verdicts([(prompt(SOFT, graded), "calm")])
    assert [(v.satisfied, v.score) for v in told] == [(False, None), (True, 4.0)]


def test_a_judge_that_fails_leaves_its_criteria_unscored_and_the_others_alone() -> None:
    model = ScriptedModel({"": ModelFailure(kind="unavailable", message="no route")})
    (told,) = HybridVerdicts().build(model).verdicts([(prompt(HARD, SOFT), "calm")])
    assert told[0].satisfied is True
    assert told[1].satisfied is None
    assert "no route" in str(told[1].failure)


def test_an_unreadable_reply_is_unscored_never_violated() -> None:
    model = ScriptedModel({"": "VERDICT: MAYBE"})
    (told,) = HybridVerdicts(form="tag").build(model).verdicts([(prompt(SOFT), "calm")])
    assert told[0].satisfied is None


def test_a_check_that_is_not_here_is_an_error_or_a_fallback_that_says_so() -> None:
    model = ScriptedModel({"": says(True)})
    items = [(prompt(STRANGE), "calm")]
    with pytest.raises(UserError, match="detectable_tone:odd"):
        HybridVerdicts().build(model).verdicts(items)
    ((told,),) = HybridVerdicts(unknown="judge").build(model).verdicts(items)
    assert told.source == "judge"
    assert told.rationale.startswith("[fallback: no program check 'detectable_tone:odd']")


def test_code_of_the_data_runs_only_where_the_sandbox_is_on() -> None:
    model = ScriptedModel({"": says(False)})
    items = [(prompt(CODE), "a cup of tea")]
    with pytest.raises(UserError):
        HybridVerdicts().build(model).verdicts(items)
    ((judged,),) = HybridVerdicts(unknown="judge").build(model).verdicts(items)
    assert (judged.satisfied, judged.source) == (False, "judge")
    sandbox = SandboxConfig(enabled=True, workers=1, require_filter=False, time_s=10.0)
    source = HybridVerdicts(sandbox=sandbox).build(model)
    try:
        ((run,),) = source.verdicts(items)
    finally:
        source.close()
    assert (run.satisfied, run.source) == (True, "program")


def test_a_rubric_can_be_judged_in_one_call() -> None:
    reply = json.dumps(
        {
            "verdicts": [
                {"number": 1, "reason": "a", "satisfied": True},
                {"number": 2, "reason": "b", "satisfied": False},
            ]
        }
    )
    model = ScriptedModel({"": reply})
    soft = (SOFT, Criterion(id="t", text="It rhymes."))
    (told,) = HybridVerdicts(judge="rubric").build(model).verdicts([(prompt(*soft), "calm")])
    assert len(model.requests) == 1
    assert [v.satisfied for v in told] == [True, False], told


def test_all_criteria_of_all_responses_are_one_batch() -> None:
    judge = Recorder()
    JudgedVerdicts(judge).verdicts([(prompt(SOFT, HARD), "a"), (prompt(SOFT), "b")])
    assert [len(batch) for batch in judge.batches] == [3]


def test_a_response_that_occurs_twice_is_judged_once() -> None:
    judge, rows = Recorder(), prompt(SOFT)
    told = JudgedVerdicts(judge).verdicts([(rows, "a"), (rows, "b"), (rows, "a")])
    assert len(told) == 3
    assert [item.response for item in judge.batches[0]] == ["a", "b"]


def test_a_prompt_without_criteria_has_no_verdicts() -> None:
    assert JudgedVerdicts().verdicts([(prompt(), "a"), (prompt(HARD), "b")])[0] == ()


def watched(judge: Recorder, **settings: Any) -> WatchedVerdicts:
    return WatchedVerdicts(source=JudgedVerdicts(judge), **settings)


def test_a_batch_without_any_verdict_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    source = watched(Recorder(fails=[True]))
    with caplog.at_level(logging.WARNING):
        (told,) = source.verdicts([(prompt(SOFT, HARD), "a")])
    assert [v.satisfied for v in told] == [None, None]
    assert "none of 2 criteria has a verdict" in caplog.text
    assert "judge down" in caplog.text


def test_a_judge_that_stays_down_stops_the_run() -> None:
    source = watched(Recorder(fails=[True] * 3), patience=3)
    for _ in range(2):
        source.verdicts([(prompt(SOFT), "a")])
    with pytest.raises(UserError, match=r"got 100%.* 3 batches in a row.*judge down.*resume"):
        source.verdicts([(prompt(SOFT), "a")])


def test_a_judge_that_comes_back_is_forgiven() -> None:
    source = watched(Recorder(fails=[True, False, True]), patience=2)
    for _ in range(3):
        source.verdicts([(prompt(SOFT), "a")])
    assert source.bad_batches == 1


def test_a_share_within_the_limit_never_stops() -> None:
    source = ProgramVerdicts(max_unscored=0.5, patience=1).build()
    for _ in range(3):
        (told,) = source.verdicts([(prompt(HARD, SOFT), "calm")])
    assert [v.satisfied for v in told] == [True, None]


def test_soft_criteria_without_a_judge_stop_and_say_what_to_add() -> None:
    source = ProgramVerdicts(patience=1).build()
    with pytest.raises(UserError, match="verdicts=hybrid"):
        source.verdicts([(prompt(SOFT), "calm")])


def test_one_allows_everything() -> None:
    source = watched(Recorder(fails=[True] * 9), max_unscored=1.0, patience=1)
    for _ in range(9):
        source.verdicts([(prompt(SOFT), "a")])


def test_a_hybrid_without_a_model_says_what_to_give() -> None:
    with pytest.raises(UserError, match="llm@judge_llm=openai"):
        HybridVerdicts().build()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: HybridVerdicts(judge="all"), "verdicts.judge: expected one of criterion, rubric"),
        (lambda: HybridVerdicts(form="yaml"), "verdicts.form"),
        (lambda: HybridVerdicts(unknown="skip"), "verdicts.unknown"),
        (lambda: HybridVerdicts(max_tokens=0), "verdicts.max_tokens"),
        (lambda: ProgramVerdicts(mode="lax"), "verdicts.mode"),
        (lambda: ProgramVerdicts(max_unscored=1.5), "verdicts.max_unscored"),
        (lambda: ProgramVerdicts(patience=0), "verdicts.patience"),
    ],
)
def test_bad_settings_name_the_key(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()


def test_soft_criteria_are_judged_at_once_and_replies_are_kept(tmp_path: Any) -> None:
    items = [(prompt(SOFT), f"response {number}") for number in range(12)]
    path = str(tmp_path / "judge.sqlite")
    with StubServer(lambda body: says(True), latency_s=0.05) as server:
        settings = OpenAIConfig(
            model="stub", base_url=server.base_url, api_key_env=None, concurrency=6
        )
        settings.cache.path = path
        model = settings.build()
        assert isinstance(model, CachedModel)
        source = HybridVerdicts().build(model)
        first = source.verdicts(items)
        assert server.max_at_once > 1
        calls = len(server.received)
        assert source.verdicts(items) == first
        assert len(server.received) == calls == 12
        model.close()


def test_a_server_that_fails_and_recovers_loses_no_verdict() -> None:
    faults = [Fault(status=500), Fault(status=503)]
    with StubServer(lambda body: says(True), faults=faults) as server:
        settings = OpenAIConfig(model="stub", base_url=server.base_url, api_key_env=None)
        model = settings.build()
        (told,) = HybridVerdicts().build(model).verdicts([(prompt(SOFT), "calm")])
        assert told[0].satisfied is True
        model.close()
