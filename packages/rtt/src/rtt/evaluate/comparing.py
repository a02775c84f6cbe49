"""Two evaluations of the same prompts, compared prompt by prompt.

In: the items of both sides. Out: for every column (and kind of criterion) the difference, right
minus left, with a bootstrap interval over prompts and a p-value; and the prompts on which the sides
disagree. Where both sides have one response a prompt, a criterion counts only if both are scored.

The test is McNemar's exact one where each prompt is one yes or no on both sides (McNemar 1947),
else a sign-flip permutation test over prompts: criteria of one prompt, and samples of one prompt,
are not independent, so whole prompts (ladders) change sides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lmcommon.judge.types import Criterion
from lmcommon.rng import seed_for
from lmcommon.stats import Interval, holm, mcnemar_exact, sign_flip_test, wilson_interval
from rtt.evaluate.answers import Answer, Item, Met
from rtt.evaluate.benchmarks import Benchmark
from rtt.evaluate.columns import Column, instructions
from rtt.evaluate.rates import Unit

__all__ = ["Difference", "compare_columns", "compare_kinds", "paired", "with_holm"]

_DRAWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure on both sides, over the prompts that both have scored.

    Example:
        `Difference(name="prompt_strict", left=0.5, right=0.6, interval=(0.02, 0.18), p=0.03,
        test="McNemar", only_left=4, only_right=14, units=100, p_holm=0.06)`
    """

    name: str
    left: float
    right: float
    interval: Interval
    """95 % of `right - left`; of a mean of a single prompt: unbounded."""
    p: float
    test: str
    only_left: int
    """Units that are better on the left."""
    only_right: int
    units: int
    p_holm: float | None = None
    """Adjusted for all tests of the same table; None: not yet."""

    @property
    def value(self) -> float:
        """Right minus left."""
        return self.right - self.left


def paired(left: Sequence[Item], right: Sequence[Item]) -> list[tuple[Item, Item]]:
    """The prompts that both sides have, by id, text and rubric, in the order of the left.

    Where both have one response, a criterion without a verdict on either side has none on both.
    """
    others: dict[tuple[str, str], list[Item]] = {}
    for item in reversed(right):  # a prompt that occurs twice is paired in order
        others.setdefault((item.prompt.id, item.prompt.prompt), []).append(item)
    pairs = [
        (item, left_over.pop())
        for item in left
        if (left_over := others.get((item.prompt.id, item.prompt.prompt)))
        and item.prompt.rubric == left_over[-1].prompt.rubric
    ]
    return [_jointly_scored(*pair) for pair in pairs]


def compare_columns(
    benchmark: Benchmark, pairs: Sequence[tuple[Item, Item]], *, seed: int = 0
) -> list[Difference]:
    """Differences of all columns that both sides have scored; p-values are not adjusted yet."""
    return _compare(benchmark.columns, pairs, seed)


def compare_kinds(
    benchmark: Benchmark, pairs: Sequence[tuple[Item, Item]], *, seed: int = 0
) -> list[Difference]:
    """Differences of the instruction level of each kind of criterion, by name."""
    kinds = sorted(
        {
            kind
            for item, _ in pairs
            for criterion in item.prompt.rubric.criteria
            for kind in benchmark.kinds(criterion)
        }
    )

    def chosen(kind: str) -> Column:
        def is_of(criterion: Criterion) -> bool:
            return kind in benchmark.kinds(criterion)

        return Column(name=kind, units=instructions("strict", is_of))

    return _compare([chosen(kind) for kind in kinds], pairs, seed)


def with_holm(differences: Sequence[Difference]) -> list[Difference]:
    """The same differences with p-values adjusted for all of them (Holm 1979)."""
    adjusted = holm([one.p for one in differences])
    return [replace(one, p_holm=p) for one, p in zip(differences, adjusted, strict=True)]


def _compare(
    columns: Sequence[Column], pairs: Sequence[tuple[Item, Item]], seed: int
) -> list[Difference]:
    lefts, rights = [left for left, _ in pairs], [right for _, right in pairs]
    found = (
        _difference(column, column.units(lefts), column.units(rights), seed) for column in columns
    )
    return [one for one in found if one is not None]


