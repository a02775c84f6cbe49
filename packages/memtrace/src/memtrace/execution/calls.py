"""Calling a model from inside a memory system: one way for recordings, replays and plain runs."""

from __future__ import annotations

from collections.abc import Sequence

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest
from memtrace.execution.execution import Completed, current_execution
from memtrace.execution.places import Place

__all__ = ["Completed", "complete"]


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
