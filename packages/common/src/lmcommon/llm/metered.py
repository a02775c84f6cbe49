"""Any model under a meter: what does not fit the budget is not sent.

In: batches for the inner model. Out: its responses, and failures of kind `budget` for what the
budget does not cover. `OpenAIChat` meters its own attempts and needs no wrapper.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Meter, estimate_chat, estimate_score
from lmcommon.llm.types import ChatRequest, ChatResponse, ScoreRequest, ScoreResponse, Usage

__all__ = ["MeteredModel"]

_POLL_S = 0.02


class MeteredModel:
    """Puts any model under a meter.

    Requests are admitted in order, as many at a time as the budget covers in the worst case; what
    they really used then makes room for more. When the next request does not fit and nothing is
    under way, it and the rest of the batch fail with kind `budget`.

    A request with a schema reserves two calls, since it may be repaired once.
    """

    def __init__(self, inner: ChatModel, meter: Meter) -> None:
        self._inner = inner
        self.meter = meter

    def __repr__(self) -> str:
        return f"MeteredModel({self._inner!r})"

    @property
    def name(self) -> str:
        """The inner model's name."""
        return self._inner.name

    @property
    def identity(self) -> Mapping[str, Any]:
        """The inner model's identity: a meter changes no reply."""
        return self._inner.identity

    def check(self) -> None:
        """Check the inner model, and that the budget is not used up."""
        self.meter.require_room()
        self._inner.check()

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Answer what the budget allows."""
        done: list[ChatResponse] = []
        while len(done) < len(requests):
            estimates = self._admit([_chat_worst_case(r) for r in requests[len(done) :]])
            if not estimates:
                return done + self._refuse_chat(requests[len(done) :])
            actual: list[Usage] = []
            try:
                wave = self._inner.generate(requests[len(done) : len(done) + len(estimates)])
                actual = [response.usage for response in wave]
            finally:
                self._settle(estimates, actual)
            done += wave
        return done

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """`generate` without blocking the event loop."""
        done: list[ChatResponse] = []
        while len(done) < len(requests):
            estimates = await self._aadmit([_chat_worst_case(r) for r in requests[len(done) :]])
            if not estimates:
                return done + self._refuse_chat(requests[len(done) :])
            actual: list[Usage] = []
            try:
                wave = await self._inner.agenerate(requests[len(done) : len(done) + len(estimates)])
                actual = [response.usage for response in wave]
            finally:
                self._settle(estimates, actual)
            done += wave
        return done

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Score what the budget allows."""
        done: list[ScoreResponse] = []
        while len(done) < len(requests):
            rest = requests[len(done) :]
            estimates = self._admit([estimate_score(request) for request in rest])
            if not estimates:
                failures = [self.meter.refuse(estimate_score(request)) for request in rest]
                return done + [ScoreResponse(failure=f, model=self.name) for f in failures]
            actual: list[Usage] = []
            try:
                wave = self._inner.score(rest[: len(estimates)])
                actual = [response.usage for response in wave]
            finally:
                self._settle(estimates, actual)
            done += wave
        return done

    def close(self) -> None:
        """Close the inner model."""
        self._inner.close()

    def _admit(self, estimates: Sequence[Usage]) -> list[Usage]:
        """Reserve a head of the list, waiting for calls of other threads that may make room."""
        while True:
            if admitted := self._reserve_head(estimates):
                return admitted
            if self.meter.is_hopeless(estimates[0]):
                return []
            time.sleep(_POLL_S)

    async def _aadmit(self, estimates: Sequence[Usage]) -> list[Usage]:
        while True:
            if admitted := self._reserve_head(estimates):
                return admitted
            if self.meter.is_hopeless(estimates[0]):
                return []
            await asyncio.sleep(_POLL_S)

    def _reserve_head(self, estimates: Sequence[Usage]) -> list[Usage]:
        admitted: list[Usage] = []
        for estimate in estimates:
            if not self.meter.try_reserve(estimate):
                break
            admitted.append(estimate)
        return admitted

    def _settle(self, estimates: Sequence[Usage], actual: Sequence[Usage]) -> None:
        """What raised before it answered is charged nothing but its calls."""
        spent = list(actual) or [Usage(calls=estimate.calls) for estimate in estimates]
        for estimate, usage in zip(estimates, spent, strict=True):
            self.meter.settle(estimate, usage)

    def _refuse_chat(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        failures = [self.meter.refuse(_chat_worst_case(request)) for request in requests]
        return [ChatResponse(finish_reason="error", failure=f, model=self.name) for f in failures]


def _chat_worst_case(request: ChatRequest) -> Usage:
    once = estimate_chat(request)
    if request.schema is None:
        return once
    reply = Usage(prompt_tokens=once.completion_tokens + 64)
    return once + once + reply