def _difference(
    column: Column, left: Sequence[Unit], right: Sequence[Unit], seed: int
) -> Difference | None:
    # Both are units of the same prompts in the same order; a key may occur twice.
    pairs = list(zip(left, right, strict=True))
    assert all(mine.key == theirs.key for mine, theirs in pairs), column.name
    both = [(mine, theirs) for mine, theirs in pairs if _of(mine) and _of(theirs)]
    if not both:
        return None
    # Rows of a cluster added up: hits and wholes of the left, hits and wholes of the right.
    pools: dict[str, list[float]] = {}
    for mine, theirs in both:
        pool = pools.setdefault(mine.cluster, [0.0] * 4)
        for place, number in enumerate((_hits(mine), _of(mine), _hits(theirs), _of(theirs))):
            pool[place] += number
    sums_C4 = np.array(list(pools.values()))
    shifts = [(_hits(theirs) / _of(theirs)) - (_hits(mine) / _of(mine)) for mine, theirs in both]
    only_left, only_right = sum(one < 0 for one in shifts), sum(one > 0 for one in shifts)
    is_single = all(_is_yes_or_no(unit) for pair in both for unit in pair)
    if is_single and len(pools) == len(both) and column.is_share:
        test, p = "McNemar", mcnemar_exact(only_left, only_right)
    else:
        weight_C = (sums_C4[:, 1] + sums_C4[:, 3]) / 2
        shift_C = weight_C * (sums_C4[:, 2] / sums_C4[:, 3] - sums_C4[:, 0] / sums_C4[:, 1])
        test, p = "sign flips", sign_flip_test(shift_C.tolist(), [0.0] * len(pools), seed=seed)
    mine_value, other_value = _values(sums_C4.sum(axis=0)[None], column.is_clipped)
    return Difference(
        name=column.name, left=float(mine_value[0]), right=float(other_value[0]),
        interval=_interval(sums_C4, column, seed), p=p, test=test,
        only_left=only_left, only_right=only_right, units=len(both),
    )  # fmt: skip


def _interval(sums_C4: np.ndarray, column: Column, seed: int) -> Interval:
    """Percentile bootstrap of the difference: both sides of a cluster are drawn together.

    Where all clusters of a share differ alike, resampling has no width: there, what Wilson's
    interval says of as many clusters that might differ otherwise.
    """
    shift_C = sums_C4[:, 2] / sums_C4[:, 3] - sums_C4[:, 0] / sums_C4[:, 1]
    if column.is_share and (shift_C == shift_C[0]).all():
        _, other = wilson_interval(0, len(shift_C))
        return max(-1.0, float(shift_C[0]) - other), min(1.0, float(shift_C[0]) + other)
    if len(shift_C) == 1:  # a mean of a single one says nothing of how others would differ
        return -math.inf, math.inf
    rng = np.random.default_rng(seed_for(seed, "pairs"))
    number = len(sums_C4)
    drawn_D4 = np.stack(
        [sums_C4[rng.integers(0, number, size=number)].sum(axis=0) for _ in range(_DRAWS)]
    )
    left_D, right_D = _values(drawn_D4, column.is_clipped)
    low, high = np.percentile(right_D - left_D, [2.5, 97.5])
    return float(low), float(high)


def _values(sums_D4: np.ndarray, is_clipped: bool) -> tuple[np.ndarray, np.ndarray]:
    left_D, right_D = sums_D4[:, 0] / sums_D4[:, 1], sums_D4[:, 2] / sums_D4[:, 3]
    return (left_D.clip(0, 1), right_D.clip(0, 1)) if is_clipped else (left_D, right_D)


def _hits(unit: Unit) -> float:
    return sum(one.hits for one in unit.samples)


def _of(unit: Unit) -> float:
    return sum(one.of for one in unit.samples)


def _is_yes_or_no(unit: Unit) -> bool:
    return len(unit.samples) == 1 and unit.samples[0].of == 1 and unit.samples[0].hits in (0, 1)


def _jointly_scored(left: Item, right: Item) -> tuple[Item, Item]:
    if len(left.answers) != 1 or len(right.answers) != 1:
        return left, right
    mine, theirs = left.answers[0], right.answers[0]
    return (
        replace(left, answers=(_masked(mine, theirs),)),
        replace(right, answers=(_masked(theirs, mine),)),
    )


def _masked(answer: Answer, other: Answer) -> Answer:
    loose = answer.loose
    if loose is not None and other.loose is not None:
        loose = _where(loose, other.loose)
    grades = answer.grades
    if len(grades) == len(other.grades):
        pairs = zip(grades, other.grades, strict=True)
        grades = tuple(None if theirs is None else mine for mine, theirs in pairs)
    return replace(answer, strict=_where(answer.strict, other.strict), loose=loose, grades=grades)


def _where(mine: Met, theirs: Met) -> Met:
    return tuple(None if other is None else one for one, other in zip(mine, theirs, strict=True))
