"""When a call may be sent, and when to try again: rate limits, back-off, Retry-After.

Nothing here knows HTTP or a model. Time comes in through a `Clock`, so that tests need not wait.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

__all__ = ["Clock", "Pacer", "RetryPolicy", "SystemClock", "retry_after_s"]


class Clock(Protocol):
    """What tells and passes the time."""

    def now_s(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The real time."""

    def now_s(self) -> float:
        """`time.monotonic`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """`asyncio.sleep`."""
        await asyncio.sleep(seconds)


class Pacer:
    """Spaces calls evenly, so that no window holds more than its share and one call.

    Args:
        per_minute: How much may pass a minute (calls or tokens); None lets everything pass.
        clock: Tells the time.
    """

    def __init__(self, per_minute: float | None, clock: Clock) -> None:
        if per_minute is not None and per_minute <= 0:
            raise ValueError(f"per_minute: expected a number above 0 or None; got {per_minute!r}")
        self._seconds_per_unit = 0.0 if per_minute is None else 60.0 / per_minute
        self._clock = clock
        self._free_at_s = float("-inf")

    def reserve_s(self, amount: float) -> float:
        """Take a place in the queue; returns how long to wait before going, in seconds."""
        now = self._clock.now_s()
        start = max(now, self._free_at_s)
        self._free_at_s = start + amount * self._seconds_per_unit
        return start - now

    def give_back(self, amount: float) -> None:
        """Correct a reservation that was too large (or, negative, too small)."""
        self._free_at_s -= amount * self._seconds_per_unit

    def hold_s(self, seconds: float) -> None:
        """Let nobody new go for so long."""
        self._free_at_s = max(self._free_at_s, self._clock.now_s() + seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long to wait: exponential back-off with full jitter.

    Before attempt n + 1 the wait is uniform in [0, min(cap_s, base_s * 2**(n - 1))]. A server that
    says how long to wait is obeyed, plus jitter of up to `base_s` so that clients do not return
    together; one that asks for more than `max_retry_after_s` ends the attempts.
    """

    attempts: int = 5
    base_s: float = 0.5
    cap_s: float = 30.0
    max_retry_after_s: float = 120.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.base_s, self.cap_s, self.max_retry_after_s) < 0:
            raise ValueError(f"retry policy: expected attempts >= 1 and waits >= 0; got {self}")

    def wait_s(self, attempt: int, retry_after: float | None, rng: random.Random) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 1); None: give up."""
        if attempt >= self.attempts:
            return None
        if retry_after is not None:
            if retry_after > self.max_retry_after_s:
                return None
            return retry_after + rng.uniform(0, self.base_s)
        # The exponent is bounded so that a large `attempts` cannot overflow.
        return rng.uniform(0, min(self.cap_s, self.base_s * 2 ** min(attempt - 1, 60)))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """What the headers of a refusal say about when to return, in seconds from now.

    Reads `retry-after-ms` (milliseconds) and `Retry-After` (seconds, or an HTTP date).
    """
    if (number := _number(headers.get("retry-after-ms"))) is not None:
        return number / 1000
    text = headers.get("retry-after")
    if text is None:
        return None
    if (number := _number(text)) is not None:
        return number
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _number(text: str | None) -> float | None:
    """A finite number that is not negative, or None."""
    try:
        value = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
