"""Who answers a model call: an intervention, the recording, or the model."""

from __future__ import annotations

from pathlib import Path

import pytest

import memtrace
from lmcommon.errors import UserError
from lmcommon.llm import Sampling, ScriptedModel, chat
from lmcommon.llm.types import ModelFailure
from memtrace.execution import (
    Execution,
    Place,
    RecordedReplies,
    Replace,
    Resample,
    Scope,
    Stage,
    SwapModel,
    TracedModel,
    complete,
    execute,
    next_place,
    within,
)

HOT = Sampling(temperature=0.7)


def ask(model: ScriptedModel, texts: list[str], scope: Scope, sampling: Sampling) -> list[str]:
    """Each text is asked by a stage of its own."""
    said = []
    for text in texts:
        with within("ask", scope=scope), Stage("call", points=("reply",)) as op:
            said.append(op.generate(model, chat(text, sampling=sampling)).text)
    return said


def echo() -> ScriptedModel:
    return ScriptedModel(lambda request: f"{request.messages[-1].content} {request.draw}")


def record(path: Path, texts: list[str], sampling: Sampling = HOT) -> list[str]:
    with memtrace.record(path):
        return ask(echo(), texts, Scope("a"), sampling)


def test_the_same_request_in_one_scope_is_another_draw_each_time(tmp_path: Path) -> None:
    assert record(tmp_path / "t.db", ["x", "x", "y"]) == ["x 0", "x 1", "y 0"]


def test_without_sampling_there_is_one_draw(tmp_path: Path) -> None:
    said = record(tmp_path / "t.db", ["x", "x"], Sampling())
    assert said == ["x 0", "x 0"]


def test_recorded_draws_come_back_in_order(tmp_path: Path) -> None:
    before = record(tmp_path / "t.db", ["x", "x", "y"])
    with memtrace.open(tmp_path / "t.db") as trace:
        execution = Execution(replies=RecordedReplies(trace))
        with memtrace.record(tmp_path / "r.db") as recorder, execute(recorder, execution):
            said = ask(echo(), ["x", "x", "y"], Scope("a"), HOT)
    assert said == before
    assert (execution.ledger.called, execution.ledger.recorded) == (0, 3), execution.trail


def test_a_reply_of_an_intervention_is_not_asked_for(tmp_path: Path) -> None:
    model = ScriptedModel(["one", "three"])
    place = Place("a", "ask/call#1")
    execution = Execution(interventions=[Replace(at=place, role="reply", value="two")])
    with memtrace.record(tmp_path / "t.db") as recorder, execute(recorder, execution):
        said = ask(model, ["1", "2", "3"], Scope("a"), Sampling())
    assert said == ["one", "two", "three"]
    assert len(model.requests) == 2
    with memtrace.open(tmp_path / "t.db") as trace:
        notes = [op.metadata["call"].get("origin") for op in trace.operations(name="call")]
    assert notes == [None, "intervened", None]


def test_resampling_is_a_draw_that_no_run_makes_by_itself(tmp_path: Path) -> None:
    model = ScriptedModel(lambda request: str(request.draw))
    execution = Execution(interventions=[Resample(at=Place("a", "ask/call#0"), draw=2)])
    with memtrace.record(tmp_path / "t.db") as recorder, execute(recorder, execution):
        said = ask(model, ["x", "x"], Scope("a"), HOT)
    assert said == ["2000000", "1"]
    assert execution.unapplied == ()


def test_another_model_for_one_operation(tmp_path: Path) -> None:
    usual, other = ScriptedModel({"": "usual"}), ScriptedModel({"": "other"}, name="other")
    execution = Execution(models=[SwapModel(model=other, operation="second")])
    with (
        memtrace.record(tmp_path / "t.db") as recorder,
        execute(recorder, execution),
        within("x", scope=Scope("a")),
    ):
        places = [next_place("first"), next_place("second")]
        done = complete(usual, [chat("hi"), chat("hi")], places)
    assert [one.response.text for one in done] == ["usual", "other"]


