"""The one protocol behind which every language model stands.

Batch-first: an implementation decides how to run a batch (threads over HTTP, one padded forward
pass, vLLM's scheduler). Both call forms return one response per request, in order, and never
raise for a single item. They raise `UserError` only when the model as a whole cannot be used (no
such file, endpoint unreachable at `check`), which is what a user can fix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from lmcommon.llm.types import ChatRequest, ChatResponse, ScoreRequest, ScoreResponse

__all__ = ["ChatModel", "Tell", "TellingModel"]

Tell = Callable[[int, ChatResponse], None]
"""Told the place of a request in its batch and its answer, from whatever thread has it."""


@runtime_checkable
class ChatModel(Protocol):
    """Generates replies and scores given ones."""

    @property
    def name(self) -> str:
        """A short name for tables and traces, such as `smollm2-135m-instruct`."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """JSON-able facts that decide the output (weights, endpoint, dtype): part of cache keys.

        Never holds a secret.
        """
        ...

    def check(self) -> None:
        """Raise `UserError` if the model cannot be used now (endpoint down, file missing)."""
        ...

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Answer a batch, in order. A failed item is a response with `failure` set."""
        ...

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """The same, without blocking the event loop."""
        ...

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Log-probabilities of given continuations, in order.

        An implementation that cannot (most hosted chat endpoints) returns failures of kind
        `unsupported`.
        """
        ...

    def close(self) -> None:
        """Free what the model holds (weights, server process, connections). Idempotent."""
        ...


@runtime_checkable
class TellingModel(Protocol):
    """A model whose answers come one by one: whoever keeps them need not wait for the slowest."""

    def generate_telling(self, requests: Sequence[ChatRequest], tell: Tell) -> list[ChatResponse]:
        """`ChatModel.generate`, with each answer told as soon as it is there."""
        ...

    async def agenerate_telling(
        self, requests: Sequence[ChatRequest], tell: Tell
    ) -> list[ChatResponse]:
        """The same, without blocking the event loop."""
        ...
