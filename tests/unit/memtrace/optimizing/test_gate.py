"""The gate: the level of its test, stopping early, question types, unscored answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memtrace.optimizing.gate import Gate, one_sided_p
from memtrace.optimizing.types import Decision, Example, Scored

Verdicts = list[tuple[str, float | None, float | None]]
"""Question type, score of the parent, score of the child."""
SCORES = st.sampled_from([0.0, 1.0, 1.0, None])
VERDICTS = st.lists(
    st.tuples(st.sampled_from("ab"), SCORES, st.sampled_from([0.0, 1.0, 1.0, 1.0, None])),
    max_size=40,
)


def scored(number: int, category: str, score: float | None, digest: str) -> Scored:
    example = Example(scope="m", id=f"q{number}", text="?", gold="x", category=category)
    return Scored(example=example, digest=digest, score=score)


def decided(
    verdicts: Verdicts, *, chunk: int = 3, max_drop: float = 0.01, least_lost: int = 2
) -> Decision:
    parent = [scored(n, row[0], row[1], "parent") for n, row in enumerate(verdicts)]
    child = {f"m::q{n}": scored(n, row[0], row[2], "child") for n, row in enumerate(verdicts)}

    def ask(examples: Sequence[Example]) -> list[Scored]:
        return [child[one.key] for one in examples]

    return Gate(chunk=chunk, max_drop=max_drop, least_lost=least_lost).decide(parent, ask)


@given(VERDICTS, st.sampled_from([0.0, 0.01, 0.2]))
def test_stopping_early_never_changes_the_decision(verdicts: Verdicts, max_drop: float) -> None:
    early = decided(verdicts, max_drop=max_drop)
    whole = decided(verdicts, chunk=1000, max_drop=max_drop)
    assert early.accepted == whole.accepted, (early, whole)
    assert early.seen <= whole.seen


@given(VERDICTS)
def test_what_is_accepted_is_better_whatever_the_unscored_answers_are(verdicts: Verdicts) -> None:
    decision = decided(verdicts)
    if not decision.accepted:
        return
    for filled in (0.0, 1.0):
        complete = [
            (category, old, filled if new is None else new) for category, old, new in verdicts
        ]
        assert decided(complete).accepted, (filled, decision)


@given(st.integers(0, 12), st.integers(0, 12))
def test_acceptance_is_the_exact_one_sided_test(wins: int, losses: int) -> None:
    verdicts: Verdicts = [("a", 0.0, 1.0)] * wins + [("a", 1.0, 0.0)] * losses
    decision = decided([*verdicts, *([("a", 1.0, 1.0)] * 4)], max_drop=1.0)
    expected = wins > losses and one_sided_p(wins, losses) <= 0.05
    assert decision.accepted == expected, decision


def test_the_level_holds_where_both_are_equally_good() -> None:
    """Over all outcomes of n discordant pairs, each as likely, at most alpha are accepted."""
    for n in range(1, 14):
        accepted = 0
        for outcome in range(2**n):
            wins = outcome.bit_count()
            accepted += wins > n - wins and one_sided_p(wins, n - wins) <= 0.05
        assert accepted / 2**n <= 0.05, (n, accepted)


def test_no_question_type_may_fall() -> None:
    better: Verdicts = [("a", 0.0, 1.0)] * 12
    worse: Verdicts = [("b", 1.0, 1.0)] * 18 + [("b", 1.0, 0.0)] * 2
    decision = decided([*better, *worse])
    assert not decision.accepted
    assert decision.drops == {"b": -0.1}
    assert "type b" in decision.reason
    assert decided([*better, *worse], max_drop=0.1).accepted


def test_one_lost_question_is_no_fall_unless_it_is_taken_by_the_letter() -> None:
    better: Verdicts = [("a", 0.0, 1.0)] * 12
    worse: Verdicts = [("b", 1.0, 1.0)] * 9 + [("b", 1.0, 0.0)]
    assert decided([*better, *worse]).accepted
    assert decided([*better, *worse], least_lost=1).drops == {"b": -0.1}


def test_failing_questions_are_no_way_through() -> None:
    won: Verdicts = [("a", 0.0, 1.0)] * 6
    failing: Verdicts = [("a", 1.0, None)] * 5
    decision = decided([*won, *failing], chunk=100, max_drop=1.0)
    assert not decision.accepted
    assert decision.losses == 5
    assert decision.unscored == 5
    assert "unscored" in decision.reason


def test_a_hopeless_child_costs_little() -> None:
    verdicts: Verdicts = [("a", 0.0, 0.0)] * 8 + [("a", 1.0, 1.0)] * 92
    assert decided(verdicts).seen < 10


def test_nothing_to_compare_is_no_gain() -> None:
    assert not decided([]).accepted
    assert decided([("a", None, 1.0)] * 20).seen == 0


@pytest.mark.parametrize(
    "options", [{"alpha": 0.0}, {"alpha": 1.0}, {"max_drop": -1}, {"chunk": 0}]
)
def test_impossible_settings_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected 0 < alpha"):
        Gate(**options)  # type: ignore[arg-type]
