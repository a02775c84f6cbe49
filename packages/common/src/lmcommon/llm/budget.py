"""What calls cost, and a hard limit on it.

Before a call is sent, its worst case is *reserved*; when it is done, the reservation is replaced
by what it really used. A call whose reservation does not fit is never sent: it becomes a failure
of kind `budget`. Since completion tokens are bounded by `max_tokens` and prompt tokens are
estimated (a token per four bytes, four more a message), calls that run at the same time cannot
overshoot by more than the error of that estimate. One `Meter` can serve several models.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from lmcommon.errors import BudgetError
from lmcommon.llm.types import (
    ChatRequest,
    Message,
    ModelFailure,
    ScoreRequest,
    Usage,
)

__all__ = ["Budget", "Meter", "Prices", "estimate_chat", "estimate_score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits over the life of a `Meter`; None leaves one off. Example: `Budget(usd=0.5)`."""

    usd: float | None = None
    tokens: int | None = None
    """Prompt and completion tokens together."""
    calls: int | None = None

    def __post_init__(self) -> None:
        limits = {"usd": self.usd, "tokens": self.tokens, "calls": self.calls}
        if bad := {
            key: value for key, value in limits.items() if value is not None and not value >= 0
        }:
            raise ValueError(f"budget: expected limits >= 0 or None; got {bad}")

    def first_exceeded(self, usage: Usage) -> str | None:
        """Which limit `usage` breaks, in words, or None."""
        tokens = usage.prompt_tokens + usage.completion_tokens
        # A tenth of a micro-dollar of slack, so that a sum of floats can reach its limit.
        if self.usd is not None and usage.cost_usd > self.usd + 1e-7:
            return f"{usage.cost_usd:.4f} of {self.usd:.4f} USD"
        if self.tokens is not None and tokens > self.tokens:
            return f"{tokens} of {self.tokens} tokens"
        if self.calls is not None and usage.calls > self.calls:
            return f"{usage.calls} of {self.calls} calls"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """USD per million tokens. Example: `Prices(usd_per_million_input=0.4)`."""

    usd_per_million_input: float = 0.0
    usd_per_million_output: float = 0.0

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The price of one call."""
        return (
            prompt_tokens * self.usd_per_million_input
            + completion_tokens * self.usd_per_million_output
        ) / 1e6


class Meter:
    """Counts usage and guards a budget. Thread-safe.

    Example:
        >>> meter = Meter(Budget(calls=1))
        >>> meter.try_reserve(Usage(calls=1))
        True
        >>> meter.try_reserve(Usage(calls=1))
        False
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self._lock = threading.Lock()
        self._spent = Usage()
        self._reserved = Usage()
        self._open = 0
        self._refused = 0

    @property
    def spent(self) -> Usage:
        """What finished calls used."""
        with self._lock:
            return self._spent

    @property
    def refused(self) -> int:
        """How many requests the budget has turned away."""
        with self._lock:
            return self._refused

    def try_reserve(self, estimate: Usage) -> bool:
        """Set `estimate` aside if it fits beside what is spent and reserved."""
        with self._lock:
            reserved = self._reserved + estimate
            if self.budget.first_exceeded(self._spent + reserved) is not None:
                return False
            self._reserved = reserved
            self._open += 1
            return True

    def is_hopeless(self, estimate: Usage) -> bool:
        """Whether `estimate` would not fit even if all calls under way turned out free."""
        with self._lock:
            return self.budget.first_exceeded(self._spent + estimate) is not None

    def settle(self, estimate: Usage, actual: Usage) -> None:
        """Replace a reservation by what the call really used."""
        with self._lock:
            assert self._open > 0, "settled more often than reserved"
            self._open -= 1
            # Exactly nothing when nothing is open: sums of floats must not drift over a long run.
            self._reserved = _minus(self._reserved, estimate) if self._open else Usage()
            self._spent += actual

    def refuse(self, estimate: Usage) -> ModelFailure:
        """Count a request that is not sent, and say why."""
        with self._lock:
            self._refused += 1
            why = self.budget.first_exceeded(self._spent + estimate) or "the calls under way"
        return ModelFailure(
            kind="budget", message=f"not sent: it could take the run to {why}", attempts=0
        )

    def require_room(self) -> None:
        """Raise `BudgetError` if not even a free call fits any more."""
        spent = self.spent
        if (why := self.budget.first_exceeded(spent + Usage(calls=1))) is not None:
            raise BudgetError(f"the budget is used up ({why}); raise it to go on")


def estimate_chat(request: ChatRequest, prices: Prices | None = None) -> Usage:
    """The worst case of one call, as far as it can be told before sending."""
    schema_bytes = 0 if request.schema is None else len(str(request.schema))
    prompt = _prompt_tokens(request.messages) + schema_bytes // 4
    return _usage(prompt, request.sampling.max_tokens, prices)


def estimate_score(request: ScoreRequest, prices: Prices | None = None) -> Usage:
    """The same for a scoring call, which generates at most one token."""
    prompt = _prompt_tokens((*request.messages, Message("assistant", request.continuation)))
    return _usage(prompt, 1, prices)


def _minus(total: Usage, part: Usage) -> Usage:
    return Usage(
        prompt_tokens=total.prompt_tokens - part.prompt_tokens,
        completion_tokens=total.completion_tokens - part.completion_tokens,
        calls=total.calls - part.calls,
        cost_usd=total.cost_usd - part.cost_usd,
    )


def _prompt_tokens(messages: Sequence[Message]) -> int:
    return sum(
        -(-len(message.content.encode("utf-8", "surrogatepass")) // 4) + 4 for message in messages
    )


def _usage(prompt: int, completion: int, prices: Prices | None) -> Usage:
    cost = prices.cost_usd(prompt, completion) if prices is not None else 0.0
    return Usage(prompt_tokens=prompt, completion_tokens=completion, calls=1, cost_usd=cost)
