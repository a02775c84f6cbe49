"""What EverOS calls: a language model, an embedder, a reranker, a tokenizer, all ours.

EverOS reaches them through its own small interfaces, so nothing goes over HTTP. A model call
belongs to the operation that the hooks opened around it; a second one inside the same operation
(a compaction, say) gets an operation of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from lmcommon.embed import Embedder
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, ChatResponse, Message, ModelFailure, Sampling
from memtrace.execution.calls import complete
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.everos.package import module, record_width
from memtrace.memory.tokens import approximate_tokens

__all__ = [
    "ApproximateTokenizer", "Call", "CosineReranker", "EmbedderProvider", "ModelClient", "answered",
    "calling", "expected_errors", "failed_call", "failure_of", "text_of", "to_everos",
]  # fmt: skip


@dataclass(slots=True)
class Call:
    """The operation that a model call of EverOS belongs to."""

    op: Stage
    name: str
    kind: str
    is_made: bool = False
    reply: Handle[str] | None = None


_CALL: ContextVar[Call | None] = ContextVar("memtrace_everos_call", default=None)


@contextmanager
def calling(op: Stage, name: str, kind: str) -> Iterator[Call]:
    """Let the next model call be the one of this operation."""
    call = Call(op, name, kind)
    token = _CALL.set(call)
    try:
        yield call
    finally:
        _CALL.reset(token)


@cache
def failed_call() -> type[Exception]:
    """The exception for a failed call: an `LLMError` of EverOS's, so that it reacts as ever."""
    base: type[Exception] = module("everalgo.llm.errors").LLMError

    class FailedCall(base):  # type: ignore[valid-type,misc]
        def __init__(self, failure: ModelFailure) -> None:
            super().__init__(f"{failure.kind}: {failure.message}")
            self.failure = failure

    made: type[Exception] = FailedCall
    return made


def failure_of(error: BaseException) -> ModelFailure | None:
    """The failed call behind an exception, if that is what it is."""
    found = getattr(error, "failure", None)
    return found if isinstance(found, ModelFailure) else None


@cache
def expected_errors() -> tuple[type[Exception], ...]:
    """What EverOS raises when a model fails or says something useless. Its API tells the caller."""
    return (
        module("everalgo.llm.errors").LLMError, ValueError, TimeoutError,
        module("everos.core.errors").AppError,
    )  # fmt: skip


class ModelClient:
    """EverOS's `LLMClient` over a `ChatModel`.

    Args:
        model: Answers.
        max_tokens: Of a reply, at most, where EverOS names no limit.
    """

    def __init__(self, model: ChatModel, max_tokens: int) -> None:
        self._model, self._max_tokens = model, max_tokens

    async def chat(
        self, messages: Sequence[Any], *, model: str | None = None,
        temperature: float | None = None, max_tokens: int | None = None,
        response_format: Any = None, **extra: Any,
    ) -> Any:  # fmt: skip
        """One completion. A failed call raises, as EverOS's own client does."""
        request = ChatRequest(
            messages=tuple(Message(one.role, text_of(one.content)) for one in messages),
            sampling=Sampling(
                temperature=temperature or 0.0, max_tokens=max_tokens or self._max_tokens
            ),
        )
        response = answered(self._model, request)
        if response.failure is not None:
            raise failed_call()(response.failure)
        return to_everos(response, self._model.name)


def answered(model: ChatModel, request: ChatRequest) -> ChatResponse:
    """Make a model call for the operation that is open here, or for one of its own."""
    call = _CALL.get()
    if call is not None and not call.is_made:
        call.is_made = True
        (completed,) = complete(model, [request], [call.op.place])
        call.reply = call.op.answered(completed)
        return completed.response
    name, kind = ("chat", "operation") if call is None else (f"{call.name}_more", call.kind)
    inputs = {} if call is None or call.reply is None else {"reply": call.reply}
    with Stage(name, kind=kind, inputs=inputs, points=("reply",)) as op:
        return op.generate(model, request)


def to_everos(response: ChatResponse, name: str) -> Any:
    """A response as EverOS's own type."""
    types = module("everalgo.llm.types")
    usage = types.Usage(
        prompt_tokens=response.usage.prompt_tokens,
        completion_tokens=response.usage.completion_tokens,
    )
    return types.ChatResponse(
        content=response.text, model=response.model or name, usage=usage,
        finish_reason="length" if response.finish_reason == "length" else "stop",
    )  # fmt: skip


class EmbedderProvider:
    """EverOS's `EmbeddingProvider` over an `Embedder`; short vectors are filled with zeros."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.dim = record_width(embedder.dim)
        self._texts: dict[bytes, str] = {}

    async def embed(self, text: str) -> list[float]:
        """One vector."""
        return (await self.embed_batch([text]))[0]

    async def embed_batch(self, texts: Sequence[str]) -> list[list[float]]:
        """Vectors, in order."""
        if not texts:
            return []
        vectors_ND = np.zeros((len(texts), self.dim), np.float32)
        vectors_ND[:, : self._embedder.dim] = self._embedder.embed(list(texts))
        rows: list[list[float]] = vectors_ND.tolist()
        return rows

    async def embed_query(self, text: str) -> list[float]:
        """The vector of a query, whose text `query_of` then knows."""
        vector = await self.embed(text)
        self._texts[_key(vector)] = text
        return vector

    def query_of(self, vector: Sequence[float]) -> str | None:
        """The query that got this vector."""
        return self._texts.get(_key(vector))


class CosineReranker:
    """EverOS's `RerankProvider`: the cosine of query and passage.

    It stands in for the cross-encoder that EverOS calls over HTTP; `parameters` say so.
    """

    identity = "cosine"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def rerank(
        self, query: str, documents: Sequence[str], *, instruction: str | None = None
    ) -> list[Any]:
        """Every document's place and score, best first."""
        if not documents:
            return []
        result = module("everos.component.rerank.protocol").RerankResult
        query_D, *rows = self._embedder.embed([query, *documents])
        scores = [round(float(row_D @ query_D), 6) for row_D in rows]
        order = sorted(range(len(scores)), key=lambda place: -scores[place])
        return [result(place, scores[place]) for place in order]


class ApproximateTokenizer:
    """Counts tokens without the vocabulary that EverOS would fetch; see `memory.tokens`.

    EverOS only counts with it, to force a boundary where a buffer grows beyond its limit.
    """

    def encode(self, text: str) -> range:
        """As many numbers as the text has tokens."""
        return range(approximate_tokens(text))


def _key(vector: Sequence[float]) -> bytes:
    return np.asarray(vector, np.float32).tobytes()


def text_of(content: Any) -> str:
    """The text of a message of EverOS."""
    if isinstance(content, str):
        return content
    return "\n".join(part.text for part in content if hasattr(part, "text"))
