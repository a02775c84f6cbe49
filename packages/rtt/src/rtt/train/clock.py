"""Seconds by phase of a step."""

from __future__ import annotations

import time

__all__ = ["Clock"]


class Clock:
    """A stop watch that names its laps.

    Example:
        `clock = Clock(); ...; clock.lap("rollout"); ...; clock.lap("update")` and then
        `clock.seconds` is `{"rollout_s": 0.2, "update_s": 0.7}`.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """What went by since the last lap belongs to `phase`; laps of one name add up."""
        now = time.perf_counter()
        key = f"{phase}_s"
        self.seconds[key] = self.seconds.get(key, 0.0) + now - self._last
        self._last = now

    @property
    def total_s(self) -> float:
        """All laps together, never zero."""
        return max(sum(self.seconds.values()), 1e-9)
