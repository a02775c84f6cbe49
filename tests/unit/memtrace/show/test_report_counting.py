"""The counts of a report: what is in a share, what is not, and in which order."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.stats import wilson_interval
from memtrace.attribution.types import Verdict
from memtrace.show.reporting import counting
from memtrace.show.reporting.building import build_report
from memtrace.show.reporting.choosing import choose, repairs_of
from memtrace.show.reporting.types import Lost, Spending, Studied
from memtrace.show.reporting.wording import share, spending

sys.path.insert(0, str(Path(__file__).parent))

from reporting_support import asked, body, wrong


def test_unscored_questions_are_in_no_share() -> None:
    questions = [asked(1), wrong(2), asked(3, state="unscored"), asked(4, state="unscored")]
    right, other, without = counting.accuracy(questions)
    assert (right.hits, right.trials, other.hits, without) == (1, 2, 1, 2)
    (row,) = counting.by_type(questions)
    assert (row.right.trials, row.unscored) == (2, 2)


def test_nothing_scored_is_no_share_and_not_zero() -> None:
    right, _, without = counting.accuracy([asked(1, state="unscored")])
    assert (right.share, share(right), without) == (None, "-", 1)


@given(st.integers(0, 40), st.integers(0, 40))
def test_intervals_are_those_of_wilson(good: int, bad: int) -> None:
    questions = [asked(n) for n in range(good)] + [wrong(n) for n in range(bad)]
    right, other, _ = counting.accuracy(questions)
    assert (right.low, right.high) == wilson_interval(good, good + bad)
    assert (other.low, other.high) == wilson_interval(bad, good + bad)


def test_annotation_and_judge_errors_are_not_the_systems() -> None:
    questions = [wrong(1), wrong(2, verdict=Verdict.JUDGE), wrong(3, verdict=Verdict.ANNOTATION)]
    assert [one.operation for one in counting.own_failures(questions)] == ["retrieve"]
    assert [one.case for one in counting.invalid(questions)] == [one.id for one in questions[1:]]


def test_an_abstention_stays_among_the_failures_and_is_listed_with_its_reason() -> None:
    questions = [wrong(1), wrong(2, verdict=Verdict.ABSTAINED, reason="too weak")]
    assert len(counting.own_failures(questions)) == 2
    (left,) = counting.unexplained(questions)
    assert (left.case, left.why) == (questions[1].id, "too weak")


def test_a_wrong_answer_without_an_attribution_says_why() -> None:
    (left,) = counting.unexplained([asked(1, state="wrong", obstacle="its model call failed")])
    assert (left.what, left.why) == ("not attributed", "its model call failed")


def test_the_worst_operation_comes_first_with_what_was_lost_there() -> None:
    lost = (Lost(value="Oslo", operation="op-9", name="trim", loss="trimmed"),) * 2
    questions = (
        wrong(1), wrong(2, operation="trim", error_type="update", lost=lost),
        wrong(3, operation="trim", error_type="update", proved=True), asked(4),
    )  # fmt: skip
    studied = Studied(
        system="rag", data="d", model="m", runs=(), asked=questions,
        costs={"trim": Spending(count=3, ms=2.0)},
    )  # fmt: skip
    first, second = counting.operations_of(studied, 5)
    assert (first.name, first.failures.hits, first.failures.trials) == ("trim", 2, 3)
    assert (first.proved, first.facts_lost, first.error_types) == (1, 2, ("update",))
    assert first.spent == Spending(count=3, ms=2.0)
    assert second.spent is None, "what no trace tells is not zero"
    assert spending(second.spent) == "not told"
    assert len(counting.operations_of(studied, 1)) == 1


def test_facts_lost_are_not_told_without_a_trace() -> None:
    studied = Studied(system="rag", data="d", model="m", runs=(), asked=(wrong(1),))
    assert counting.operations_of(studied, 5)[0].facts_lost is None


def test_examples_proved_first_then_types_in_turn_then_the_surest() -> None:
    cases = [
        wrong(1, category="a", confidence=0.9), wrong(2, category="a", proved=True),
        wrong(3, category="b", confidence=0.5), wrong(4, category="a", confidence=0.95),
        wrong(5, category="a", proved=True, confidence=0.99),
        wrong(6, category="b", proved=True, confidence=0.1),
    ]  # fmt: skip
    assert [one.id.split("/")[2] for one in choose(cases, 5)] == ["q5", "q6", "q2", "q3", "q4"]


@given(st.permutations(range(8)), st.integers(1, 9))
def test_the_choice_does_not_depend_on_the_order(order: list[int], most: int) -> None:
    cases = [
        wrong(n, category="abc"[n % 3], confidence=n % 4 / 4, proved=n % 5 == 0) for n in range(8)
    ]
    chosen = choose([cases[place] for place in order], most)
    assert chosen == choose(cases, most)
    assert len(chosen) == min(most, 8)


def test_repairs_are_told_with_what_came_of_them() -> None:
    assert repairs_of(body(proved=True)) == (("op-9: found it", "right 1 of 1 times", "Oslo"),)
    assert repairs_of(body()) == ()


def test_spending_adds_up() -> None:
    one = Spending(1, 2, 3, 4, 0.5, 6.0, 7, 8.0)
    assert one + one == Spending(2, 4, 6, 8, 1.0, 12.0, 14, 16.0)
    assert spending(Spending(count=2, ms=3.0)) == "2 times, 3 ms"


def test_a_report_of_nothing_worked_out_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1; got 0"):
        build_report("x", operations=0)
