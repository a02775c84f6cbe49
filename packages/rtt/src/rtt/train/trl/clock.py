"""Seconds by phase of an optimiser step, as a callback of the Trainer."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from transformers import TrainerCallback

__all__ = ["PHASES", "PhaseClock"]

PHASES = ("rollout_s", "sync_s", "verdict_s", "relevance_s", "credit_s")
"""What is timed by itself; "sync_s" are the weights' ways to vLLM, "update_s" is the rest of the
step (old log-probabilities included)."""


class PhaseClock(TrainerCallback):  # type: ignore[misc]
    """Adds up seconds by phase and reports them when a step ends.

    Args:
        record: Gets a metric's name and value.
    """

    def __init__(self, record: Callable[[str, float], None]) -> None:
        self._record = record
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._tokens = 0.0
        self._began = 0.0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a block as (a part of) one phase."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += time.perf_counter() - began

    @contextmanager
    def inside(self, name: str, *, of: str) -> Iterator[None]:
        """Time a block as one phase, and not as the phase `of` that it is part of."""
        began = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - began
            self.add({name: seconds, of: -seconds})

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add what was timed elsewhere."""
        for name, value in seconds.items():
            self._seconds[name] += value

    def count(self, tokens: float) -> None:
        """Add sampled tokens to this step."""
        self._tokens += tokens

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """A step begins: all phases at zero."""
        self._seconds.clear()
        self._tokens, self._began = 0.0, time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """A step ended: report each phase, the rest as "update", and tokens a second."""
        total = max(time.perf_counter() - self._began, 1e-9)
        for name in PHASES:
            self._record(name, self._seconds[name])
        self._record("update_s", total - sum(self._seconds[name] for name in PHASES))
        if self._tokens:  # none in a step that goes on with the rollouts of the last one
            self._record("tokens_per_s", self._tokens / total)
