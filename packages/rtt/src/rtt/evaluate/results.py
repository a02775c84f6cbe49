"""The figures of one benchmark: columns with intervals, by kind and part, lengths, what is missing.

In: a benchmark and its items. Out: `Results`, and the same as JSON values.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lmcommon.judge.types import Criterion
from lmcommon.stats import Interval, wilson_interval
from rtt.evaluate.answers import Item
from rtt.evaluate.benchmarks import Benchmark
from rtt.evaluate.columns import Column, instructions
from rtt.evaluate.rates import Rate, Spread, rate_of, spread_of, succeeds

__all__ = ["Results", "results_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What the answers to one benchmark came to.

    Example:
        `results_of(BENCHMARKS["ifeval"], items).columns["prompt_strict"].value`
    """

    benchmark: str
    prompts: int
    responses: int
    samples: tuple[int, int]
    """Fewest and most answers of a prompt."""
    columns: Mapping[str, Rate | None]
    """By name, in the benchmark's order; None: nothing is scored."""
    spreads: Mapping[str, Spread | None]
    """Between samples, by column."""
    any_sample: Mapping[str, Rate | None]
    """Prompts of which any sample succeeds, by column that succeeds or does not; several samples
    only."""
    all_samples: Mapping[str, Rate | None]
    """Prompts of which all samples succeed."""
    kinds: Mapping[str, Rate]
    """Instruction level by kind of criterion, most frequent first."""
    parts: Mapping[str, Mapping[str, Mapping[str, Rate | None]]]
    """Columns by part of the set: by what it is divided, part, column."""
    lengths: tuple[int, ...]
    """Tokens of every response."""
    cut_off: int | None
    """Responses that ended at the limit of tokens; None: not known, as of given ones."""
    unscored: Mapping[str, int]
    """Missing verdicts by reason, most frequent first."""
    unscored_responses: int
    """Responses with a verdict missing."""

    @property
    def cut_off_share(self) -> tuple[float, Interval] | None:
        """Share that was cut off with Wilson's interval; None: not known."""
        if self.cut_off is None or not self.responses:
            return None
        return self.cut_off / self.responses, wilson_interval(self.cut_off, self.responses)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        lengths, cut = sorted(self.lengths), self.cut_off_share
        return {
            "benchmark": self.benchmark, "prompts": self.prompts, "responses": self.responses,
            "samples": list(self.samples),
            "columns": {name: rate and rate.plain() for name, rate in self.columns.items()},
            "between_samples": {name: one and one.plain() for name, one in self.spreads.items()},
            "any_sample": {name: rate and rate.plain() for name, rate in self.any_sample.items()},
            "all_samples": {name: rate and rate.plain() for name, rate in self.all_samples.items()},
            "kinds": {kind: rate.plain() for kind, rate in self.kinds.items()},
            "parts": {
                cut: {
                    part: {name: rate and rate.plain() for name, rate in columns.items()}
                    for part, columns in parts.items()
                }
                for cut, parts in self.parts.items()
            },
            "length": {
                "mean": statistics.fmean(lengths) if lengths else None,
                "median": statistics.median(lengths) if lengths else None,
                "max": lengths[-1] if lengths else None,
            },
            "cut_off": cut and {"share": cut[0], "interval": list(cut[1])},
            "unscored": dict(self.unscored), "unscored_responses": self.unscored_responses,
        }  # fmt: skip


def results_of(
    benchmark: Benchmark, items: Sequence[Item], *, seed: int = 0, knows_ends: bool = True
) -> Results:
    """All figures of a benchmark.

    Args:
        benchmark: What to count.
        items: Its prompts with their answers.
        seed: Of the bootstrap.
        knows_ends: Whether it is known which responses were cut off.
    """
    answers = [answer for item in items for answer in item.answers]
    numbers = [len(item.answers) for item in items]
    passes = [column for column in benchmark.columns if column.is_pass]
    several = passes if max(numbers, default=0) > 1 else []
    missing = Counter(reason for answer in answers for reason in answer.failures)
    return Results(
        benchmark=benchmark.name,
        prompts=len(items),
        responses=len(answers),
        samples=(min(numbers, default=0), max(numbers, default=0)),
        columns={column.name: _rate(column, items, seed) for column in benchmark.columns},
        spreads={
            column.name: spread_of(column.units(items), is_clipped=column.is_clipped)
            for column in benchmark.columns
        },
        any_sample={column.name: _settled(column, items, seed, False) for column in several},
        all_samples={column.name: _settled(column, items, seed, True) for column in several},
        kinds=_by_kind(benchmark, items, seed),
        parts={name: _by_part(benchmark, name, items, seed) for name in benchmark.cuts},
        lengths=tuple(answer.length for answer in answers),
        cut_off=sum(answer.is_cut for answer in answers) if knows_ends else None,
        unscored=dict(missing.most_common()),
        unscored_responses=sum(bool(answer.failures) for answer in answers),
    )


def _rate(column: Column, items: Sequence[Item], seed: int) -> Rate | None:
    return rate_of(
        column.units(items), is_clipped=column.is_clipped, is_share=column.is_share, seed=seed
    )


def _settled(column: Column, items: Sequence[Item], seed: int, needs_all: bool) -> Rate | None:
    return rate_of(succeeds(column.units(items), needs_all=needs_all), seed=seed)


def _by_kind(benchmark: Benchmark, items: Sequence[Item], seed: int) -> dict[str, Rate]:
    criteria = (one for item in items for one in item.prompt.rubric.criteria)
    found = Counter(kind for one in criteria for kind in benchmark.kinds(one))
    rates = {}
    for kind, _ in found.most_common():
        units = instructions("strict", partial(_is_of, benchmark, kind))(items)
        if (rate := rate_of(units, seed=seed)) is not None:
            rates[kind] = rate
    return rates


def _is_of(benchmark: Benchmark, kind: str, criterion: Criterion) -> bool:
    return kind in benchmark.kinds(criterion)


def _by_part(
    benchmark: Benchmark, cut: str, items: Sequence[Item], seed: int
) -> dict[str, dict[str, Rate | None]]:
    parts: dict[str, list[Item]] = {}
    for item in items:
        for part in benchmark.cuts[cut](item.prompt):
            parts.setdefault(part, []).append(item)
    return {
        part: {column.name: _rate(column, pool, seed) for column in benchmark.columns}
        for part, pool in sorted(parts.items())
    }
