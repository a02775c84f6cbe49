"""Long sequences of operations told in few lines: repeated patterns as one entry."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

__all__ = ["Run", "runs"]

_LONGEST_PERIOD = 6


@dataclass(frozen=True, slots=True)
class Run:
    """A pattern that repeats. Example: `Run(start=0, period=2, times=19)` covers 38 entries."""

    start: int
    period: int
    times: int

    @property
    def stop(self) -> int:
        """Where the next one starts."""
        return self.start + self.period * self.times


def runs(labels: Sequence[Hashable]) -> list[Run]:
    """Cut a sequence into runs of repeated patterns, the longest stretch first at each place.

    Example:
        >>> [(run.period, run.times) for run in runs("aaxyxyb")]
        [(1, 2), (2, 2), (1, 1)]
    """
    found: list[Run] = []
    place = 0
    while place < len(labels):
        tried = [_run(labels, place, period) for period in range(1, _LONGEST_PERIOD + 1)]
        repeated = [run for run in tried if run.times > 1]
        best = max(repeated, key=lambda run: run.stop, default=tried[0])
        found.append(best)
        place = best.stop
    return found


def _run(labels: Sequence[Hashable], start: int, period: int) -> Run:
    times = 1
    while (after := start + (times + 1) * period) <= len(labels) and all(
        labels[start + step] == labels[after - period + step] for step in range(period)
    ):
        times += 1
    return Run(start, period, times)
