"""Calling a model from inside a memory system: one way for recordings, replays and plain runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, ChatResponse, ScoreRequest, ScoreResponse
from memtrace.execution.execution import Completed, current_execution
from memtrace.execution.places import Place, next_place

__all__ = ["Completed", "TracedModel", "complete"]


def complete(
    model: ChatModel, requests: Sequence[ChatRequest], places: Sequence[Place | None]
) -> list[Completed]:
    """Answer a batch of requests, each made at a place.

    Outside a recording the model is asked. Inside, what decides there (see `Execution`) may answer
    from an earlier run or an intervention. The caller records each result with
    `Stage.answered`.

    Args:
        model: Whom to ask.
        requests: What to ask.
        places: Where each is asked: `next_place(name)`, which the operation then takes over.
    """
    decider = current_execution()
    if decider is None:
        responses = model.generate(requests)
        return [
            Completed(request, response, "", "called")
            for request, response in zip(requests, responses, strict=True)
        ]
    return decider.complete(model, requests, places)


class TracedModel:
    """A model for code that knows nothing of stages: each call becomes an operation of its own.

    So a replay answers it from the recording as well. Where there is no place, the model is asked.

    Args:
        inner: Whom to ask.
        name: Of the operations.
        kind: Of the operations.
    """

    def __init__(self, inner: ChatModel, *, name: str = "call", kind: str = "call") -> None:
        self._inner, self._operation, self._kind = inner, name, kind

    @property
    def name(self) -> str:
        """The inner model's name."""
        return self._inner.name

    @property
    def identity(self) -> Mapping[str, Any]:
        """The inner model's identity: tracing changes no reply."""
        return self._inner.identity

    def check(self) -> None:
        """Check the inner model."""
        self._inner.check()

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Answer a batch, each call recorded."""
        from memtrace.execution.stage import Stage

        places = [next_place(self._operation) for _ in requests]
        completed = complete(self._inner, requests, places)
        for place, done in zip(places, completed, strict=True):
            with Stage(self._operation, kind=self._kind, points=("reply",), place=place) as op:
                op.answered(done)
        return [done.response for done in completed]

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """`generate` in a thread."""
        return await asyncio.to_thread(self.generate, requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Scores are not recorded."""
        return self._inner.score(requests)

    def close(self) -> None:
        """Close the inner model."""
        self._inner.close()