def test_a_recorded_failure_comes_back_unless_it_is_to_be_asked_again(tmp_path: Path) -> None:
    failing = ScriptedModel({"": ModelFailure(kind="timeout", message="late")}, name="m")
    with memtrace.record(tmp_path / "t.db"):
        ask(failing, ["x"], Scope("a"), Sampling())
    with memtrace.open(tmp_path / "t.db") as trace:
        replies = RecordedReplies(trace)
        kinds = []
        for retries in (False, True):
            execution = Execution(replies=replies, retries_failures=retries)
            path = tmp_path / f"{retries}.db"
            with memtrace.record(path) as recorder, execute(recorder, execution):
                ask(failing, ["x"], Scope("a"), Sampling())
            kinds.append((execution.ledger.recorded, execution.ledger.called))
    assert kinds == [(1, 0), (0, 1)]


def replayed(
    path: Path, out: Path, texts: list[str], *interventions: Replace,
    model: ScriptedModel | None = None,
) -> list[str]:  # fmt: skip
    """What is said when a recording answers."""
    with memtrace.open(path) as trace:
        execution = Execution(replies=RecordedReplies(trace), interventions=interventions)
        with memtrace.record(out) as recorder, execute(recorder, execution):
            return ask(model or echo(), texts, Scope("a"), Sampling())


def test_a_request_that_failed_once_and_then_succeeded_comes_back_as_it_was(
    tmp_path: Path,
) -> None:
    replies = iter([ModelFailure(kind="timeout", message="late"), "one", "two"])
    flaky = ScriptedModel(lambda request: next(replies))
    with memtrace.record(tmp_path / "t.db"):
        before = ask(flaky, ["x", "x", "x"], Scope("a"), Sampling())
    assert before == ["", "one", "two"]
    texts = ["x", "x", "x"]
    assert replayed(tmp_path / "t.db", tmp_path / "r.db", texts, model=flaky) == before


def test_a_changed_reply_stays_at_its_place_when_it_is_replayed(tmp_path: Path) -> None:
    texts = ["x", "x", "x"]
    record(tmp_path / "t.db", texts, Sampling())
    change = Replace(at=Place("a", "ask/call#0"), role="reply", value="mine")
    said = replayed(tmp_path / "t.db", tmp_path / "once.db", texts, change)
    assert said == ["mine", "x 0", "x 0"]
    assert replayed(tmp_path / "once.db", tmp_path / "twice.db", texts) == said


@pytest.mark.parametrize("value", [None, 3, ["a"]])
def test_a_reply_that_is_no_text_is_refused(tmp_path: Path, value: object) -> None:
    record(tmp_path / "t.db", ["x"], Sampling())
    change = Replace(at=Place("a", "ask/call#0"), role="reply", value=value)
    with pytest.raises(UserError, match="expected a str"):
        replayed(tmp_path / "t.db", tmp_path / "r.db", ["x"], change)


def test_code_that_knows_nothing_of_stages_is_recorded_too(tmp_path: Path) -> None:
    model = TracedModel(ScriptedModel({"": "yes"}), name="judge_call", kind="judge")
    with memtrace.record(tmp_path / "t.db"), within("judging", scope=Scope("a")):
        assert [r.text for r in model.generate([chat("a"), chat("b")])] == ["yes", "yes"]
    with memtrace.open(tmp_path / "t.db") as trace:
        places = [op.metadata["place"][1] for op in trace.operations(name="judge_call")]
        assert len(RecordedReplies(trace)) == 2
    assert places == ["judging/judge_call#0", "judging/judge_call#1"]


def test_outside_a_recording_the_model_is_asked() -> None:
    model = ScriptedModel({"": "yes"})
    with within("x", scope=Scope("a")):
        (done,) = complete(model, [chat("hi")], [next_place("call")])
    assert done.response.text == "yes"
