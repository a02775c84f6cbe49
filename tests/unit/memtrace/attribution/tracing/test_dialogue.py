"""The conversation: budget, malformed replies, failures, voting, transcript, cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.llm.cache import CachedModel
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest, ModelFailure
from memtrace.attribution import ErrorType, LossKind, Verdict, examine
from memtrace.attribution.tracing import TracingSettings, TracingStage
from memtrace.attribution.tracing.types import Finding
from memtrace.attribution.tracing.verdict import suspect_findings

ALWAYS = TracingSettings(only_if_unsure=False)


def finish(operation: str | None = "o1", error_type: str = "update", **more: Any) -> dict[str, Any]:
    told = {"action": "finish", "operation": operation, "error_type": error_type}
    return {**told, "confidence": 0.8, "reason": "it dropped the line", **more}


def test_a_verdict_becomes_a_suspect(run: Any, asked: Any) -> None:
    handle = run.handle("trim")
    found = examine(run.reader, run.question(), [TracingStage(asked(finish(handle)))])
    first = found.suspects[0]
    assert (first.name, first.error_type, first.score) == ("trim", "update", 0.8)
    assert (first.stage, first.loss) == ("tracing", LossKind.TRIMMED)
    assert first.evidence == "it dropped the line"


def test_an_operation_that_does_not_exist_is_never_blamed(run: Any, asked: Any) -> None:
    model = asked(finish("o77777"), finish("op-1"), finish(run.handle("trim")))
    found = examine(run.reader, run.question(), [TracingStage(model)])
    assert found.suspects[0].name == "trim", found.log
    assert "refused: there is no operation 'o77777'" in model.shown[1], model.shown[1]


def test_no_operation_is_blamed_for_a_wrong_label(run: Any, asked: Any) -> None:
    model = asked(finish("o1", "annotation"))
    found = examine(run.reader, run.question(), [TracingStage(model)])
    assert (found.verdict, found.operation) == (Verdict.ANNOTATION, None), found.log


def test_the_first_frontier_is_what_read_the_start_messages(run: Any, asked: Any) -> None:
    model = asked(finish())
    examine(run.reader, run.question(), [TracingStage(model)])
    assert "operations opened: o1; open now: o1; waiting: none" in model.shown[0]


def test_calls_stop_at_the_limit(run: Any, asked: Any) -> None:
    model = asked()
    settings = TracingSettings(max_calls=5)
    found = examine(run.reader, run.question(), [TracingStage(model, settings)])
    assert len(model.shown) <= 5
    assert found.abstained, found.log
    assert "the budget is spent, and no guess was made" in found.log[-1], found.log


@pytest.mark.parametrize("limit", [2500, 6000, 12_000])
def test_tokens_stay_under_the_limit(run: Any, asked: Any, limit: int) -> None:
    settings = TracingSettings(max_calls=100, max_tokens=limit)
    found = examine(run.reader, run.question(), [TracingStage(asked(), settings)])
    assert found.cost is not None
    assert found.cost["prompt_tokens"] + found.cost["completion_tokens"] <= limit, found.cost


def test_the_last_turns_ask_for_the_verdict(run: Any, asked: Any) -> None:
    model = asked()
    examine(run.reader, run.question(), [TracingStage(model, TracingSettings(max_calls=6))])
    assert "this is your last turn" in model.shown[-1].splitlines()[-1], model.shown[-1]
    assert "this is your last turn" not in model.shown[0].splitlines()[-1]


def test_the_best_guess_counts_when_the_budget_is_spent(run: Any, asked: Any) -> None:
    guess = {"action": "open", "target": "o1", "operation": "o2", "error_type": "update"}
    settings = TracingSettings(max_calls=5)
    found = examine(run.reader, run.question(), [TracingStage(asked(guess), settings)])
    assert found.operation == run.region().operation("o2").id, found.log
    assert "best guess when the budget was spent" in found.log[-1], found.log


def test_a_malformed_reply_is_told_and_the_next_one_counts(run: Any, asked: Any) -> None:
    model = asked("I think it is o3.", "Really.", finish(run.handle("trim")))
    found = examine(run.reader, run.question(), [TracingStage(model)])
    assert found.suspects[0].name == "trim", found.log
    assert "refused: the reply was no action" in model.shown[-1], model.shown[-1]


def test_a_model_that_cannot_write_json_is_given_up(run: Any, asked: Any) -> None:
    model = asked(*["no"] * 40)
    settings = TracingSettings(max_calls=40, max_tokens=10**6)
    found = examine(run.reader, run.question(), [TracingStage(model, settings)])
    assert found.abstained
    assert "3 malformed replies in a row" in found.log[-1], found.log
    assert len(model.shown) == 6, "each is repaired once"


def test_a_failed_call_is_unscored_and_told(run: Any, asked: Any) -> None:
    model = asked(ModelFailure(kind="timeout", message="no reply in 30 s"))
    found = examine(run.reader, run.question(), [TracingStage(model)])
    assert found.suspects == ()
    assert "no finding after 1 turns: timeout: no reply in 30 s" in found.log[-1], found.log


def test_samples_are_draws_of_their_own(run: Any, asked: Any) -> None:
    model = asked(finish(), finish(), finish())
    settings = TracingSettings(samples=3)
    examine(run.reader, run.question(), [TracingStage(model, settings)])
    assert [request.draw for request in model.requests] == [0, 1, 2]
    assert {request.sampling.temperature for request in model.requests} == {0.7}


def test_samples_vote(run: Any, asked: Any) -> None:
    trim = run.handle("trim")
    model = asked(finish(trim), finish("o1", confidence=0.9), finish(trim, confidence=0.6))
    found = examine(run.reader, run.question(), [TracingStage(model, TracingSettings(samples=3))])
    shown = [(suspect.name, suspect.score) for suspect in found.suspects]
    assert shown == [("trim", pytest.approx(1.4 / 3, abs=1e-3)), ("append", 0.3)], shown
    assert "(2 of 3 samples)" in found.reason


def test_a_failed_sample_weakens_the_vote(run: Any, asked: Any) -> None:
    failure = ModelFailure(kind="connection", message="gone")
    model = asked(finish(run.handle("trim")), failure)
    found = examine(run.reader, run.question(), [TracingStage(model, TracingSettings(samples=2))])
    assert found.confidence == 0.4, found.log


def test_agreement_with_an_earlier_stage_raises_the_score(run: Any) -> None:
    case = run.case()
    operation = run.region().operation(run.handle("trim"))
    case.suspect(operation, ErrorType.UPDATE, LossKind.TRIMMED, 0.5, "words")
    finding = Finding(
        error_type=ErrorType.UPDATE, operation=operation.id, reason="r", confidence=0.6
    )
    suspect_findings(case, [finding], 1, "tracing")
    assert [(one.operation, one.score) for one in case.ranked] == [(operation.id, 0.8)]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=6))
def test_a_score_is_a_share(votes: list[tuple[bool, float]]) -> None:
    case = _Counting()
    findings = [
        Finding(
            error_type=ErrorType.JUDGE if judge else ErrorType.ANNOTATION, operation=None,
            reason="", confidence=confidence,
        )
        for judge, confidence in votes
    ]  # fmt: skip
    suspect_findings(case, findings, len(findings), "tracing")  # type: ignore[arg-type]
    assert all(0 <= score <= 1 for score in case.scores), case.scores
    assert sum(case.scores) <= 1 + 1e-9


class _Counting:
    """Takes suspects, remembers scores."""

    def __init__(self) -> None:
        self.scores: list[float] = []
        self.ranked: tuple[Any, ...] = ()

    def suspect(
        self, operation: Any, kind: Any, loss: Any, score: float, *_: Any, **__: Any
    ) -> None:
        self.scores.append(score)


def test_a_sure_suspect_saves_the_calls(run: Any, asked: Any) -> None:
    model = asked(finish())
    found = examine(run.reader, run.question(), ["survival", TracingStage(model)])
    assert model.shown == [], found.log
    assert found.suspects[0].name == "trim"
    found = examine(run.reader, run.question(), ["survival", TracingStage(model, ALWAYS)])
    assert len(model.shown) == 1, found.log


@pytest.mark.parametrize("sees", [False, True])
def test_suspects_of_earlier_stages_are_shown_only_if_wanted(
    run: Any, asked: Any, sees: bool
) -> None:
    model = asked(finish())
    settings = TracingSettings(only_if_unsure=False, sees_suspects=sees)
    examine(run.reader, run.question(), ["survival", TracingStage(model, settings)])
    assert ("suspected so far" in model.shown[0]) == sees, model.shown[0]


def test_the_transcript_holds_every_turn(run: Any, asked: Any) -> None:
    case = run.case()
    actions = [{"action": "search", "pattern": "lisbon"}, finish()]
    TracingStage(asked(*actions)).examine(case)
    assert [row["turn"] for row in case.transcript] == [1, 2]
    assert [json.loads(str(row["reply"])) for row in case.transcript] == actions
    assert all(str(row["shown"]).startswith("[begin data ") for row in case.transcript)
    json.dumps(case.transcript)


def test_notes_are_kept_between_turns(run: Any, asked: Any) -> None:
    note = {"action": "search", "pattern": "x", "note": "v5 says\nLisbon"}
    model = asked(note, finish())
    examine(run.reader, run.question(), [TracingStage(model)])
    assert '- search "x"; note "v5 says\\nLisbon"' in model.shown[1], model.shown[1]


def test_asking_once_more_costs_nothing(run: Any, asked: Any, tmp_path: Any) -> None:
    script = asked(*[{"action": "search", "pattern": "lisbon"}, finish()] * 2)
    model = CachedModel(script, tmp_path / "replies.db")
    costs = [examine(run.reader, run.question(), [TracingStage(model)]).cost for _ in range(2)]
    model.close()
    assert [cost and cost["model_calls"] for cost in costs] == [2, 0], costs


@pytest.mark.parametrize(
    ("told", "right"),
    [
        ({}, 'right answer: "Lisbon"'),
        ({"gold": None}, "right answer: none; the messages do not tell"),
        ({"gold": None, "is_live": True}, "right answer: not known"),
    ],
)
def test_the_model_is_told_what_is_known(run: Any, asked: Any, told: Any, right: str) -> None:
    model = asked(finish())
    examine(run.reader, run.question(**told), [TracingStage(model)])
    assert right in model.shown[0], model.shown[0]


@pytest.mark.parametrize("told", [{}, {"gold": None, "is_live": True}])
def test_without_evidence_it_begins_at_what_a_search_finds(run: Any, asked: Any, told: Any) -> None:
    model = asked(finish())
    question = run.question(evidence=None, **told)
    examine(run.reader, question, [TracingStage(model, TracingSettings(start_points=2))])
    lines = model.shown[0].splitlines()
    head = lines.index("messages found by a search; they may be beside the point:")
    assert "I finally moved to Lisbon" in "".join(lines[head + 1 : head + 3]), lines


def test_requests_follow_the_settings(run: Any) -> None:
    seen: list[ChatRequest] = []

    def reply(request: ChatRequest) -> str:
        seen.append(request)
        return json.dumps(finish())

    settings = TracingSettings(reply_tokens=77, temperature=0.2)
    examine(run.reader, run.question(), [TracingStage(ScriptedModel(reply), settings)])
    assert (seen[0].sampling.max_tokens, seen[0].sampling.temperature) == (77, 0.2)
    assert seen[0].schema is not None


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UserError, match="samples: expected at least 1"):
        TracingSettings(samples=0)
