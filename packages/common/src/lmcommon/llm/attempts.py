"""One call, tried until it works or is not worth trying: slots, pace, budget, retries.

In: what the call could cost at most, and a coroutine function that makes one attempt. Out: its
value, or the failure of the last attempt, with the usage of all attempts together. Belongs to one
event loop.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from lmcommon.llm.budget import Meter
from lmcommon.llm.openai_wire import CallError
from lmcommon.llm.pacing import Clock, Pacer, RetryPolicy
from lmcommon.llm.types import ModelFailure, Usage

__all__ = ["Attempts", "Outcome"]

T = TypeVar("T")

_POLL_S = 0.02
_UNKNOWN_COST = ("timeout", "internal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[T]):
    """What came of a call: a value or a failure."""

    value: T | None = None
    failure: ModelFailure | None = None
    text: str = ""
    """With a failure: what the model said all the same."""
    usage: Usage = field(default_factory=Usage)
    latency_ms: float = 0.0
    """Of the last attempt, without waiting."""


class Attempts:
    """Runs calls under shared limits.

    Args:
        meter: Every attempt is reserved before it is sent. One whose cost stays unknown (a timeout,
            an interruption) is charged in full, since a provider may bill it.
        retry: How often, and how long to wait in between.
        concurrency: How many attempts may be under way at once.
        requests_per_minute: None: no limit.
        tokens_per_minute: Prompt and completion tokens; None: no limit.
        clock: Tells and passes the time.
        rng: Jitter.
    """

    def __init__(
        self,
        *,
        meter: Meter,
        retry: RetryPolicy,
        concurrency: int,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._meter = meter
        self._retry = retry
        self._slots = asyncio.Semaphore(concurrency)
        self._requests = Pacer(requests_per_minute, clock)
        self._tokens = Pacer(tokens_per_minute, clock)
        self._clock = clock
        self._rng = rng

    async def run(
        self, estimate: Usage, attempt: Callable[[], Awaitable[tuple[T, Usage]]]
    ) -> Outcome[T]:
        """Try until a value comes, the error is final, or the attempts or the budget end."""
        spent = Usage()
        number = 0
        last: CallError | None = None
        while True:
            async with self._slots:
                await self._pace(estimate)
                if not await self._reserve(estimate):
                    return self._refused(estimate, last, number, spent)
                number += 1
                started = time.perf_counter()
                used = estimate
                try:
                    value, used = await attempt()
                    last = None
                except CallError as error:
                    last = error
                    used = error.usage or _charge(error, estimate)
                except Exception as error:
                    # The border where a surprise becomes a failed item instead of a lost batch.
                    last = CallError("internal", f"{type(error).__name__}: {error}")
                finally:
                    self._meter.settle(estimate, used)
                    self._tokens.give_back(_tokens(estimate) - _tokens(used))
            spent += used
            latency_ms = (time.perf_counter() - started) * 1000
            if last is None:
                return Outcome(value=value, usage=spent, latency_ms=latency_ms)
            wait_s = self._wait_s(last, number)
            if wait_s is None:
                failure = ModelFailure(kind=last.kind, message=str(last), attempts=number)
                return Outcome(failure=failure, text=last.text, usage=spent, latency_ms=latency_ms)
            await self._clock.sleep(wait_s)

    async def _pace(self, estimate: Usage) -> None:
        wait_s = max(self._requests.reserve_s(1), self._tokens.reserve_s(_tokens(estimate)))
        if wait_s > 0:
            await self._clock.sleep(wait_s)

    async def _reserve(self, estimate: Usage) -> bool:
        """Wait for calls under way to make room; False when they cannot."""
        while not self._meter.try_reserve(estimate):
            if self._meter.is_hopeless(estimate):
                return False
            await self._clock.sleep(_POLL_S)
        return True

    def _refused(
        self, estimate: Usage, last: CallError | None, number: int, spent: Usage
    ) -> Outcome[T]:
        refusal = self._meter.refuse(estimate)
        before = "" if last is None else f"; before that: {last}"
        failure = ModelFailure(kind="budget", message=refusal.message + before, attempts=number)
        return Outcome(failure=failure, usage=spent)

    def _wait_s(self, error: CallError, number: int) -> float | None:
        if not error.is_retryable:
            return None
        asked_s = error.retry_after_s
        if asked_s is not None and asked_s <= self._retry.max_retry_after_s:
            self._requests.hold_s(asked_s)  # The server refuses the others as well.
        return self._retry.wait_s(number, asked_s, self._rng)


def _charge(error: CallError, estimate: Usage) -> Usage:
    return estimate if error.kind in _UNKNOWN_COST else Usage(calls=1)


def _tokens(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens
