"""What scored responses came to: satisfied by kind, unscored, lengths, with intervals.

In: records. Out: a `Tally`. Rates leave out what has no verdict; a response without any verdict
counts nowhere but among the unscored. A criterion of negative weight (that must not hold) is met
where it does not hold. Intervals are over prompts: responses to one prompt, and
criteria of one response, are not independent.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lmcommon.stats import Interval, bootstrap_interval, mean_interval, wilson_interval
from rtt.records import RolloutRecord

__all__ = ["Rate", "Tally", "tally", "tally_lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of verdicts with its 95 % interval.

    Example:
        `Rate(share=0.5, interval=(0.2, 0.8), verdicts=4, prompts=4)`
    """

    share: float
    interval: Interval
    verdicts: int
    prompts: int


@dataclass(kw_only=True)
class Tally:
    """Sums over records."""

    responses: int = 0
    unscored: int = 0
    """Responses without any verdict."""
    unscored_criteria: Counter[str] = field(default_factory=Counter)
    """Verdicts that could not be had, by reason."""
    cut_off: int = 0
    lengths: list[int] = field(default_factory=list)
    """Tokens of each response."""
    complete: dict[str, list[bool]] = field(default_factory=dict)
    """Prompt to: does each scored response meet all of its criteria?"""
    kinds: dict[str, dict[str, list[bool]]] = field(default_factory=dict)
    """Kind to prompt to verdicts."""

    def add(self, record: RolloutRecord) -> None:
        """Take one record in."""
        prompt, scored = f"{record.step} {record.group} {record.prompt.id}", record.scored
        self.responses += 1
        self.lengths.append(len(scored.rollout.tokens))
        self.cut_off += scored.rollout.finish_reason == "length"
        prompts, known = self.complete.setdefault(prompt, []), []
        for criterion, verdict in zip(record.prompt.rubric.criteria, scored.verdicts, strict=True):
            kind = criterion.constraint_id or next(iter(criterion.tags), "judged")
            if (met := criterion.is_met(verdict.satisfied)) is None:
                self.unscored_criteria[(verdict.failure or "no reason given")[:120]] += 1
            else:
                known.append(met)
                self.kinds.setdefault(kind, {}).setdefault(prompt, []).append(met)
        if known:
            prompts.append(all(known))
        else:
            self.unscored += 1

    @property
    def satisfied_all(self) -> Rate | None:
        """Share of responses that meet every criterion, averaged over prompts."""
        rows = {prompt: hits for prompt, hits in self.complete.items() if hits}
        if not rows:
            return None
        shares = [sum(hits) / len(hits) for hits in rows.values()]
        verdicts = sum(map(len, rows.values()))
        mean = sum(shares) / len(shares)
        if verdicts == len(rows):
            return Rate(
                share=mean, interval=wilson_interval(round(sum(shares)), len(rows)),
                verdicts=verdicts, prompts=len(rows),
            )  # fmt: skip
        interval = _spread(mean_interval(shares, seed=0), mean, len(rows))
        return Rate(share=mean, interval=interval, verdicts=verdicts, prompts=len(rows))

    @property
    def satisfied(self) -> Rate | None:
        """Share of all scored criteria that are met."""
        merged: dict[str, list[bool]] = {}
        for prompts in self.kinds.values():
            for prompt, hits in prompts.items():
                merged.setdefault(prompt, []).extend(hits)
        return _rate(merged) if merged else None

    @property
    def by_kind(self) -> dict[str, Rate]:
        """The same by kind of criterion, most frequent first."""
        rates = {kind: _rate(prompts) for kind, prompts in self.kinds.items()}
        return dict(sorted(rates.items(), key=lambda item: (-item[1].verdicts, item[0])))

    def figures(self) -> dict[str, Any]:
        """Headline figures as JSON values."""
        whole, share = self.satisfied_all, self.satisfied
        return {
            "prompts": len(self.complete),
            "responses": self.responses,
            "all_satisfied": whole and whole.share,
            "all_satisfied_95": whole and list(whole.interval),
            "satisfied_rate": share and share.share,
            "satisfied_rate_95": share and list(share.interval),
            "unscored": self.unscored,
            "unscored_criteria": self.unscored_criteria.total(),
            "length_mean": statistics.fmean(self.lengths) if self.lengths else None,
            "length_median": statistics.median(self.lengths) if self.lengths else None,
            "length_max": max(self.lengths, default=None),
            "cut_off_share": self.cut_off / self.responses if self.responses else None,
        }


def tally(records: Iterable[RolloutRecord]) -> Tally:
    """Count records."""
    counted = Tally()
    for record in records:
        counted.add(record)
    return counted


def tally_lines(counted: Tally) -> Iterator[str]:
    """A tally as lines for a terminal and for a report in Markdown."""
    rates = (("all criteria met", counted.satisfied_all), ("criteria met", counted.satisfied))
    for name, rate in rates:
        if rate is not None:
            low, high = rate.interval
            yield f"{name}: {rate.share:.1%} (95 % over prompts {low:.1%} to {high:.1%})"
    yield (
        f"unscored: {counted.unscored} responses, {counted.unscored_criteria.total()} verdicts; "
        f"cut off: {counted.cut_off}"
    )
    for reason, count in counted.unscored_criteria.most_common(5):
        yield f"  unscored {count}: {reason}"
    if counted.lengths:
        yield (
            f"tokens: mean {statistics.fmean(counted.lengths):.0f}, "
            f"median {statistics.median(counted.lengths):g}, most {max(counted.lengths)}"
        )
    yield ""
    yield "| kind | met | 95 % over prompts | verdicts | prompts |"
    yield "|---|---|---|---|---|"
    for kind, rate in counted.by_kind.items():
        low, high = rate.interval
        yield (
            f"| {kind} | {rate.share:.1%} | {low:.1%} to {high:.1%} | {rate.verdicts} "
            f"| {rate.prompts} |"
        )


def _rate(prompts: Mapping[str, Sequence[bool]]) -> Rate:
    hits = sum(map(sum, prompts.values()))
    verdicts = sum(map(len, prompts.values()))
    if verdicts == len(prompts):
        interval = wilson_interval(hits, verdicts)
    else:
        pairs = [(sum(row), len(row)) for row in prompts.values()]
        interval = _spread(bootstrap_interval(pairs, _share, seed=0), hits / verdicts, len(prompts))
    return Rate(share=hits / verdicts, interval=interval, verdicts=verdicts, prompts=len(prompts))


def _spread(interval: Interval, share: float, prompts: int) -> Interval:
    """A bootstrap of nothing but ones (or zeros) has no width: there, Wilson's over prompts."""
    return wilson_interval(round(share) * prompts, prompts) if share in (0.0, 1.0) else interval


def _share(pairs: list[tuple[int, int]]) -> float:
    return sum(hits for hits, _ in pairs) / sum(count for _, count in pairs)
