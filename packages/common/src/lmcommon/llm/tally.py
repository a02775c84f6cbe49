"""What a run asked its models for, counted where the run asks: above cache, meter and retries.

In: requests on their way to a model. Out: the same responses, and `Spent`: how many requests, how
many of them answered from a cache, how many failed, and what the rest used. Thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lmcommon.llm.base import ChatModel
from lmcommon.llm.passing import PassingModel
from lmcommon.llm.types import ChatRequest, ChatResponse, ScoreRequest, ScoreResponse

__all__ = ["Spent", "Tally", "TallyModel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What requests came to; adds up with `+`. Example: `Spent(requests=8, cached=2, calls=6)`."""

    requests: int = 0
    cached: int = 0
    """Requests a cache answered."""
    failed: int = 0
    """Requests without an answer."""
    calls: int = 0
    """Calls that reached a model, retries included."""
    prompt_tokens: int = 0
    """Of calls that reached a model."""
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        mine, theirs = asdict(self), asdict(other)
        return Spent(**{name: mine[name] + theirs[name] for name in mine})

    def to_dict(self) -> dict[str, Any]:
        """JSON-able row."""
        return asdict(self)


class Tally:
    """Counts for several models together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent = Spent()

    def take(self) -> Spent:
        """What was spent since the last time this was asked."""
        with self._lock:
            spent, self._spent = self._spent, Spent()
        return spent

    def count(self, responses: Iterable[ChatResponse | ScoreResponse]) -> None:
        """Add what these came to."""
        spent = Spent()
        for response in responses:
            usage = response.usage
            spent += Spent(
                requests=1, cached=int(response.cached), failed=int(not response.ok),
                calls=usage.calls, cost_usd=usage.cost_usd,
                prompt_tokens=0 if response.cached else usage.prompt_tokens,
                completion_tokens=0 if response.cached else usage.completion_tokens,
            )  # fmt: skip
        with self._lock:
            self._spent += spent


class TallyModel(PassingModel):
    """Any model, its responses counted.

    Args:
        inner: Whom to ask.
        tally: Where to count.
    """

    def __init__(self, inner: ChatModel, tally: Tally) -> None:
        super().__init__(inner)
        self._tally = tally

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Ask the inner model."""
        responses = super().generate(requests)
        self._tally.count(responses)
        return responses

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """`generate` without blocking the event loop."""
        responses = await super().agenerate(requests)
        self._tally.count(responses)
        return responses

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Ask the inner model."""
        responses = super().score(requests)
        self._tally.count(responses)
        return responses
