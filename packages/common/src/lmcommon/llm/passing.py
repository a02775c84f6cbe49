"""A model that passes everything on: the base of those that add one thing to another model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, ChatResponse, ScoreRequest, ScoreResponse

__all__ = ["PassingModel"]


class PassingModel:
    """Passes every call on to another model, whose name and identity it has.

    A subclass overrides what it adds to; it must change no reply, or give an identity of its own.

    Args:
        inner: Whom to ask.
    """

    def __init__(self, inner: ChatModel) -> None:
        self._inner = inner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._inner!r})"

    @property
    def name(self) -> str:
        """The inner model's name."""
        return self._inner.name

    @property
    def identity(self) -> Mapping[str, Any]:
        """The inner model's identity."""
        return self._inner.identity

    def check(self) -> None:
        """Check the inner model."""
        self._inner.check()

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Ask the inner model."""
        return self._inner.generate(requests)

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Ask the inner model without blocking the event loop."""
        return await self._inner.agenerate(requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Ask the inner model."""
        return self._inner.score(requests)

    def close(self) -> None:
        """Close the inner model."""
        self._inner.close()
