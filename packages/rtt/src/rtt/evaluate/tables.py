"""Results as Markdown: one table of all benchmarks, then each benchmark's own section.

In: `Results`. Out: lines. Shares are percentages; means (grades, levels) are numbers.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from lmcommon.stats import Interval
from rtt.evaluate.benchmarks import BENCHMARKS
from rtt.evaluate.rates import Rate
from rtt.evaluate.results import Results
from rtt.evaluate.verdict_files import Compared

__all__ = ["cell", "comparison_lines", "overview", "section"]

_MOST = 60
"""Rows of a table of kinds or parts."""
_MEANS = frozenset(
    column.name
    for one in BENCHMARKS.values()
    for column in one.columns
    if not (column.is_share or column.is_clipped)
)
"""Columns that are no share of a whole."""


def cell(name: str, value: float) -> str:
    """A figure of a column: a percentage, or a number for a mean."""
    return f"{value:.2f}" if name in _MEANS else f"{value:.1%}"


def overview(results: Sequence[Results]) -> Iterator[str]:
    """The columns of all benchmarks, one row each."""
    yield (
        "| benchmark | figure | value | 95 % over prompts | Wilson | "
        "if all unscored failed, or not | scored | unscored | between samples (sd) |"
    )
    yield "|---|---|---:|---|---|---|---:|---:|---|"
    for one in results:
        for name, rate in one.columns.items():
            if rate is None:
                yield f"| {one.benchmark} | {name} | no verdict | | | | 0 | | |"
                continue
            spread = one.spreads[name]
            apart = (
                "" if spread is None or spread.deviation is None else cell(name, spread.deviation)
            )
            bounds = "" if not rate.unscored else _between(name, (rate.worst, rate.best))
            wilson = "" if rate.wilson is None else _between(name, rate.wilson)
            yield (
                f"| {one.benchmark} | {name} | {cell(name, rate.value)} "
                f"| {_between(name, rate.interval)} | {wilson} | {bounds} | {rate.scored:g} "
                f"| {rate.unscored:g} | {apart} |"
            )


def section(one: Results) -> Iterator[str]:
    """What else is known of one benchmark."""
    yield f"## {one.benchmark}"
    yield ""
    fewest, most = one.samples
    number = str(most) if fewest == most else f"{fewest} to {most}"
    yield f"{one.responses} responses to {one.prompts} prompts, {number} a prompt."
    if one.lengths:
        cut = "Whether any was cut off is not known."
        if one.cut_off_share is not None:
            share, (low, high) = one.cut_off_share
            cut = (
                f"Cut off at the limit: {one.cut_off} ({share:.1%}, 95 % {low:.1%} to {high:.1%})."
            )
        unit = "Tokens" if one.cut_off_share else "Length (tokens of tokenizer=, else words)"
        yield (
            f"{unit}: mean {statistics.fmean(one.lengths):.0f}, median "
            f"{statistics.median(one.lengths):g}, most {max(one.lengths)}. {cut}"
        )
    if one.unscored:
        yield f"Responses with a verdict missing: {one.unscored_responses}. Reasons:"
        yield ""
        yield from (f"- {count}: {reason}" for reason, count in list(one.unscored.items())[:5])
    yield from _passes(one)
    yield ""
    yield from _rates("kind of criterion", one.kinds)
    for cut, parts in one.parts.items():
        yield from _parts(cut, parts)


def comparison_lines(benchmark: str, compared: Compared) -> Iterator[str]:
    """Our verdicts beside a reference's."""
    ours, theirs = compared.prompt_accuracy
    mine, wanted = compared.criterion_accuracy
    yield (
        f"Against the reference verdicts ({benchmark}, {compared.reading}): "
        f"{compared.equal} of {compared.criteria} criteria equal on {compared.responses} "
        f"responses; prompt level {ours:.4f} against {theirs:.4f}, instruction level {mine:.4f} "
        f"against {wanted:.4f}; {len(compared.unexplained)} differences without a known reason; "
        f"{len(compared.unmatched)} rows not among ours; {compared.unscored} rows without a "
        "verdict of ours, left out of the levels."
    )
    yield ""
    if compared.differences:
        yield "| prompt | constraint | ours | reference | known doubt |"
        yield "|---|---|---|---|---|"
        for one in compared.differences:
            yield (f"| {one.prompt} | {one.constraint} | {one.ours} | {one.theirs} | {one.doubt} |")
        yield ""


def _passes(one: Results) -> Iterator[str]:
    for name, rate in one.any_sample.items():
        every = one.all_samples[name]
        if rate is not None and every is not None:
            yield (
                f"{name}: prompts of which any sample succeeds {_told(name, rate)}; of which all "
                f"do {_told(name, every)}."
            )


def _parts(cut: str, parts: Mapping[str, Mapping[str, Rate | None]]) -> Iterator[str]:
    if not parts:
        return
    names = list(next(iter(parts.values())))
    yield f"| {cut} | {' | '.join(names)} | prompts |"
    yield f"|---|{'---|' * len(names)}---:|"
    for part, columns in list(parts.items())[:_MOST]:
        told = [_told(name, columns[name]) for name in names]
        prompts = max((rate.units for rate in columns.values() if rate), default=0)
        yield f"| {part} | {' | '.join(told)} | {prompts} |"
    if len(parts) > _MOST:
        yield f"\n{len(parts) - _MOST} more in results.json."
    yield ""


def _rates(title: str, rates: Mapping[str, Rate]) -> Iterator[str]:
    if not rates:
        return
    yield f"| {title} | met | 95 % over prompts | scored | unscored |"
    yield "|---|---:|---|---:|---:|"
    for kind, rate in list(rates.items())[:_MOST]:
        yield (
            f"| {kind} | {rate.value:.1%} | {_between('', rate.interval)} | {rate.scored:g} "
            f"| {rate.unscored:g} |"
        )
    if len(rates) > _MOST:
        yield f"\n{len(rates) - _MOST} more in results.json."
    yield ""


def _told(name: str, rate: Rate | None) -> str:
    if rate is None:
        return "no verdict"
    return f"{cell(name, rate.value)} [{_between(name, rate.interval)}]"


def _between(name: str, interval: Interval) -> str:
    return f"{cell(name, interval[0])} to {cell(name, interval[1])}"
