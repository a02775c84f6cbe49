"""Paired comparison on tables whose differences and p-values are known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from lmcommon.stats import mcnemar_exact, wilson_interval
from rtt.evaluate import BENCHMARKS, Item
from rtt.evaluate.comparing import compare_columns, compare_kinds, paired, with_holm
from rtt.evaluate.flips import Flip, anchors_of, flip_lines, flips_of

from .evaluate_support import answer, item, prompt

TASK, IFEVAL = BENCHMARKS["task"], BENCHMARKS["ifeval"]


def side(*told: bool | None) -> list[Item]:
    return [item(prompt(f"p{n}", "k:x"), answer(one)) for n, one in enumerate(told)]


def test_one_yes_or_no_a_prompt_is_mcnemars_exact_test() -> None:
    left = side(*[True] * 3, *[False] * 12, *[True] * 5)
    right = side(*[False] * 3, *[True] * 12, *[True] * 5)
    (whole, share) = compare_columns(TASK, paired(left, right))
    assert (whole.left, whole.right, whole.units) == (0.4, 0.85, 20)
    assert (whole.only_left, whole.only_right, whole.test) == (3, 12, "McNemar")
    assert whole.p == mcnemar_exact(3, 12) == pytest.approx(0.03515625)
    assert whole.value == pytest.approx(0.45)
    assert whole.interval[0] < 0.45 < whole.interval[1]
    assert share.p == whole.p, "one criterion a prompt is the same table"


def test_criteria_of_a_prompt_change_sides_together() -> None:
    left = [item(prompt(f"p{n}", "a", "b", "c"), answer(False, False, False)) for n in range(2)]
    right = [item(prompt(f"p{n}", "a", "b", "c"), answer(True, True, True)) for n in range(2)]
    share = compare_columns(TASK, paired(left, right))[1]
    assert (share.value, share.test) == (1.0, "sign flips")
    assert share.p == 0.5, "two prompts: four sign patterns, two as extreme; not 2 / 2 ** 6"


def test_several_samples_are_compared_by_their_share() -> None:
    left = [
        item(prompt("a", "k"), answer(True), answer(False)),
        item(prompt("b", "k"), answer(True)),
    ]
    right = [
        item(prompt("a", "k"), answer(True), answer(True)),
        item(prompt("b", "k"), answer(True)),
    ]
    whole = compare_columns(TASK, paired(left, right))[0]
    assert (whole.left, whole.right, whole.test) == (pytest.approx(2 / 3), 1.0, "sign flips")
    assert (whole.only_left, whole.only_right) == (0, 1)


def test_prompts_of_one_side_alone_do_not_count() -> None:
    pairs = paired(side(True, False, True), side(True, True))
    assert [left.prompt.id for left, _ in pairs] == ["p0", "p1"]
    assert compare_columns(TASK, pairs)[0].left == 0.5


def test_a_criterion_without_a_verdict_on_one_side_counts_on_neither() -> None:
    left = [item(prompt("a", "k:x", "k:y"), answer(True, None)), *side(True)]
    right = [item(prompt("a", "k:x", "k:y"), answer(False, False)), *side(False)]
    whole, share = compare_columns(TASK, paired(left, right))
    assert (whole.units, share.units) == (1, 2)
    assert (share.left, share.right) == (1.0, 0.0)
    assert compare_columns(TASK, paired(side(None), side(True))) == []


def test_loose_columns_and_kinds_are_compared_too() -> None:
    left = [item(prompt("a", "k:x", "k:y"), answer(False, True, loose=(True, True)))]
    right = [item(prompt("a", "k:x", "k:y"), answer(False, False, loose=(False, True)))]
    names = [
        (one.name, one.left, one.right) for one in compare_columns(IFEVAL, paired(left, right))
    ]
    assert names == [
        ("prompt_strict", 0.0, 0.0), ("instruction_strict", 0.5, 0.0),
        ("prompt_loose", 1.0, 0.0), ("instruction_loose", 1.0, 0.5),
    ]  # fmt: skip
    kinds = compare_kinds(IFEVAL, paired(left, right))
    assert [(one.name, one.value) for one in kinds] == [("k:x", 0.0), ("k:y", -1.0)]


def test_holm_goes_over_all_rows_of_a_table() -> None:
    rows = compare_columns(TASK, paired(side(*[False] * 8), side(*[True] * 8)))
    assert [one.p for one in rows] == [2 / 2**8] * 2
    assert [one.p_holm for one in with_holm(rows)] == [4 / 2**8] * 2


def test_an_interval_excludes_zero_where_most_prompts_gain_and_not_where_they_draw() -> None:
    rng = random.Random(0)
    left = side(*[rng.random() < 0.3 for _ in range(200)])
    right = side(*[rng.random() < 0.6 for _ in range(200)])
    whole = compare_columns(TASK, paired(left, right))[0]
    assert 0 < whole.interval[0] < whole.value < whole.interval[1]
    same = compare_columns(TASK, paired(left, left))[0]
    assert (same.value, same.p) == (0.0, 1.0)
    few = wilson_interval(0, 200)[1]
    assert same.interval == (-few, few), "no difference in 200 prompts is not none at all"


def test_an_interval_of_prompts_that_all_gain_has_a_width() -> None:
    whole = compare_columns(TASK, paired(side(*[False] * 7), side(*[True] * 7)))[0]
    assert whole.interval == (pytest.approx(wilson_interval(7, 7)[0]), 1.0)


def test_prompts_of_one_id_are_paired_by_text_and_order() -> None:
    asked = prompt("a", "k:x")
    again = replace(asked, prompt="Write a, once more.")
    left = [item(asked, answer(True)), item(again, answer(False)), item(asked, answer(False))]
    right = [item(again, answer(True)), item(asked, answer(True)), item(asked, answer(False))]
    pairs = paired(left, right)
    assert [(one.answers[0].strict[0], two.answers[0].strict[0]) for one, two in pairs] == [
        (True, True), (False, True), (False, False)
    ]  # fmt: skip
    whole = compare_columns(TASK, pairs)[0]
    assert (whole.left, whole.right) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert (whole.only_left, whole.only_right) == (0, 1)
    (flip,) = flips_of("task", pairs)
    assert pairs[flip.place][0].prompt == again


def test_prompts_whose_rubrics_differ_are_not_paired() -> None:
    left = [item(prompt("a", "k:x"), answer(True)), item(prompt("b", "k:x"), answer(True))]
    right = [item(prompt("a", "k:x", "k:y"), answer(True, False)), *left[1:]]
    assert [one.prompt.id for one, _ in paired(left, right)] == ["b"]


def test_flips_name_the_criteria_that_make_the_difference() -> None:
    left = [
        item(prompt("a", "k:x", "k:y"), answer(True, True), answer(True, True)),
        item(prompt("b", "k:x"), answer(False)),
        item(prompt("c", "k:x"), answer(True)),
        item(prompt("d", "k:x"), answer(None)),
    ]
    right = [
        item(prompt("a", "k:x", "k:y"), answer(True, False), answer(True, True)),
        item(prompt("b", "k:x"), answer(True)),
        item(prompt("c", "k:x"), answer(True)),
        item(prompt("d", "k:x"), answer(True)),
    ]
    found = flips_of("task", paired(left, right))
    assert [(one.prompt, one.left, one.right) for one in found] == [("b", 0, 1), ("a", 1, 0.5)]
    assert found[1].criteria == (("c1", "k:y", 1.0, 0.5),)


def test_every_flip_has_a_place_of_its_own() -> None:
    ids = ["a 1", "b", "a/1", "a-1", "b", "a-1-again-2", "\u4e8c", "\u4e00"]
    flips = [
        Flip(benchmark="task", prompt=one, place=0, left=0.0, right=1.0, criteria=()) for one in ids
    ]
    assert anchors_of(flips) == [
        "task-a-1", "task-b", "task-a-1-again-2", "task-a-1-again-3", "task-b-again-2",
        "task-a-1-again-2-again-2", "task", "task-again-2",
    ]  # fmt: skip


def test_a_flip_shows_both_responses_whatever_marks_they_hold() -> None:
    left = item(prompt("a", "k:x"), answer(False, text="```\n# no heading\n```"))
    right = item(prompt("a", "k:x"), answer(True, text="fine"))
    (flip,) = flips_of("task", [(left, right)])
    shown = "\n".join(flip_lines(flip, left, right, ("one", "two"), "task-a"))
    assert "````text\n```\n# no heading\n```\n````" in shown
    assert '<a id="task-a"></a>' in shown
    assert "- c0 k:x: met 0% on the left, met 100% on the right" in shown
