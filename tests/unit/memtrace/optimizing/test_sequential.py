"""The sequential gate: its level at any time, what it asks, what a fallen type does to it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memtrace.optimizing.gate import Again
from memtrace.optimizing.sequential import SequentialGate, confirmed
from memtrace.optimizing.types import Decision, Example, Scored

Pair = tuple[str, float | None, float | None]


class Table:
    """Questions with what two versions answer; it notes who was asked what."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = {f"m::q{n}": pair for n, pair in enumerate(pairs)}
        self.asked: tuple[list[str], list[str]] = ([], [])

    @property
    def examples(self) -> list[Example]:
        return [self._example(key) for key in self.pairs]

    def first(self, examples: Sequence[Example]) -> list[Scored]:
        return self._scores(examples, 0)

    def second(self, examples: Sequence[Example]) -> list[Scored]:
        return self._scores(examples, 1)

    def _scores(self, examples: Sequence[Example], which: int) -> list[Scored]:
        self.asked[which].extend(one.key for one in examples)
        return [
            Scored(example=one, digest=str(which), score=self.pairs[one.key][1 + which])
            for one in examples
        ]

    def _example(self, key: str) -> Example:
        scope, _, identifier = key.partition("::")
        return Example(
            scope=scope, id=identifier, text="?", gold="!", category=self.pairs[key][0]
        )  # fmt: skip


def decided(
    table: Table, gate: SequentialGate | None = None, again: Again | None = None
) -> Decision:
    gate = gate or SequentialGate()
    return gate.decide_between(table.examples, table.first, table.second, again)


def test_a_clear_gain_is_taken_before_all_is_asked() -> None:
    table = Table([("a", 0.0, 1.0)] * 100)
    decision = decided(table)
    assert decision.accepted
    assert decision.seen == 8
    assert len(table.asked[0]) == len(table.asked[1]) == 8


def test_no_change_is_refused_before_all_is_asked() -> None:
    decision = decided(Table([("a", 1.0, 1.0)] * 100))
    assert not decision.accepted
    assert decision.seen == 24
    assert "not worth" in decision.reason


@pytest.mark.parametrize("seed", range(3))
def test_children_that_are_no_better_are_seldom_taken(seed: int) -> None:
    """However often it looks: alpha is 0.05, and every discordant pair is a coin."""
    rng = random.Random(seed)
    taken = 0
    for _ in range(400):
        pairs: list[Pair] = []
        for _ in range(96):
            first = float(rng.random() < 0.5)
            differs = rng.random() < 0.4
            pairs.append(("a", first, 1 - first if differs else first))
        taken += decided(Table(pairs), SequentialGate(patience=1000)).accepted
    assert taken / 400 <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5


@given(st.lists(st.tuples(
    st.sampled_from("ab"), st.sampled_from([0.0, 1.0, None]), st.sampled_from([0.0, 1.0, None])
), max_size=40))  # fmt: skip
def test_whatever_comes_the_decision_says_what_was_seen(pairs: list[Pair]) -> None:
    table = Table(pairs)
    decision = decided(table)
    assert decision.seen == len(table.asked[1]) <= len(pairs)
    assert decision.reason
    if decision.accepted:
        assert decision.wins > decision.losses
        assert decision.p_value is not None
        assert decision.p_value <= 0.05


def test_answers_without_a_score_count_as_lost_where_the_parent_was_right() -> None:
    decision = decided(Table([("a", 1.0, None)] * 10))
    assert not decision.accepted
    assert decision.losses == decision.unscored == 8


GAIN: list[Pair] = [("a", 0.0, 1.0)] * 12
FALL: list[Pair] = [("b", 1.0, 0.0)] * 2 + [("b", 1.0, 1.0)] * 6


def test_a_type_that_falls_keeps_a_gain_out() -> None:
    decision = decided(Table([*GAIN, *FALL]), SequentialGate(chunk=100))
    assert not decision.accepted
    assert "type b fall by 25.0%" in decision.reason


def test_further_questions_of_the_type_are_counted_with_the_others() -> None:
    more: list[Pair] = [("b", 0.0, 1.0)] * 2
    table = Table([*GAIN, *FALL, *more])
    further = table.examples[-2:]
    examples = table.examples[:-2]

    def again(category: str) -> list[Example]:
        assert category == "b"
        return further

    gate = SequentialGate(chunk=100)
    assert gate.decide_between(examples, table.first, table.second, again).accepted
    assert not gate.decide_between(examples, table.first, table.second).accepted


def test_the_confirmation_asks_everything_of_both() -> None:
    table = Table([*GAIN, ("b", 1.0, 0.0), ("b", 1.0, 1.0)])
    decision = confirmed(table.examples, table.first, table.second)
    assert decision.accepted
    assert decision.seen == 14
    strict = confirmed(table.examples, table.first, table.second, least_lost=1)
    assert not strict.accepted
    assert strict.drops == {"b": -0.5}


def test_the_confirmation_wants_a_gain() -> None:
    table = Table([("a", 1.0, 1.0)] * 5)
    assert not confirmed(table.examples, table.first, table.second).accepted


@pytest.mark.parametrize("bad", [{"stake": 0.0}, {"stake": 1.0}, {"patience": 0}, {"alpha": 2.0}])
def test_arguments_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected 0 <"):
        SequentialGate(**bad)  # type: ignore[arg-type]
