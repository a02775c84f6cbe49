"""Calling a model from inside a memory system: one way for recordings, replays and plain runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from lmcommon.llm.base import ChatModel
from lmcommon.llm.passing import PassingModel
from lmcommon.llm.types import ChatRequest, ChatResponse
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


class TracedModel(PassingModel):
    """A model for code that knows nothing of stages: each call becomes an operation of its own.

    So a replay answers it from the recording as well; scores are not recorded. Where there is no
    place, the model is asked.

    Args:
        inner: Whom to ask.
        name: Of the operations.
        kind: Of the operations.
    """

    def __init__(self, inner: ChatModel, *, name: str = "call", kind: str = "call") -> None:
        super().__init__(inner)
        self._operation, self._kind = name, kind

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
