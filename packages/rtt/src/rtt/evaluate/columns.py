"""The columns of a benchmark's table: what one response contributes to each.

In: items. Out: units for `rates`. With R criteria of a response, `met` of them met:

- prompt level: 1 if all R are met (Zhou et al. 2023, arXiv 2311.07911, section 2.2); a response
  with a criterion unscored is unscored, whatever the others say: counting those that fail anyway
  and leaving out those that may not would pull the rate down;
- instruction level: met / R, summed over all responses (InFoBench's DRFR is the same sum);
- points: the points of the criteria that hold over the sum of the positive points (HealthBench);
- grade: mean of the grades (WritingBench);
- what FollowBench takes of its ladders of prompts is in ladders.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion
from rtt.evaluate.answers import Answer, Item, Met, Reading
from rtt.evaluate.rates import Count, Unit

__all__ = [
    "Chosen", "Column", "Counted", "cluster_of", "grades", "instructions", "one_unit_each",
    "points", "prompts",
]  # fmt: skip

Counted = Callable[[RubricPrompt, Answer], Count]
Chosen = Callable[[Criterion], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One figure of a benchmark.

    Example:
        `Column(name="prompt_strict", units=prompts("strict"), is_pass=True)`
    """

    name: str
    units: Callable[[Sequence[Item]], list[Unit]]
    is_clipped: bool = False
    """Whether the mean is cut to [0, 1]."""
    is_share: bool = True
    """Whether it is a share of things that succeed; else a mean."""
    is_pass: bool = False
    """Whether a response succeeds or does not: then "any sample" and "all samples" make sense."""


def prompts(reading: Reading) -> Callable[[Sequence[Item]], list[Unit]]:
    """Does a response meet all criteria?"""

    def count(_: RubricPrompt, answer: Answer) -> Count:
        return _all_met(answer.met(reading))

    return one_unit_each(count)


def instructions(
    reading: Reading, chosen: Chosen | None = None
) -> Callable[[Sequence[Item]], list[Unit]]:
    """Which share of the criteria is met? `chosen`: those that count; None: all."""

    def count(prompt: RubricPrompt, answer: Answer) -> Count:
        pairs = zip(prompt.rubric.criteria, answer.met(reading), strict=True)
        told = [met for criterion, met in pairs if chosen is None or chosen(criterion)]
        hits = sum(met is True for met in told)
        unscored = sum(met is None for met in told)
        return Count(
            hits=hits, of=len(told) - unscored, total=len(told), low=hits, high=hits + unscored
        )

    return one_unit_each(count)


def points() -> Callable[[Sequence[Item]], list[Unit]]:
    """Points of what holds over the positive points; unscored where any criterion is."""

    def count(prompt: RubricPrompt, answer: Answer) -> Count:
        criteria = prompt.rubric.criteria
        whole = sum(one.weight for one in criteria if one.weight > 0)
        if whole == 0:
            return Count(hits=0, of=0, total=0, low=0, high=0)
        # Of negative points, met means that it does not hold and so costs nothing.
        worst = sum(
            _points(one, bool(met)) for one, met in zip(criteria, answer.strict, strict=True)
        )
        best = sum(
            _points(one, met is not False) for one, met in zip(criteria, answer.strict, strict=True)
        )
        is_known = None not in answer.strict
        return Count(
            hits=worst / whole if is_known else 0.0, of=float(is_known), total=1.0,
            low=worst / whole, high=best / whole,
        )  # fmt: skip

    return one_unit_each(count)


def grades() -> Callable[[Sequence[Item]], list[Unit]]:
    """Mean grade of the graded criteria."""

    def count(prompt: RubricPrompt, answer: Answer) -> Count:
        scales = [scale for one in prompt.rubric.criteria if (scale := _scale(one)) is not None]
        if not scales:
            return Count(hits=0, of=0, total=0, low=0, high=0)
        told = [one for one in answer.grades if one is not None]
        left = len(scales) - len(told)
        low, high = min(one[0] for one in scales), max(one[1] for one in scales)
        return Count(
            hits=sum(told), of=len(told), total=len(scales), low=sum(told) + left * low,
            high=sum(told) + left * high,
        )  # fmt: skip

    return one_unit_each(count)


def one_unit_each(count: Counted) -> Callable[[Sequence[Item]], list[Unit]]:
    """Units of one prompt each, by what a response counts."""

    def units(items: Sequence[Item]) -> list[Unit]:
        return [
            Unit(
                key=item.prompt.id, cluster=cluster_of(item.prompt),
                samples=tuple(count(item.prompt, answer) for answer in item.answers),
            )
            for item in items
        ]  # fmt: skip

    return units


def cluster_of(prompt: RubricPrompt) -> str:
    """What a prompt belongs to: its ladder, else itself."""
    return str(prompt.metadata.get("ladder") or prompt.id)


def _all_met(told: Met) -> Count:
    is_known = None not in told and bool(told)
    return Count(
        hits=float(is_known and all(told)), of=float(is_known), total=float(bool(told)),
        low=float(bool(told) and all(met is True for met in told)),
        high=float(bool(told) and False not in told),
    )  # fmt: skip


def _points(criterion: Criterion, met: bool) -> float:
    holds = met is (criterion.weight >= 0)
    return criterion.weight if holds else 0.0


def _scale(criterion: Criterion) -> tuple[float, float] | None:
    return criterion.scale
