"""A user's own EverOS client as a `ChatModel`, so that a recording or a replay may answer for it.

The client is asynchronous and belongs to the user's event loop. So the decision is made in a
helper thread, which hands the call back to that loop if the model is to be asked after all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from lmcommon.llm.types import (
    ChatRequest,
    ChatResponse,
    Message,
    ModelFailure,
    Sampling,
    ScoreRequest,
    ScoreResponse,
    Usage,
)
from memtrace.execution.places import scope_here
from memtrace.graph.recording.scope import current_scope
from memtrace.memory.everos.clients import answered, failed_call, text_of, to_everos
from memtrace.memory.everos.package import module

__all__ = ["UsersModel", "traced_chat"]

Chat = Callable[..., Coroutine[Any, Any, Any]]


class UsersModel:
    """One call of a user's client.

    Args:
        chat: The client's own method.
        messages: As EverOS gave them.
        given: Everything else it gave.
        loop: Where the client lives.
    """

    def __init__(
        self, chat: Chat, messages: Sequence[Any], given: Mapping[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:  # fmt: skip
        self._chat, self._messages, self._given, self._loop = chat, messages, given, loop
        self.name = str(given.get("model") or "everos-client")
        self.raw: Any = None
        """What the client said, if it was asked."""
        self.error: Exception | None = None

    @property
    def identity(self) -> Mapping[str, Any]:
        """Its name: nothing else is known."""
        return {"kind": "everos-client", "model": self.name}

    def check(self) -> None:
        """Nothing can be checked without a call."""

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Ask the client, from the helper thread."""
        return [self._one() for _ in requests]

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """`generate` in a thread."""
        return await asyncio.to_thread(self.generate, requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """The client gives no probabilities."""
        raise TypeError("everos-client: expected chat requests; it cannot score texts")

    def close(self) -> None:
        """The client is the user's."""

    def _one(self) -> ChatResponse:
        work = self._chat(self._messages, **self._given)
        try:
            self.raw = asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except module("everalgo.llm.errors").LLMError as error:
            self.error = error
            return ChatResponse.failed("server", str(error), model=self.name)
        used = self.raw.usage
        usage = Usage(
            prompt_tokens=(used and used.prompt_tokens) or 0,
            completion_tokens=(used and used.completion_tokens) or 0, calls=1,
        )  # fmt: skip
        return ChatResponse(text=self.raw.content, model=self.raw.model, usage=usage)


def traced_chat(original: Chat) -> Chat:
    """The client's `chat`, recorded; outside a recording as it was."""

    async def chat(messages: Sequence[Any], **given: Any) -> Any:
        if current_scope() is None or scope_here() is None:
            return await original(messages, **given)
        model = UsersModel(original, messages, given, asyncio.get_running_loop())
        request = ChatRequest(
            messages=tuple(Message(one.role, text_of(one.content)) for one in messages),
            sampling=Sampling(
                temperature=given.get("temperature") or 0.0,
                max_tokens=given.get("max_tokens") or 4096,
            ),
        )
        response = await asyncio.to_thread(answered, model, request)
        if response.failure is None and model.raw is not None and (
            response.text == model.raw.content
        ):  # fmt: skip
            return model.raw
        if response.failure is not None:
            raise model.error or failed_call()(_failure(response))
        return to_everos(response, model.name)

    return chat


def _failure(response: ChatResponse) -> ModelFailure:
    assert response.failure is not None
    return response.failure
