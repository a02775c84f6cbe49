"""Models as the loop needs them: kept open by their owner, and a limit that ends the loop."""

from __future__ import annotations

from collections.abc import Sequence

from lmcommon.llm.passing import PassingModel
from lmcommon.llm.types import ChatRequest, ChatResponse
from memtrace.optimizing.types import LimitReachedError

__all__ = ["Limited", "Standing"]


class Standing(PassingModel):
    """A model of somebody else's: closing what stands on it leaves it open."""

    def close(self) -> None:
        """Nothing: its owner closes it."""


class Limited(PassingModel):
    """The reflection model: when its budget is spent, the loop ends with the best version so far.

    A refused call would else be one of many failed rewrites, and the loop would go on without any.
    """

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Ask the model.

        Raises:
            LimitReachedError: A call was not sent, for its budget.
        """
        return self._checked(super().generate(requests))

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """`generate` without blocking the event loop."""
        return self._checked(await super().agenerate(requests))

    @staticmethod
    def _checked(responses: list[ChatResponse]) -> list[ChatResponse]:
        for response in responses:
            if response.failure is not None and response.failure.kind == "budget":
                raise LimitReachedError(
                    f"reflection_llm.budget: {response.failure.message}; go on with a larger one "
                    "and resume=FOLDER"
                )
        return responses
