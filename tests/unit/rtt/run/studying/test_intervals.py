from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.errors import UserError
from rtt.run.studying.intervals import difference, estimate, ratio_of_gains
from rtt.run.studying.results import Column

from .study_support import column, single

HITS = st.lists(st.integers(0, 4), min_size=3, max_size=3)
SEEDS = st.lists(HITS, min_size=2, max_size=4)


def test_the_value_is_the_mean_over_seeds_of_each_ratio() -> None:
    got = estimate([column([4, 0]), column([2, 2]), column([1, 0])])
    assert got.seeds == (0.5, 0.5, 0.125)
    assert got.value == pytest.approx(0.375)
    assert got.over == "seeds, prompts"


def test_a_prompt_weighs_by_what_was_counted_of_it() -> None:
    got = estimate([Column(prompts=("a", "b"), hits=(1.0, 0.0), counts=(1.0, 3.0))])
    assert got.value == 0.25


def test_one_seed_is_drawn_over_prompts_alone() -> None:
    got = estimate([column([4, 0, 4, 0, 4, 0, 4, 0])])
    assert got.over == "prompts"
    assert got.interval is not None
    assert got.interval[0] < 0.5 < got.interval[1]


def test_a_figure_of_whole_runs_is_drawn_over_seeds_alone() -> None:
    got = estimate([single(0.2), single(0.4)])
    assert got.over == "seeds"
    assert got.interval == pytest.approx((0.2, 0.4))


def test_one_figure_of_one_run_has_no_interval() -> None:
    got = estimate([single(0.2)])
    assert (got.value, got.interval, got.over) == (0.2, None, "nothing")


def test_seeds_that_agree_leave_the_spread_of_the_prompts() -> None:
    hits = [4, 0, 4, 0, 4, 0, 4, 0]
    once, thrice = estimate([column(hits)]), estimate([column(hits)] * 3)
    assert once.interval is not None
    assert thrice.interval is not None
    assert thrice.interval == pytest.approx(once.interval, abs=0.05)


def test_pairing_removes_what_prompts_and_seeds_share() -> None:
    base = [column([0, 2, 4, 1]), column([1, 3, 3, 0])]
    ours = [column([hit + 0.4 for hit in one.hits]) for one in base]
    got = difference(ours, base)
    assert got.value == pytest.approx(0.1)
    assert got.interval == pytest.approx((0.1, 0.1))


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_a_difference_turned_round_changes_its_sign(hits: list[list[int]], random) -> None:  # type: ignore[no-untyped-def]
    ours = [column(one) for one in hits]
    theirs = [column(random.sample(one, len(one))) for one in hits[::-1]]
    there, back = (difference(a, b, draws=50) for a, b in ((ours, theirs), (theirs, ours)))
    assert there.value == pytest.approx(-(back.value or 0))
    assert there.interval is not None
    assert back.interval is not None
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_every_interval_lies_within_what_was_measured(hits: list[list[int]]) -> None:
    got = estimate([column(one) for one in hits], draws=50)
    assert got.interval is not None
    bounds = [0.0, *got.interval, 1.0]
    assert all(low <= high + 1e-12 for low, high in pairwise(bounds)), bounds


def test_the_share_of_a_gain_that_is_kept() -> None:
    base, exact, learned = ([single(value), single(value + 0.1)] for value in (0.2, 0.4, 0.36))
    got = ratio_of_gains(learned, exact, base)
    assert got.value == pytest.approx(0.8)
    assert got.seeds == pytest.approx((0.8, 0.8))
    assert got.interval == pytest.approx((0.8, 0.8))


def test_where_nothing_was_gained_nothing_can_be_kept() -> None:
    base, exact = [single(0.3), single(0.5)], [single(0.2), single(0.4)]
    assert ratio_of_gains(base, exact, base).value is None


def test_a_share_of_a_gain_that_a_draw_may_lack_has_no_interval() -> None:
    base = [single(0.2), single(0.3), single(0.3)]
    exact = [single(0.2), single(0.5), single(0.6)]
    got = ratio_of_gains([single(0.3)] * 3, exact, base)
    assert got.value == pytest.approx(0.2)
    assert [value == value for value in got.seeds] == [False, True, True]
    assert got.interval is None, "one draw in 27 takes the first seed alone"


def test_a_seed_without_counts_that_is_not_drawn_costs_no_draw() -> None:
    empty = Column(prompts=("a", "b"), hits=(1.0, 0.0), counts=(1.0, 0.0))
    full = Column(prompts=("a", "b"), hits=(0.0, 0.0), counts=(1.0, 1.0))
    got = estimate([empty, full])
    assert got.value == 0.5
    assert got.interval == pytest.approx((0.0, 1.0))


def test_other_prompts_cannot_be_paired() -> None:
    with pytest.raises(UserError, match="measured on the same prompts"):
        difference([column([1, 2])], [column([1, 2, 3])])
    with pytest.raises(UserError, match="same prompts for every arm and seed"):
        estimate([column([1, 2]), column([1, 2, 3])])
