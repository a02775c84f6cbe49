"""Blame in shares, and what a rewrite is shown of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from optimizing_support import Open

from memtrace.attribution.types import Attribution, DecisiveSet, Rate, Verdict
from memtrace.optimizing.blaming import Blamer, blame_mass, shares_of
from memtrace.optimizing.components import uses_of
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.records import blamed_record, blind_record, kept_record
from memtrace.optimizing.types import Blame, LimitReachedError, Scored


def failures(evaluator: Evaluator) -> list[Scored]:
    scores = evaluator.evaluate(evaluator.seed, evaluator.examples, keeps_trace=True)
    return [one for one in scores if one.is_failure]


def blames(evaluator: Evaluator) -> list[Blame]:
    blamer = Blamer(evaluator)
    return [blamer.blame(one) for one in failures(evaluator)[:2]]


def test_the_spoilt_prompt_is_blamed(evaluator: Open) -> None:
    mass, _ = blame_mass(blames(evaluator()))
    assert max(mass, key=lambda name: mass[name]) == "summary", mass


def test_replays_are_metric_calls(evaluator: Open) -> None:
    made = evaluator()
    found = blames(made)
    assert any(one.attribution.is_proved for one in found)
    assert made.spending.proofs > 0
    assert made.spending.metric_calls == len(made.examples) + made.spending.proofs


def test_replays_keep_to_the_limit(evaluator: Open) -> None:
    made = evaluator(max_metric_calls=14)
    blamer, wrong = Blamer(made), failures(made)

    def blame_all() -> None:
        for one in wrong:
            blamer.blame(one)

    with pytest.raises(LimitReachedError):
        blame_all()
    assert made.spending.metric_calls <= 14


def test_without_replays_blame_costs_nothing(evaluator: Open) -> None:
    made = evaluator(max_metric_calls=12)
    blamer = Blamer(made, method="survival")
    assert any(blamer.blame(one).shares for one in failures(made))
    assert made.spending.proofs == 0
    assert made.left == 0


def test_a_failure_is_attributed_once(evaluator: Open) -> None:
    made = evaluator()
    blamer, one = Blamer(made), failures(made)[0]
    assert blamer.known(one) is None
    first = blamer.blame(one)
    spent = made.spending.proofs
    assert blamer.blame(one) is first is blamer.known(one)
    assert made.spending.proofs == spent


def test_members_of_a_proved_set_share_the_blame(evaluator: Open) -> None:
    made = evaluator()
    blame = blames(made)[0]
    reader = Blamer(made).reader(blame.scored)
    here = blame.attribution.suspects[0]
    asked = reader.operation(blame.operations["summary"])
    answer = reader.variable(blame.attribution.answer).producer
    assert answer is not None
    members = (
        replace(here, operation=asked.id), replace(here, operation=answer, name="answer"),
        replace(here, operation=None, name="ingestion"),
    )  # fmt: skip
    always = Rate(hits=1, trials=1, low=0.2, high=1.0)
    proved = replace(
        blame.attribution, verdict=Verdict.MEMORY,
        decisive=DecisiveSet(members=members, sufficiency=always),
    )  # fmt: skip
    shared = shares_of(blame.scored, proved, reader, made.components)
    assert shared.shares == pytest.approx({"summary": 1 / 3, "qa": 1 / 3})
    assert shared.elsewhere == pytest.approx({"ingestion": 1 / 3})


@pytest.mark.parametrize("verdict", [Verdict.ANNOTATION, Verdict.JUDGE, Verdict.NO_FAILURE])
def test_what_is_no_failure_teaches_nothing(evaluator: Open, verdict: Verdict) -> None:
    made = evaluator()
    scored = failures(made)[0]
    told = Attribution(
        answer=scored.answer or "", question="", prediction="", gold="", suspects=(), paths=(),
        confidence=1.0, verdict=verdict, reason="",
    )  # fmt: skip
    blame = shares_of(scored, told, Blamer(made).reader(scored), made.components)
    assert blame.is_invalid
    assert blame_mass([blame]) == ({}, {})


def test_a_record_says_what_was_lost_where_and_how_it_was_proved(evaluator: Open) -> None:
    made = evaluator()
    proved = next(one for one in blames(made) if one.attribution.is_proved and one.shares)
    reader = Blamer(made).reader(proved.scored)
    record = blamed_record(proved, reader, "summary")
    assert record is not None
    fact = proved.attribution.paths[0].fact.value
    assert fact in record.inputs
    assert fact not in record.outputs
    assert f'What had to survive: "{fact}"' in record.feedback
    assert "Proof: with this step's output repaired" in record.feedback
    assert not record.is_kept
    assert blamed_record(proved, reader, "qa") is None, "it had no part"


def test_a_record_of_a_success_asks_to_keep_it(evaluator: Open) -> None:
    made = evaluator()
    scores = made.evaluate(made.seed, made.examples, keeps_trace=True)
    right = next(one for one in scores if one.score == 1)
    record = kept_record(right, Blamer(made).reader(right), "qa")
    assert record is not None
    assert record.is_kept
    assert "must go on working" in record.feedback
    assert right.prediction in record.outputs


def test_a_blind_record_is_one_use_and_the_metric(evaluator: Open) -> None:
    made = evaluator()
    wrong = failures(made)[0]
    reader = Blamer(made).reader(wrong)
    record = blind_record(wrong, reader, "summary", 0)
    assert record is not None
    assert wrong.answer is not None
    uses = {one.operation for one in uses_of(reader, wrong.answer, "summary")}
    assert record.about["operation"] in uses
    assert "answered wrongly" in record.feedback
    assert "Proof" not in record.feedback
    assert record == blind_record(wrong, reader, "summary", 0)
