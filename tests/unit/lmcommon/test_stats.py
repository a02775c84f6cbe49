"""Intervals and tests against known values, and against scipy where it is installed."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.stats import (
    cohen_kappa,
    holm,
    mcnemar_exact,
    mean_interval,
    paired_bootstrap,
    quantile,
    ratio_interval,
    sign_flip_test,
    wilson_interval,
)

COUNTS = st.integers(min_value=0, max_value=60)
SHARES = st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 0, 0.0, 1.0), (8, 10, 0.4902, 0.9433), (0, 20, 0.0, 0.1611), (20, 20, 0.8389, 1.0)],
)
def test_wilson_known_values(hits: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(hits, n) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(("hits", "n"), [(-1, 3), (4, 3)])
def test_wilson_refuses_impossible_counts(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        wilson_interval(hits, n)


@given(COUNTS, COUNTS)
@settings(deadline=None)
def test_wilson_agrees_with_scipy(hits: int, misses: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    n = hits + misses
    if n:
        theirs = stats.binomtest(hits, n).proportion_ci(method="wilson")
        assert wilson_interval(hits, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(
    ("left", "right", "p"), [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (1, 9, 22 / 1024)]
)
def test_mcnemar_known_values(left: int, right: int, p: float) -> None:
    assert mcnemar_exact(left, right) == pytest.approx(p)


@given(COUNTS, COUNTS)
@settings(deadline=None)
def test_mcnemar_is_the_two_sided_binomial_test(left: int, right: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    theirs = stats.binomtest(left, left + right, 0.5).pvalue if left + right else 1.0
    assert mcnemar_exact(left, right) == pytest.approx(theirs, abs=1e-9)


def test_mcnemar_of_thousands_does_not_overflow() -> None:
    assert 0 < mcnemar_exact(3000, 3300) < 1e-3


def test_sign_flips_of_five_equal_gains() -> None:
    """Of 32 sign patterns only all-plus and all-minus are as far from 0."""
    assert sign_flip_test([1.0] * 5, [0.0] * 5, seed=0) == pytest.approx(2 / 32)


@given(SHARES)
@settings(deadline=None)
def test_no_difference_is_no_evidence(values: list[float]) -> None:
    assert sign_flip_test(values, values, seed=0) == 1.0


def test_many_sign_flips_are_drawn_and_are_repeatable() -> None:
    rng = random.Random(3)
    right = [rng.random() for _ in range(200)]
    left = [min(1.0, value + 0.2 * rng.random()) for value in right]
    first = sign_flip_test(left, right, seed=1, draws=2000)
    assert first == sign_flip_test(left, right, seed=1, draws=2000)
    assert first == pytest.approx(1 / 2001), "nothing drawn is as far off, and p is not 0"


@given(SHARES, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_sign_flip_test_is_symmetric(values: list[float], rng: random.Random) -> None:
    others = [rng.random() for _ in values]
    forth, back = sign_flip_test(values, others, seed=0), sign_flip_test(others, values, seed=0)
    assert forth == pytest.approx(back, abs=0.03), (values, others)


@given(SHARES)
@settings(deadline=None)
def test_a_mean_lies_in_its_interval(values: list[float]) -> None:
    low, high = mean_interval(values, seed=0, draws=400)
    mean = math.fsum(values) / len(values)
    assert low - 1e-9 <= mean <= high + 1e-9, (values, low, high)


def test_the_interval_of_a_mean_narrows_with_more_values() -> None:
    few, many = [0.0, 1.0] * 10, [0.0, 1.0] * 1000
    width = [high - low for low, high in (mean_interval(v, seed=0) for v in (few, many))]
    assert width[1] < width[0] / 5, width


def test_no_values_no_interval() -> None:
    assert mean_interval([], seed=0) == (-math.inf, math.inf)


def test_a_paired_interval_is_of_the_difference() -> None:
    low, high = paired_bootstrap([1.0, 0.9, 1.0, 0.8], [0.5, 0.4, 0.5, 0.3], seed=0)
    assert (low, high) == pytest.approx((0.5, 0.5))


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="expected pairs"):
        paired_bootstrap([1.0], [], seed=0)


def test_kappa_known_value() -> None:
    """Twenty of fifty both yes, fifteen both no, five and ten apart: 0.4."""
    left = ["y"] * 20 + ["y"] * 5 + ["n"] * 10 + ["n"] * 15
    right = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohen_kappa(left, right) == pytest.approx(0.4)


@given(st.lists(st.sampled_from("abc"), min_size=1))
@settings(deadline=None)
def test_kappa_of_equals_is_one_or_undefined(labels: list[str]) -> None:
    expected = None if len(set(labels)) == 1 else 1.0
    assert cohen_kappa(labels, labels) == (expected and pytest.approx(expected))


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 2.5), (0.95, 3.85), (1.0, 4.0)])
def test_quantiles_lie_between_neighbours(share: float, value: float) -> None:
    assert quantile([4, 1, 3, 2], share) == pytest.approx(value)


def test_holm_multiplies_the_least_by_the_number_of_tests_and_keeps_the_order() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_an_interval_of_a_ratio_keeps_what_belongs_to_an_item_together() -> None:
    low, high = ratio_interval([10, 0], [10, 10], seed=0)
    assert (low, high) == (0.0, 1.0)
    low, high = ratio_interval([1, 0] * 200, [1, 1] * 200, seed=0)
    assert 0.44 < low < 0.5 < high < 0.56


def test_items_without_a_whole_do_not_count_in_a_ratio() -> None:
    assert ratio_interval([2, 0], [4, 0], seed=0) == (0.5, 0.5)
    assert ratio_interval([], [], seed=0) == (-math.inf, math.inf)
