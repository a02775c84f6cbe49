"""The processes of a run side by side: who is slow, whose judge fails, who stopped early.

In: the rows that each process wrote of itself (`rtt.train.ranks`). Out: totals by process and
lines for a terminal. Merged over processes, tokens, responses and failed verdicts are sums; seconds
are the mean and the largest of the processes' sums; memory is the largest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["RankTotals", "rank_figures", "rank_lines", "rank_totals"]

_WAITING = "exchange_s"
"""Seconds in which a process waits for the others: the slowest has the fewest."""
_COUNTS = ("responses", "tokens", "unscored_criteria")
_PEAKS = ("peak_memory_mib", "peak_gpu_mib")


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTotals:
    """What one process did over a whole run.

    Example:
        `RankTotals(rank=1, rows=20, last=20, is_trained=True, seconds={"rollout_s": 8.1},
        counts={"tokens": 900.0}, peaks={"peak_memory_mib": 512.0})`
    """

    rank: int
    rows: int
    """Steps, or batches of responses."""
    last: int
    """The last one's number."""
    is_trained: bool
    """Whether rows are steps, which all processes take: a lower last one has stopped early."""
    seconds: Mapping[str, float]
    """By phase, over all rows."""
    counts: Mapping[str, float]
    peaks: Mapping[str, float]

    @property
    def busy_s(self) -> float:
        """Seconds of work, waiting for others left out."""
        return sum(value for name, value in self.seconds.items() if name != _WAITING)


def rank_totals(parts: Mapping[int, Sequence[Mapping[str, Any]]]) -> list[RankTotals]:
    """Totals of each process that wrote anything, by rank."""
    return [_totals(rank, rows) for rank, rows in sorted(parts.items()) if rows]


def rank_figures(totals: Sequence[RankTotals]) -> dict[str, Any]:
    """Headline figures: how many processes, and how far the slowest is behind the mean."""
    if not totals:
        return {}
    slowest = max(totals, key=lambda one: one.busy_s)
    mean = sum(one.busy_s for one in totals) / len(totals)
    return {
        "ranks": len(totals),
        "slowest_rank": slowest.rank,
        "slowest_over_mean": round(slowest.busy_s / mean, 3) if mean else None,
    }


def rank_lines(totals: Sequence[RankTotals]) -> list[str]:
    """A table with a line a process, and one each for what they come to together."""
    return list(_lines(totals)) if totals else []


def _totals(rank: int, rows: Sequence[Mapping[str, Any]]) -> RankTotals:
    def numbers(name: str) -> list[float]:
        return [float(row[name]) for row in rows if row.get(name) is not None]

    names = dict.fromkeys(name for row in rows for name in row)
    return RankTotals(
        rank=rank,
        rows=len(rows),
        last=max(int(row.get("step", row.get("batch", 0))) for row in rows),
        is_trained="step" in names,
        seconds={name: sum(numbers(name)) for name in names if name.endswith("_s")},
        counts={name: sum(numbers(name)) for name in _COUNTS if name in names},
        peaks={name: max(numbers(name)) for name in _PEAKS if numbers(name)},
    )


def _lines(totals: Sequence[RankTotals]) -> Iterator[str]:
    seconds, counts, peaks = (
        list(dict.fromkeys(name for one in totals for name in getattr(one, field)))
        for field in ("seconds", "counts", "peaks")
    )
    heads = ["rank", "rows", "last", *seconds, *counts, *peaks]
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for one in totals:
        yield _line(
            [str(one.rank), str(one.rows), str(one.last)],
            [one.seconds.get(name) for name in seconds],
            [one.counts.get(name) for name in counts],
            [one.peaks.get(name) for name in peaks],
        )
    columns = [[one.seconds.get(name, 0.0) for one in totals] for name in seconds]
    sums = [sum(one.counts.get(name, 0.0) for one in totals) for name in counts]
    most = [max(one.peaks.get(name, 0.0) for one in totals) for name in peaks]
    rows = sum(one.rows for one in totals)
    means = [sum(values) / len(totals) for values in columns]
    last = str(min(one.last for one in totals))
    yield _line(["mean s, sums, most", str(rows), last], means, sums, most)
    yield _line(["most s", "", ""], [max(values) for values in columns], [None] * len(sums),
                [None] * len(most))  # fmt: skip
    told = rank_figures(totals)
    if len(totals) > 1 and told["slowest_over_mean"] is not None:
        yield (
            f"slowest: rank {told['slowest_rank']}, "
            f"{told['slowest_over_mean']:.2f} times the mean, waiting left out"
        )
    lasts = {one.last for one in totals}
    if len(lasts) > 1 and all(one.is_trained for one in totals):
        behind = [str(one.rank) for one in totals if one.last < max(lasts)]
        yield f"behind the others: rank {', '.join(behind)}"


def _line(
    names: list[str],
    seconds: Sequence[float | None],
    counts: Sequence[float | None],
    peaks: Sequence[float | None],
) -> str:
    cells = [
        *names,
        *("" if value is None else f"{value:.2f}" for value in seconds),
        *("" if value is None else f"{value:.0f}" for value in (*counts, *peaks)),
    ]
    return "| " + " | ".join(cells) + " |"
