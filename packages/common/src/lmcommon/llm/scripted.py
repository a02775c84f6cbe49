"""A model that says what it is told to: for tests, demos of the machinery, and dry runs.

In: replies as a list (used up in order), a mapping (by what the last message holds) or a function
of the request. Out: ordinary `ChatResponse`s. It obeys `max_tokens`, `stop`, `schema` and
`logprobs` as a real model does, so code that ignores them is found out. Its tokens are words with
the white space before them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lmcommon.llm import structured
from lmcommon.llm.types import (
    ChatRequest,
    ChatResponse,
    ModelFailure,
    ScoreRequest,
    ScoreResponse,
    TokenLogprob,
    Usage,
)

__all__ = ["Reply", "ScriptedModel", "truncate", "word_tokens"]

Reply = str | ModelFailure | ChatResponse
Script = Sequence[Reply] | Mapping[str, Reply] | Callable[[ChatRequest], Reply]
Scored = float | Sequence[TokenLogprob] | ModelFailure

_TOKEN = re.compile(r"\s*\S+|\s+$")


def word_tokens(text: str) -> list[str]:
    """Split into words that keep the white space before them; joined they give `text` again."""
    return _TOKEN.findall(text)


def truncate(text: str, *, max_tokens: int, stop: Sequence[str]) -> tuple[str, bool]:
    """Apply `stop` and `max_tokens` to a finished text; also says whether the limit cut it."""
    ends = [at for mark in stop if mark and (at := text.find(mark)) >= 0]
    tokens = word_tokens(text[: min(ends)] if ends else text)
    return "".join(tokens[:max_tokens]), len(tokens) > max_tokens


class ScriptedModel:
    """Replies from a script. Thread-safe.

    Args:
        script: One of

            - a sequence: the next reply each time; when it is used up, failures of kind
              `internal`;
            - a mapping: the reply whose key equals the last message, else the longest key found
              in it (so `""` is the default); no match is a failure of kind `internal`;
            - a function from request to reply.

            A reply is a text, a `ModelFailure` (to rehearse failures), or a whole `ChatResponse`,
            which is passed on as it is.
        scores: Function from a `ScoreRequest` to the total log-probability (spread evenly over
            the words), to the tokens themselves, or to a failure. None: scoring is `unsupported`.
        logprobs: Function from request and text to tokens. None: the script is certain, 0 nats.
        name: Shown in tables and part of the identity. Give functions with different behaviour
            different names when a cache is in play.
        remembers: Whether requests are kept for tests to look at; a model of thousands of calls
            should not.

    Example:
        >>> from lmcommon.llm import ScriptedModel, chat
        >>> model = ScriptedModel({"live": "Oslo", "": "I do not know."})
        >>> [r.text for r in model.generate([chat("Where does Ana live?"), chat("Why?")])]
        ['Oslo', 'I do not know.']
    """

    def __init__(
        self,
        script: Script,
        *,
        scores: Callable[[ScoreRequest], Scored] | None = None,
        logprobs: Callable[[ChatRequest, str], Sequence[TokenLogprob]] | None = None,
        name: str = "scripted",
        remembers: bool = True,
    ) -> None:
        if isinstance(script, str):
            raise ValueError(f"script: expected a list, a mapping or a function; got {script!r}")
        self._script = script
        self._queue: Iterator[Reply] | None = iter(script) if isinstance(script, Sequence) else None
        self._scores = scores
        self._logprobs = logprobs
        self._name = name
        self._lock = threading.Lock()
        self._remembers = remembers
        self.requests: list[ChatRequest] = []
        """Every request it was given, repairs included, in order of arrival, if it remembers."""

    def __repr__(self) -> str:
        return f"ScriptedModel(name={self._name!r})"

    @property
    def name(self) -> str:
        """The name given at construction."""
        return self._name

    @property
    def identity(self) -> Mapping[str, Any]:
        """Name and a digest of the script (of the function's qualified name, for a function)."""
        return {"kind": "scripted", "name": self._name, "script": _digest(self._script)}

    def check(self) -> None:
        """A script is always ready."""

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Answer a batch from the script, in order."""
        return structured.complete(requests, self._raw(requests), self._raw)

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """`generate` in a worker thread: a scripted function may be slow."""
        return await asyncio.to_thread(self.generate, requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Scores from the `scores` function."""
        return [self._score(request) for request in requests]

    def close(self) -> None:
        """Nothing is held."""

    def _raw(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        return [self._respond(request) for request in requests]

    def _respond(self, request: ChatRequest) -> ChatResponse:
        reply = self._next(request)
        if isinstance(reply, ChatResponse):
            return reply
        prompt_tokens = sum(len(word_tokens(message.content)) for message in request.messages)
        if isinstance(reply, ModelFailure):
            usage = Usage(prompt_tokens=prompt_tokens, calls=reply.attempts)
            return ChatResponse(finish_reason="error", failure=reply, model=self._name, usage=usage)
        sampling = request.sampling
        text, is_cut = truncate(reply, max_tokens=sampling.max_tokens, stop=sampling.stop)
        tokens = word_tokens(text)
        return ChatResponse(
            text=text,
            finish_reason="length" if is_cut else "stop",
            usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=len(tokens), calls=1),
            logprobs=self._tokens(request, text) if sampling.logprobs else None,
            model=self._name,
        )

    def _next(self, request: ChatRequest) -> Reply:
        with self._lock:
            if self._remembers:
                self.requests.append(request)
            if self._queue is not None:
                message = f"the script ended after {len(self._script)} replies"  # type: ignore[arg-type]
                return next(self._queue, ModelFailure(kind="internal", message=message))
        if isinstance(self._script, Mapping):
            return _match(self._script, request.messages[-1].content)
        assert callable(self._script)
        return self._script(request)

    def _tokens(self, request: ChatRequest, text: str) -> tuple[TokenLogprob, ...]:
        if self._logprobs is not None:
            return tuple(self._logprobs(request, text))
        count = min(1, request.sampling.top_logprobs)
        return tuple(
            TokenLogprob(token, 0.0, ((token, 0.0),) * count) for token in word_tokens(text)
        )

    def _score(self, request: ScoreRequest) -> ScoreResponse:
        if self._scores is None:
            failure = ModelFailure(
                kind="unsupported", message="this ScriptedModel was given no `scores` function"
            )
            return ScoreResponse(failure=failure, model=self._name)
        scored = self._scores(request)
        if isinstance(scored, ModelFailure):
            return ScoreResponse(failure=scored, model=self._name)
        words = word_tokens(request.continuation)
        if isinstance(scored, (int, float)):
            scored = [TokenLogprob(word, scored / len(words)) for word in words]
        prompt_tokens = sum(len(word_tokens(message.content)) for message in request.messages)
        usage = Usage(prompt_tokens=prompt_tokens + len(words), calls=1)
        return ScoreResponse(tokens=tuple(scored), usage=usage, model=self._name)


def _match(script: Mapping[str, Reply], text: str) -> Reply:
    if text in script:
        return script[text]
    found = [key for key in script if key in text]
    if not found:
        shown = text if len(text) <= 120 else text[:120] + "..."
        return ModelFailure(
            kind="internal", message=f"no key of the script occurs in {shown!r}; add one, or ''"
        )
    return script[max(found, key=len)]


def _digest(script: Script) -> str:
    if isinstance(script, Mapping):
        shown: Any = [[key, repr(reply)] for key, reply in script.items()]
    elif isinstance(script, Sequence):
        shown = [repr(reply) for reply in script]
    else:
        shown = getattr(script, "__qualname__", type(script).__qualname__)
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]
