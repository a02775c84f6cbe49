"""Paired tests: the same cases only, and figures that can be counted by hand."""

from __future__ import annotations

import pytest

from memtrace.scoring import Comparison, Outcome, compare

from .scoring_support import label, outcome, said


def rows(method: str, right: str) -> list[Outcome]:
    """One case a letter: `r` right, `w` wrong, `x` failed."""
    bodies = {"r": said("op-1"), "w": said("op-2"), "x": None}
    return [
        outcome(str(n), label("op-1"), bodies[letter], method=method,
                distance=0 if letter == "r" else None)
        for n, letter in enumerate(right)
    ]  # fmt: skip


def exact(left: str, right: str) -> Comparison:
    found = {one.metric: one for one in compare(rows("a", left), rows("b", right))}
    return found["exact"]


def test_only_discordant_cases_bear_on_the_test() -> None:
    found = exact("rrrrrrww", "wwwwwrww")
    assert (found.only_left, found.only_right, found.cases) == (5, 0, 8)
    assert found.p == pytest.approx(0.0625)
    assert found.low <= found.left - found.right <= found.high


def test_cases_that_one_of_them_failed_are_left_out() -> None:
    found = exact("rxr", "rrw")
    assert (found.cases, found.left, found.right) == (2, 1.0, 0.5)


def test_a_method_against_itself() -> None:
    for one in compare(rows("a", "rrww"), rows("b", "rrww")):
        assert (one.p, one.only_left, one.only_right) == (1.0, 0, 0), one


def test_f1_is_compared_by_sign_flips() -> None:
    found = {one.metric: one for one in compare(rows("a", "rrrrr"), rows("b", "wwwww"))}
    assert found["f1"].test == "sign flips"
    assert found["f1"].p == pytest.approx(2 / 32)


def test_metrics_that_apply_to_no_case_are_left_out() -> None:
    assert "false_blame" not in {one.metric for one in compare(rows("a", "r"), rows("b", "r"))}
