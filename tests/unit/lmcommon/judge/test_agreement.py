"""Agreement statistics against numbers worked out by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.judge import bootstrap_interval, compare_verdicts, wilson_interval

# 20 yes-yes, 5 judge-yes truth-no, 10 judge-no truth-yes, 15 no-no: the textbook example of kappa.
JUDGE = [True] * 25 + [False] * 25
TRUTH = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15


def test_textbook_kappa() -> None:
    found = compare_verdicts(JUDGE, TRUTH)
    assert (found.n, found.correct, found.accuracy) == (50, 35, 0.7)
    assert found.kappa == pytest.approx((0.7 - 0.5) / (1 - 0.5))
    assert found.balanced_accuracy == pytest.approx((20 / 30 + 15 / 20) / 2)


def test_unscored_pairs_are_counted_apart() -> None:
    found = compare_verdicts([*JUDGE, None, True, None], [*TRUTH, True, None, None])
    assert (found.n, found.unscored) == (50, 3)
    assert found.kappa == pytest.approx(0.4)


def test_a_judge_that_always_says_no_has_kappa_0_and_balanced_accuracy_a_half() -> None:
    found = compare_verdicts([False] * 10, [True] * 2 + [False] * 8)
    assert (found.accuracy, found.kappa, found.balanced_accuracy) == (0.8, 0.0, 0.5)


@pytest.mark.parametrize("pairs", [[], [(True, True)], [(False, False), (None, True)]])
def test_kappa_of_one_class_alone_is_undefined(pairs: list[tuple[bool | None, bool]]) -> None:
    assert compare_verdicts([a for a, _ in pairs], [b for _, b in pairs]).kappa is None


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2, 1"):
        compare_verdicts([True, False], [True])


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson_interval(successes: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=1e-4)


@settings(deadline=None)
@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_share(counts: tuple[int, int]) -> None:
    low, high = wilson_interval(*counts)
    assert 0 <= low <= counts[0] / counts[1] + 1e-12
    assert counts[0] / counts[1] - 1e-12 <= high <= 1


def test_bootstrap_is_seeded_and_close_to_wilson() -> None:
    items = [1.0] * 70 + [0.0] * 30
    first, again = (bootstrap_interval(items, lambda s: sum(s) / len(s), seed=3) for _ in "ab")
    assert first == again
    assert first == pytest.approx(wilson_interval(70, 100), abs=0.03)


def test_bootstrap_leaves_out_samples_without_a_value() -> None:
    found = bootstrap_interval([0, 1], lambda s: 1.0 if sum(s) == 1 else None, seed=0, draws=50)
    assert found == (1.0, 1.0)
    with pytest.raises(ValueError, match="undefined"):
        bootstrap_interval([0], lambda s: None, seed=0)
    with pytest.raises(ValueError, match="none"):
        bootstrap_interval([], lambda s: 1.0, seed=0)
