"""Any endpoint that speaks the OpenAI wire format: vLLM, llama.cpp, Ollama, hosted ones.

In: batches of requests, from plain code, threads or coroutines. Out: one response each; the
official `openai` SDK carries them. All calls of one `OpenAIChat` run on one event loop in a thread
of its own, so its concurrency limit, rate limit and connections hold for all callers together.
Each attempt is paced, metered and, where that can help, repeated.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from lmcommon.errors import UserError
from lmcommon.llm.async_bridge import LoopThread
from lmcommon.llm.attempts import Attempts, Outcome
from lmcommon.llm.base import Tell
from lmcommon.llm.budget import Meter, Prices, estimate_chat, estimate_score
from lmcommon.llm.openai_endpoint import Connection, Endpoint
from lmcommon.llm.openai_scoring import echo_body, echo_tokens, vllm_body, vllm_tokens
from lmcommon.llm.openai_wire import CallError, chat_body, read_chat, read_usage
from lmcommon.llm.pacing import Clock, RetryPolicy, SystemClock
from lmcommon.llm.structured import acomplete, check_schema, with_schema_instruction
from lmcommon.llm.types import (
    ChatRequest,
    ChatResponse,
    ModelFailure,
    Sampling,
    ScoreRequest,
    ScoreResponse,
    TokenLogprob,
    Usage,
    chat,
)

__all__ = ["SCORING", "OpenAIChat"]

SCORING = ("none", "completions_echo", "vllm")
"""How an endpoint can score a given continuation; see `lmcommon.llm.openai_scoring`."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class OpenAIChat:
    """A remote chat model.

    Args:
        model: The name the endpoint knows it by.
        base_url: The endpoint, up to and including `/v1`.
        api_key_env: Environment variable with the key; None: no key is sent. Optional for an
            endpoint on this machine.
        timeout_s: For one attempt, from sending to the last byte.
        retry: Attempts and waits.
        concurrency: Attempts under way at once.
        requests_per_minute: Rate limit; None: none.
        tokens_per_minute: Rate limit on prompt and completion tokens; None: none.
        prices: For the cost in `usage` and the budget.
        meter: Counts and limits; None: counts only.
        scoring: How `score` works: `none`, `completions_echo` or `vllm`.
        template: For `completions_echo`: `chatml` or `plain`.
        max_tokens_field: Some hosted models want `max_completion_tokens`.
        drop: Body parameters the endpoint refuses, such as `("temperature",)`.
        extra_body: Further body parameters. Part of the identity: no place for secrets.
        clock: Replaceable for tests.
        rng: Jitter of the back-off.

    Raises:
        UserError: A malformed address or option.

    Example:
        `OpenAIChat("qwen2.5:7b", base_url="http://127.0.0.1:11434/v1").generate([chat("Hello!")])`
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str = "https://api.openai.com/v1",
        api_key_env: str | None = "OPENAI_API_KEY",
        timeout_s: float = 120.0,
        retry: RetryPolicy | None = None,
        concurrency: int = 8,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        prices: Prices | None = None,
        meter: Meter | None = None,
        scoring: str = "none",
        template: str = "chatml",
        max_tokens_field: str = "max_tokens",
        drop: Sequence[str] = (),
        extra_body: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if concurrency < 1 or timeout_s <= 0:
            raise ValueError(
                f"expected concurrency >= 1 and timeout_s > 0; got {concurrency}, {timeout_s}"
            )
        if scoring not in SCORING or template not in ("chatml", "plain"):
            raise UserError(
                f"scoring: expected one of {', '.join(SCORING)} with template chatml or plain; "
                f"got {scoring!r} with {template!r}"
            )
        self._model = model
        self._endpoint = Endpoint(base_url, api_key_env)
        self._timeout_s = timeout_s
        self._concurrency = concurrency
        self._prices = prices or Prices()
        self.meter = meter or Meter()
        self._scoring = scoring
        self._template = template
        self._max_tokens_field = max_tokens_field
        self._drop = frozenset(drop)
        self._extra_body = dict(extra_body or {})
        self._new_attempts = partial(
            Attempts,
            meter=self.meter,
            retry=retry or RetryPolicy(),
            concurrency=concurrency,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            clock=clock or SystemClock(),
            rng=rng or random.Random(),
        )
        self._thread = LoopThread(f"openai-{model}")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: Connection
        self._attempts: Attempts
        self._prompted_schemas: set[str] = set()

    def __repr__(self) -> str:
        return f"OpenAIChat({self._model!r}, base_url={self._endpoint.shown_url!r})"

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self._model

    @property
    def identity(self) -> Mapping[str, Any]:
        """Address, model and what is added to or left out of every body."""
        return {
            "kind": "openai",
            "base_url": self._endpoint.shown_url,
            "model": self._model,
            "drop": sorted(self._drop),
            "extra_body": self._extra_body,
            "scoring": self._scoring,
            "template": self._template if self._scoring == "completions_echo" else None,
        }

    def check(self) -> None:
        """Ask the endpoint for its models; in doubt, for one token.

        Raises:
            UserError: No key, nobody answers, the key is refused, or the model is unknown.
        """
        self._thread.run(self._check())

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Answer a batch, `concurrency` at a time. May be called inside a running event loop."""
        return self._thread.run(self._map(self._chat, requests))

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """`generate` without blocking the event loop."""
        return await self._thread.arun(self._map(self._chat, requests))

    def generate_telling(self, requests: Sequence[ChatRequest], tell: Tell) -> list[ChatResponse]:
        """`generate`, with each answer told as soon as it is there."""
        return self._thread.run(self._map(self._chat, requests, tell))

    async def agenerate_telling(
        self, requests: Sequence[ChatRequest], tell: Tell
    ) -> list[ChatResponse]:
        """The same without blocking the event loop."""
        return await self._thread.arun(self._map(self._chat, requests, tell))

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Score a batch in the way `scoring` names.

        Plain text (no messages) is tokenised by the endpoint: where it puts no token before the
        text, the first token has no log-probability and is left out.
        """
        return self._thread.run(self._map(self._score, requests))

    def close(self) -> None:
        """Close the connections and stop the thread. The next call opens them again."""
        self._thread.close()

    async def _map(
        self,
        answer: Callable[[Item], Awaitable[Result]],
        items: Sequence[Item],
        tell: Callable[[int, Result], None] = lambda _, __: None,
    ) -> list[Result]:
        """In order, by workers that each take the next item: no item waits for a slower chunk."""
        await self._connect()
        results: dict[int, Result] = {}
        queue = iter(enumerate(items))

        async def work() -> None:
            for index, item in queue:
                results[index] = await answer(item)
                tell(index, results[index])

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._concurrency, len(items))):
                group.create_task(work())
        return [results[index] for index in range(len(items))]

    async def _connect(self) -> None:
        """What belongs to the loop is made on it, and again when the loop is a new one."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._connection = Connection(self._endpoint, self._timeout_s)
            self._thread.at_stop(self._connection.close)
            self._attempts = self._new_attempts()
            self._loop = loop

    async def _check(self) -> None:
        await self._connect()
        try:
            listed = await self._connection.get("/models")
            known = [entry["id"] for entry in listed["data"]]
        except CallError as error:
            if error.status != 404:
                raise self._endpoint.explain(error) from error
            known = []
        except (KeyError, TypeError):
            known = []
        if self._model not in known:
            # Aliases and proxies are not always listed: only a refused call is proof.
            probe = await self._chat(chat("Hi", sampling=Sampling(max_tokens=1)))
            if probe.failure is not None and probe.failure.kind == "bad_request":
                raise UserError(
                    f"model: expected one of {', '.join(sorted(known)[:20]) or 'unknown'} at "
                    f"{self._endpoint.shown_url}; got {self._model!r} ({probe.failure.message})"
                )

    async def _chat(self, request: ChatRequest) -> ChatResponse:
        if request.schema is None:
            return await self._send(request)
        try:
            check_schema(request.schema)
        except ValueError as error:
            return ChatResponse.failed("bad_request", str(error), model=self._model, attempts=0)
        key = repr(request.schema)
        before = Usage()
        if key not in self._prompted_schemas:
            response = await self._send(request, native_schema=True)
            if response.failure is None or response.failure.kind != "bad_request":
                return await self._structured(request, response, native_schema=True)
            before = response.usage
        # The endpoint may know no JSON schemas, or not this one: ask for JSON in words.
        prompted = with_schema_instruction(request)
        response = await self._send(prompted)
        if response.ok:
            self._prompted_schemas.add(key)
        response = replace(response, usage=before + response.usage)
        return await self._structured(prompted, response, native_schema=False)

    async def _structured(
        self, request: ChatRequest, response: ChatResponse, *, native_schema: bool
    ) -> ChatResponse:
        async def again(requests: Sequence[ChatRequest]) -> list[ChatResponse]:
            return [await self._send(each, native_schema=native_schema) for each in requests]

        return (await acomplete([request], [response], again))[0]

    async def _send(self, request: ChatRequest, *, native_schema: bool = False) -> ChatResponse:
        body = self._finish_body(
            chat_body(
                request,
                self._model,
                max_tokens_field=self._max_tokens_field,
                native_schema=native_schema,
            )
        )

        async def attempt() -> tuple[ChatResponse, Usage]:
            payload = await self._connection.post("/chat/completions", body)
            response = read_chat(payload, request, model=self._model, prices=self._prices)
            return response, response.usage

        outcome = await self._attempts.run(estimate_chat(request, self._prices), attempt)
        if outcome.value is not None:
            return replace(outcome.value, usage=outcome.usage, latency_ms=outcome.latency_ms)
        return ChatResponse(
            text=outcome.text,
            finish_reason="error",
            usage=outcome.usage,
            failure=outcome.failure,
            model=self._model,
            latency_ms=outcome.latency_ms,
        )

    async def _score(self, request: ScoreRequest) -> ScoreResponse:
        if self._scoring == "none":
            message = "this endpoint is not set up to score; see the option `scoring`"
            failure = ModelFailure(kind="unsupported", message=message, attempts=0)
            return ScoreResponse(failure=failure, model=self._model)
        attempt = self._score_vllm if self._scoring == "vllm" else self._score_echo
        outcome: Outcome[tuple[TokenLogprob, ...]] = await self._attempts.run(
            estimate_score(request, self._prices), partial(attempt, request)
        )
        return ScoreResponse(
            tokens=outcome.value or (),
            usage=outcome.usage,
            failure=outcome.failure,
            model=self._model,
        )

    async def _score_echo(self, request: ScoreRequest) -> tuple[tuple[TokenLogprob, ...], Usage]:
        body = self._finish_body(echo_body(request, self._model, self._template))
        payload = await self._connection.post("/completions", body)
        return echo_tokens(payload, request, self._template), self._score_usage(payload, request)

    async def _score_vllm(self, request: ScoreRequest) -> tuple[tuple[TokenLogprob, ...], Usage]:
        path, body = vllm_body(request, self._model)
        context = 0
        if request.messages:
            messages = [{"role": m.role, "content": m.content} for m in request.messages]
            asked = {"model": self._model, "messages": messages, "add_generation_prompt": True}
            counted = await self._connection.post(f"{self._endpoint.root_url}/tokenize", asked)
            if not isinstance(counted, Mapping) or not isinstance(counted.get("count"), int):
                raise CallError("server", "the endpoint's /tokenize gives no count")
            context = counted["count"]
        payload = await self._connection.post(path, self._finish_body(body))
        return vllm_tokens(payload, context), self._score_usage(payload, request)

    def _score_usage(self, payload: Any, request: ScoreRequest) -> Usage:
        estimate = estimate_score(request)
        return read_usage(payload, estimate.prompt_tokens, 1, self._prices)

    def _finish_body(self, body: Mapping[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in body.items() if key not in self._drop}
        return {**kept, **self._extra_body}
