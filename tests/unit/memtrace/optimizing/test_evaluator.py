"""What a candidate is worth: replayed, counted once, written down, limited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from optimizing_support import CURE, Open, fragile_model, system_model

from lmcommon.errors import UserError
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.types import Candidate, LimitReachedError


def cured(evaluator: Evaluator) -> dict[str, str]:
    seed = dict(evaluator.seed)
    return {**seed, "summary": seed["summary"].replace("### user", f"{CURE}\n### user")}


def failing(candidate: Candidate) -> dict[str, str]:
    """A question prompt on which the model breaks down."""
    return {**candidate, "qa": candidate["qa"].replace("### user", "BREAK DOWN\n### user")}


def test_the_first_version_is_scored_by_the_recording(evaluator: Open) -> None:
    made = evaluator(model=None)
    scores = made.evaluate(made.seed, made.examples)
    assert {one.score for one in scores} == {0.0, 1.0}
    assert made.spending.model_calls == 0
    assert made.spending.evaluations == len(made.examples) == 12


def test_another_prompt_changes_answers(evaluator: Open) -> None:
    made = evaluator()
    before = sum(one.score or 0 for one in made.evaluate(made.seed, made.examples))
    after = sum(one.score or 0 for one in made.evaluate(cured(made), made.examples))
    assert after > before
    assert made.spending.model_calls > 0


def test_a_pair_is_counted_once(evaluator: Open) -> None:
    made, some = evaluator(), evaluator().examples[:3]
    better = cured(made)
    assert made.price(better, some) == 3
    for _ in range(2):
        made.evaluate(better, some)
        made.evaluate(better, some[:2], keeps_trace=True)
    assert made.spending.evaluations == 3
    assert made.price(better, made.examples[:4]) == 1


def test_a_kept_run_holds_the_answer(evaluator: Open) -> None:
    made = evaluator()
    for one in made.evaluate(cured(made), made.examples[:2], keeps_trace=True):
        assert one.trace is not None
        assert one.answer is not None
        assert made.laboratory(one.trace).trace.value(one.answer) == one.prediction


def test_what_does_not_fit_is_not_begun(evaluator: Open) -> None:
    made = evaluator(max_metric_calls=5)
    made.evaluate(made.seed, made.examples[:4])
    with pytest.raises(LimitReachedError, match="4 of 5 metric calls"):
        made.evaluate(cured(made), made.examples[:2])
    assert made.spending.metric_calls == 4
    assert made.spending.model_calls == 0
    made.evaluate(made.seed, made.examples[:4])  # costs nothing
    assert made.left == 1


def test_nothing_new_can_be_asked_even_beyond_the_limit(evaluator: Open) -> None:
    made = evaluator(max_metric_calls=3)
    made.evaluate(made.seed, made.examples[:3])
    made.spending.proofs = 2
    assert made.left == -2
    assert len(made.evaluate(made.seed, made.examples[:3])) == 3


def test_a_loop_that_goes_on_pays_nothing_twice(evaluator: Open, tmp_path: Path) -> None:
    first = evaluator()
    scores = first.evaluate(cured(first), first.examples)
    journal = tmp_path / "loop" / "evaluations.jsonl"
    with journal.open("a", encoding="utf-8") as file:
        file.write('{"digest": "cut sho')  # killed while writing
    again = evaluator()
    assert again.evaluate(cured(again), again.examples) == scores
    assert again.spending.model_calls == 0
    assert again.spending.evaluations == first.spending.evaluations


def test_a_failed_answer_is_unscored_and_asked_again_later(evaluator: Open, tmp_path: Path) -> None:
    made = evaluator(model=fragile_model())
    (one,) = made.evaluate(failing(made.seed), made.examples[:1])
    assert one.score is None
    assert not one.is_failure
    assert one.failure
    assert made.spending.evaluations == 1
    row = json.loads((tmp_path / "loop" / "evaluations.jsonl").read_text().splitlines()[-1])
    assert row["score"] is None
    again = evaluator(model=system_model())
    (later,) = again.evaluate(failing(again.seed), again.examples[:1])
    assert later.score is not None


def test_unknown_components_and_scopes_are_refused(evaluator: Open) -> None:
    with pytest.raises(UserError, match="expected some of qa, summary"):
        evaluator(components=["extraction"])
    with pytest.raises(UserError, match="at least one memory"):
        evaluator(scopes=["nobody"])


def test_kept_runs_are_not_all_open_at_a_time(
    evaluator: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memtrace.optimizing.evaluator._OPEN", 1)
    made = evaluator()
    scores = made.evaluate(cured(made), made.examples, keeps_trace=True)
    for one in scores:
        assert one.trace is not None
        assert one.answer is not None
        assert made.laboratory(one.trace).trace.value(one.answer) == one.prediction
