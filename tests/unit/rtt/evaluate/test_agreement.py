"""A judge beside stored verdicts: counts by hand, and intervals that know of prompts."""

from __future__ import annotations

import random

import pytest

from lmcommon.stats import wilson_interval
from rtt.evaluate import BENCHMARKS, Item
from rtt.evaluate.agreement import agreement_lines, judge_agreement

from .evaluate_support import answer, item, prompt

INFOBENCH = BENCHMARKS["infobench"]


def judged(name: str, pairs: list[tuple[bool | None, bool]]) -> Item:
    asked = prompt(name, *(f"k{n}" for n in range(len(pairs))), verdicts=[one for _, one in pairs])
    return item(asked, answer(*(met for met, _ in pairs)))


def test_counts_and_kappa_leave_out_what_is_unscored() -> None:
    told = judge_agreement(
        INFOBENCH,
        [
            judged("a", [(True, True), (False, False), (True, False)]),
            judged("b", [(None, True), (True, True)]),
            item(prompt("c", "k0"), answer(True)),
        ],
    )
    assert (told.whole.n, told.whole.correct, told.whole.unscored) == (4, 3, 1)
    assert told.whole.kappa == pytest.approx((0.75 - 0.5) / 0.5)
    assert {name: one.n for name, one in told.labels.items()} == {"k0": 1, "k1": 2, "k2": 1}


def test_criteria_of_a_prompt_are_drawn_together() -> None:
    rng = random.Random(0)
    # Twenty criteria a prompt that agree or differ all together: 40 draws, not 800.
    items = [
        judged(f"p{n}", [(alike, True) if k % 2 else (not alike, False) for k in range(20)])
        for n, alike in ((n, rng.random() < 0.7) for n in range(40))
    ]
    told = judge_agreement(INFOBENCH, items)
    assert told.accuracy_95 is not None
    low, high = told.accuracy_95
    least, most = wilson_interval(told.whole.correct, told.whole.n)
    assert high - low > 3 * (most - least), (told.accuracy_95, (least, most))
    assert told.kappa_95 is not None
    assert told.kappa_95[0] < told.whole.kappa < told.kappa_95[1]  # type: ignore[operator]


def test_a_judge_that_is_down_agrees_with_nobody() -> None:
    told = judge_agreement(INFOBENCH, [judged("a", [(None, True)])])
    assert (told.accuracy_95, told.kappa_95, told.whole.accuracy) == (None, None, None)
    assert "0 of 0 alike (none); kappa none" in next(agreement_lines(told))
