"""What GEPA is told, and when it is stopped."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from optimizing_support import Open, fragile_model

from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.types import LimitReachedError, Scored, Splits
from memtrace.optimizing.versions import VersionLog

pytest.importorskip("gepa")

from memtrace.optimizing.gepa.adapter import Adapter
from memtrace.optimizing.gepa.blind import _Improvement
from memtrace.optimizing.gepa.search import Search


def searching(evaluator: Evaluator, **options: Any) -> Search:
    train, validation = evaluator.examples[:6], evaluator.examples[6:]
    splits = Splits(train=train, validation=validation)
    search = Search(evaluator, splits, VersionLog(evaluator), **{"idle": 3, **options})
    scores = evaluator.evaluate(evaluator.seed, validation)
    search.first = {one.example.key: one for one in scores}
    return search


def failing(evaluator: Evaluator) -> dict[str, str]:
    seed = dict(evaluator.seed)
    return {**seed, "qa": seed["qa"].replace("### user", "BREAK DOWN\n### user")}


def test_an_unscored_validation_question_neither_wins_nor_loses(evaluator: Open) -> None:
    made = evaluator(model=fragile_model())
    search = searching(made)
    batch = Adapter(search).evaluate(search.splits.validation, failing(made))
    assert all(one.score is None for one in batch.outputs)
    assert batch.scores == [search.first[one.key].score for one in search.splits.validation]
    assert {0.0, 1.0} == set(batch.scores)


def test_an_unscored_training_question_teaches_nothing(evaluator: Open) -> None:
    """GEPA passes over a batch whose scores are all perfect."""
    made = evaluator(model=fragile_model())
    search = searching(made)
    batch = Adapter(search).evaluate(search.splits.train, failing(made), capture_traces=True)
    assert batch.scores == [1.0] * 6
    assert batch.trajectories == batch.outputs


def test_unscored_answers_are_no_improvement(evaluator: Open) -> None:
    made = evaluator(model=fragile_model())
    search = searching(made)
    parent, child = dict(made.seed), failing(made)
    before = made.evaluate(parent, search.splits.train)
    assert any(one.is_failure for one in before)
    proposal = SimpleNamespace(
        candidate=child, parent_program_ids=[0], eval_before=SimpleNamespace(outputs=before),
        eval_after=SimpleNamespace(outputs=made.evaluate(child, search.splits.train)),
    )  # fmt: skip
    state = SimpleNamespace(program_candidates=[parent])
    assert not _Improvement(search).should_accept(proposal, state)
    assert not search.log.versions[0].decision.accepted


def test_runs_are_kept_where_they_will_be_read(evaluator: Open) -> None:
    made = evaluator()
    search = searching(made)
    adapter = Adapter(search)
    child = {**made.seed, "qa": made.seed["qa"].replace("### user", "Be brief.\n### user")}

    def kept(candidate: dict[str, str], examples: Any) -> list[bool]:
        scores: list[Scored] = adapter.evaluate(examples, candidate, True).outputs
        return [one.trace is not None for one in scores]

    assert kept(dict(made.seed), search.splits.train[:2]) == [True, True]
    assert kept(child, search.splits.train[:2]) == [False, False], "not in the pool yet"
    assert kept(child, search.splits.validation[:2]) == [False, False], "never reflected on"


def test_it_stops_when_nothing_new_is_asked(evaluator: Open) -> None:
    search = searching(evaluator(), idle=3)
    asked = 0
    while not search._stops(None):
        asked += 1
    assert asked == 3
    assert search.stopped == "3 rounds in a row asked nothing new"


def test_it_stops_when_nothing_is_gained(evaluator: Open) -> None:
    made = evaluator()
    search = searching(made, idle=100, patience=2)
    while not search._stops(None):
        made.spending.proofs += 1
    assert search.stopped == "2 rounds in a row without an accepted version"


def test_it_stops_at_the_limit(evaluator: Open) -> None:
    made = evaluator(max_metric_calls=7)
    search = searching(made)
    assert not search._stops(None)
    made.evaluate(made.seed, search.splits.train[:1])
    assert search._stops(None)
    assert search.stopped == "all 7 metric calls are spent"


def test_a_kept_exception_is_not_tried_away(evaluator: Open) -> None:
    search = searching(evaluator())
    for _ in range(2):
        with pytest.raises(LimitReachedError, match="spent"), search.guarded():
            raise LimitReachedError("spent")
    assert search._stops(None)
