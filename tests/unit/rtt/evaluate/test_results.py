"""Figures of benchmarks against numbers worked out by hand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.stats import wilson_interval
from rtt.evaluate import BENCHMARKS, Item, Results, results_of

from .evaluate_support import answer, item, prompt


def of(name: str, *items: Item) -> Results:
    return results_of(BENCHMARKS[name], list(items))


def value(results: Results, column: str) -> float:
    rate = results.columns[column]
    assert rate is not None
    return rate.value


TWO = (
    item(prompt("a", "k:x", "k:y"), answer(True, True)),
    item(prompt("b", "k:x"), answer(False, loose=(True,))),
    item(prompt("c", "k:x", "k:y", "k:y"), answer(True, False, True)),
)


def test_prompt_and_instruction_level_strict_and_loose() -> None:
    got = of("ifeval", *TWO)
    assert value(got, "prompt_strict") == pytest.approx(1 / 3)
    assert value(got, "instruction_strict") == pytest.approx(4 / 6)
    assert value(got, "prompt_loose") == pytest.approx(2 / 3)
    assert value(got, "instruction_loose") == pytest.approx(5 / 6)


def test_kinds_are_counted_by_criterion_most_frequent_first() -> None:
    kinds = of("ifeval", *TWO).kinds
    assert {kind: (rate.value, rate.scored) for kind, rate in kinds.items()} == {
        "k:x": (pytest.approx(2 / 3), 3),
        "k:y": (pytest.approx(2 / 3), 3),
    }


def test_a_single_sample_has_wilsons_interval_beside_the_bootstrap() -> None:
    rate = of("ifeval", *TWO).columns["prompt_strict"]
    assert rate is not None
    assert rate.wilson == wilson_interval(1, 3)
    assert rate.interval == (0.0, 1.0)
    several = of("ifeval", item(prompt("a", "k:x"), answer(True), answer(False)))
    assert several.columns["prompt_strict"].wilson is None  # type: ignore[union-attr]


def test_an_interval_of_nothing_but_ones_has_a_width() -> None:
    rate = of("ifeval", *(item(prompt(f"p{n}", "k:x"), answer(True)) for n in range(5)))
    told = rate.columns["prompt_strict"]
    assert told is not None
    assert told.interval == wilson_interval(5, 5)


def test_several_samples_give_their_mean_their_spread_and_what_any_and_all_do() -> None:
    got = of(
        "task",
        item(prompt("a", "k:x"), answer(True), answer(True)),
        item(prompt("b", "k:x"), answer(True), answer(False)),
        item(prompt("c", "k:x"), answer(False), answer(False)),
        item(prompt("d", "k:x"), answer(True), answer(False)),
    )
    assert value(got, "prompt_strict") == 0.5
    spread = got.spreads["prompt_strict"]
    assert spread is not None
    assert spread.values == (0.75, 0.25)
    assert spread.deviation == pytest.approx(0.35355, abs=1e-5)
    assert got.any_sample["prompt_strict"].value == 0.75  # type: ignore[union-attr]
    assert got.all_samples["prompt_strict"].value == 0.25  # type: ignore[union-attr]


def test_unscored_is_no_failure_and_the_bounds_say_what_it_could_be() -> None:
    got = of(
        "task",
        item(prompt("a", "k:x", "k:y"), answer(True, True)),
        item(prompt("b", "k:x", "k:y"), answer(True, None)),
        item(prompt("c", "k:x", "k:y"), answer(False, None)),
        item(prompt("d", "k:x", "k:y"), answer(False, True)),
    )
    rate, share = got.columns["prompt_strict"], got.columns["instruction_strict"]
    assert rate is not None
    assert (rate.value, rate.scored, rate.unscored) == (0.5, 2, 2)
    assert (rate.worst, rate.best) == (0.25, 0.5), "c fails whatever its other criterion is"
    assert share is not None
    assert (share.value, share.worst, share.best) == (pytest.approx(4 / 6), 0.5, 0.75)
    assert got.unscored == {"the judge is down": 2}
    assert got.unscored_responses == 2


def test_an_estimate_that_cannot_be_is_moved_to_what_can() -> None:
    got = of(
        "task",
        item(prompt("a", "k:x"), answer(True)),
        item(prompt("b", "k:x", "k:y"), answer(False, None)),
        item(prompt("c", "k:x", "k:y"), answer(False, None)),
    )
    rate = got.columns["prompt_strict"]
    assert rate is not None
    assert (rate.value, rate.best) == (pytest.approx(1 / 3), pytest.approx(1 / 3)), (
        "one scored response of one is met, but two of the three are known to fail"
    )
    assert rate.interval[0] <= rate.value <= rate.interval[1]


def test_nothing_scored_is_no_figure() -> None:
    got = of("task", item(prompt("a", "k:x"), answer(None)))
    assert got.columns == {"prompt_strict": None, "instruction_strict": None}
    assert got.kinds == {}


def test_a_prompt_with_an_unscored_sample_is_left_out_though_another_settles_it() -> None:
    # Only a success settles "any", only a failure "all": counting those would bend both rates.
    got = of(
        "task",
        item(prompt("a", "k:x"), answer(True), answer(None)),
        item(prompt("b", "k:x"), answer(False), answer(None)),
        item(prompt("c", "k:x"), answer(False), answer(True)),
    )
    told, every = got.any_sample["prompt_strict"], got.all_samples["prompt_strict"]
    assert told is not None
    assert every is not None
    assert (told.value, told.scored, told.worst) == (1.0, 1, pytest.approx(2 / 3))
    assert (every.value, every.scored, every.best) == (0.0, 1, pytest.approx(1 / 3))


def test_a_prompt_without_criteria_succeeds_nowhere() -> None:
    got = of("task", item(prompt("a"), answer(), answer()),
             item(prompt("b", "k:x"), answer(False), answer(False)))  # fmt: skip
    rates = got.columns["prompt_strict"], got.any_sample["prompt_strict"]
    assert [(one.value, one.scored + one.unscored) for one in rates if one] == [(0.0, 2), (0.0, 1)]


def test_an_interval_of_a_single_prompt_is_wide() -> None:
    got = of("ifeval", item(prompt("a", "k:x", "k:y"), answer(True, False)))
    rate = got.columns["instruction_strict"]
    assert rate is not None
    assert rate.value == 0.5
    assert rate.interval == wilson_interval(0.5, 1)
    grade = of("healthbench", item(prompt("a", "p", weights=(4.0,)), answer(True)))
    assert grade.columns["score"].interval == (0.0, 1.0)  # type: ignore[union-attr]


def test_points_are_of_what_holds_over_the_positive_ones_and_the_mean_is_clipped() -> None:
    weights = (5.0, 5.0, -10.0)
    asked = [prompt(name, "p", "q", "bad", weights=weights) for name in "ab"]
    # Met means, of the bad thing, that it does not happen.
    well, ill = answer(True, False, True), answer(False, False, False)
    assert value(of("healthbench", item(asked[0], well)), "score") == 0.5
    assert value(of("healthbench", item(asked[0], ill)), "score") == 0.0, "-1 is cut to 0"
    both = of("healthbench", item(asked[0], answer(True, True, True)), item(asked[1], ill))
    assert value(both, "score") == 0.0, "of single scores 1 and -1: they are not cut, the mean is"
    assert value(both, "criteria_met") == 0.5


def test_points_of_an_unscored_criterion_bound_the_score() -> None:
    got = of("healthbench", item(prompt("a", "p", "bad", weights=(4.0, -2.0)), answer(True, None)),
             item(prompt("b", "p", weights=(4.0,)), answer(True)))  # fmt: skip
    rate = got.columns["score"]
    assert rate is not None
    assert (rate.value, rate.worst, rate.best) == (1.0, 0.75, 1.0)


def ladder(name: str, *levels: tuple[bool | None, ...]) -> list[Item]:
    return [
        item(
            prompt(f"{name}{n}", *(f"c{k}" for k in range(len(told))), ladder=name, level=n,
                   category="style"),
            answer(*told),
        )
        for n, told in enumerate(levels, start=1)
    ]  # fmt: skip


def test_ladders_are_hard_soft_and_consistent() -> None:
    got = of(
        "followbench",
        item(prompt("a0", "c0", ladder="a", level=0), answer(False)),
        *ladder("a", (True,), (True, True), (True, False, True)),
        *ladder("b", (False,), (True, True), (True, True, True)),
    )
    assert value(got, "hsr") == pytest.approx(4 / 6)
    assert value(got, "ssr") == pytest.approx((1 + 1 + 2 / 3 + 0 + 1 + 1) / 6)
    assert value(got, "csl") == 1.0, "two levels of a, none of b"
    by_level = got.parts["level"]
    assert [by_level[f"level {n}"]["hsr"].value for n in (1, 2, 3)] == [0.5, 1.0, 0.5]  # type: ignore[union-attr]


def test_soft_satisfaction_is_of_the_constraints_that_have_a_verdict() -> None:
    got = of("followbench", *ladder("a", (None,), (True, None), (True, False, None)))
    rate = got.columns["ssr"]
    assert rate is not None
    assert (rate.value, rate.scored, rate.unscored) == (0.75, 2, 1)
    assert (rate.worst, rate.best) == (pytest.approx(5 / 18), pytest.approx(8 / 9))


def test_a_ladder_with_a_verdict_missing_is_left_out_though_its_run_is_over() -> None:
    # Short runs are over early: counting them and not the long ones would pull the mean down.
    open_, settled = ladder("a", (True,), (None, True)), ladder("b", (True,), (False, None))
    whole = [*ladder("c", (True,), (True, True)), *ladder("d", (True,), (False, True))]
    rate = of("followbench", *open_, *settled, *whole).columns["csl"]
    assert rate is not None
    assert (rate.value, rate.scored, rate.unscored) == (1.5, 2, 2)
    assert (rate.worst, rate.best) == (1.25, 1.5)


def test_a_ladder_that_lacks_a_level_has_no_consistent_levels() -> None:
    got = of("followbench", *ladder("a", (True,), (True, True)), *ladder("b", (True,)))
    rate = got.columns["csl"]
    assert rate is not None
    assert (rate.value, rate.units) == (2.0, 1)
    assert value(got, "hsr") == 1.0, "the other figures count it"


def test_the_samples_of_a_ladder_stay_together_in_the_interval() -> None:
    got = of(
        "followbench", *ladder("a", (True,), (True, True)), *ladder("b", (False,), (False, False))
    )
    rate = got.columns["hsr"]
    assert rate is not None
    assert rate.interval == (0.0, 1.0), "two clusters, not four prompts"
    assert rate.wilson is None


def test_parts_divide_the_prompts() -> None:
    got = of(
        "muldimif",
        item(prompt("a", "k", difficulty="Level 1"), answer(True)),
        item(prompt("b", "k", difficulty="Level 2"), answer(False)),
    )
    told = {part: columns["accuracy"].value for part, columns in got.parts["difficulty"].items()}  # type: ignore[union-attr]
    assert told == {"Level 1": 1.0, "Level 2": 0.0}


def test_lengths_and_responses_that_were_cut_off() -> None:
    plain = of(
        "task",
        item(prompt("a", "k"), answer(True, length=10, is_cut=True), answer(True, length=20)),
    ).plain()
    assert plain["length"] == {"mean": 15, "median": 15, "max": 20}
    assert plain["cut_off"]["share"] == 0.5
    assert json.loads(json.dumps(plain)) == plain, "nothing but JSON values"


def test_of_given_responses_nobody_knows_which_were_cut_off() -> None:
    given = [item(prompt("a", "k"), answer(True))]
    assert results_of(BENCHMARKS["task"], given, knows_ends=False).plain()["cut_off"] is None


@settings(deadline=None, max_examples=30)
@given(
    told=st.lists(
        st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=4),
        min_size=1,
        max_size=6,
    )
)
def test_every_rate_lies_between_its_bounds_and_in_its_interval(
    told: list[list[bool | None]],
) -> None:
    items = [
        item(prompt(f"p{n}", *(f"k{k}" for k in range(len(row)))), answer(*row))
        for n, row in enumerate(told)
    ]
    rates = results_of(BENCHMARKS["task"], items).columns.values()
    for rate in (one for one in rates if one is not None):
        assert rate.worst - 1e-9 <= rate.value <= rate.best + 1e-9
        assert rate.interval[0] - 1e-9 <= rate.value <= rate.interval[1] + 1e-9
