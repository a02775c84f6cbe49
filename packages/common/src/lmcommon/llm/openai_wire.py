"""The OpenAI wire format: bodies to send, replies to read, errors to name. Pure functions.

In: our requests, or the JSON an endpoint answered. Out: JSON bodies, or `ChatResponse`s and
`CallError`s. Endpoints differ in small ways (vLLM, llama.cpp, Ollama, hosted ones): what is
missing from a reply is estimated or refused here, never taken for granted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lmcommon.llm.budget import Prices, estimate_chat
from lmcommon.llm.types import (
    ChatRequest,
    ChatResponse,
    FailureKind,
    FinishReason,
    TokenLogprob,
    Usage,
)

__all__ = ["CallError", "chat_body", "read_chat", "read_usage", "status_error"]

_RETRYABLE = frozenset({408, 409, 425, 429})
_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|maximum (context|model|prompt)|too long|too many tokens"
    r"|exceeds? the (available|model)|max_model_len",
    re.IGNORECASE,
)
_SHOWN_CHARS = 400


class CallError(Exception):
    """One attempt failed. `retry_after_s` is what the server asked for, if it did."""

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        is_retryable: bool = False,
        retry_after_s: float | None = None,
        text: str = "",
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.is_retryable = is_retryable
        self.retry_after_s = retry_after_s
        self.text = text
        """What the model said all the same."""
        self.usage = usage
        """What the attempt used, where the reply tells; None: unknown."""
        self.status: int | None = None
        """HTTP status, when one came."""


def chat_body(
    request: ChatRequest, model: str, *, max_tokens_field: str, native_schema: bool
) -> dict[str, Any]:
    """The body of `POST /chat/completions`. Parameters left at their neutral value are not sent."""
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "temperature": sampling.temperature,
        max_tokens_field: sampling.max_tokens,
    }
    if sampling.top_p != 1.0:
        body["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        body["top_k"] = sampling.top_k
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if request.effective_seed is not None:
        body["seed"] = request.effective_seed
    if sampling.logprobs:
        body["logprobs"] = True
        if sampling.top_logprobs:
            body["top_logprobs"] = sampling.top_logprobs
    if request.schema is not None and native_schema:
        schema = {"name": "reply", "schema": _plain(request.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def read_chat(payload: Any, request: ChatRequest, *, model: str, prices: Prices) -> ChatResponse:
    """Turn the JSON of a chat completion into a response.

    Raises:
        CallError: The JSON has no choice (`server`), the content was filtered (`bad_request`), or
            log-probabilities were asked for and did not come (`unsupported`).
    """
    choice = first_choice(payload)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise CallError("server", f"no message in the reply: {_shown(choice)}", is_retryable=True)
    text = message.get("content") or message.get("refusal") or ""
    if not isinstance(text, str):
        raise CallError("server", f"no text in the reply: {_shown(message)}", is_retryable=True)
    estimate = estimate_chat(request)
    usage = read_usage(payload, estimate.prompt_tokens, len(text) // 4 + 1, prices)
    if choice.get("finish_reason") == "content_filter":
        raise CallError("bad_request", "the content filter stopped it", text=text, usage=usage)
    logprobs = _read_logprobs(choice.get("logprobs")) if request.sampling.logprobs else None
    if request.sampling.logprobs and logprobs is None:
        message_ = "the endpoint sent no log-probabilities, which were asked for"
        raise CallError("unsupported", message_, text=text, usage=usage)
    reason: FinishReason = "length" if choice.get("finish_reason") == "length" else "stop"
    return ChatResponse(
        text=text, finish_reason=reason, usage=usage, logprobs=logprobs, model=model
    )


def first_choice(payload: Any) -> Mapping[str, Any]:
    """The one choice of a chat or text completion."""
    choices = payload.get("choices") if isinstance(payload, Mapping) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise CallError("server", f"no choice in the reply: {_shown(payload)}", is_retryable=True)
    return choices[0]


def read_usage(payload: Any, prompt: int, completion: int, prices: Prices) -> Usage:
    """Tokens as the endpoint counts them, else the given estimates; one call, priced."""
    reported = payload.get("usage") if isinstance(payload, Mapping) else None
    if isinstance(reported, Mapping):
        prompt = _count(reported.get("prompt_tokens"), prompt)
        completion = _count(reported.get("completion_tokens"), completion)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        calls=1,
        cost_usd=prices.cost_usd(prompt, completion),
    )


def status_error(status: int, body: Any, retry_after_s: float | None) -> CallError:
    """Name an HTTP error status.

    Args:
        status: 400 to 599.
        body: The decoded error body: the `error` object of the wire format, or whatever came.
        retry_after_s: From the headers, see `lmcommon.llm.pacing.retry_after_s`.
    """
    error = _named_status(status, body, retry_after_s)
    error.status = status
    return error


def _named_status(status: int, body: Any, retry_after_s: float | None) -> CallError:
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    fields = inner if isinstance(inner, Mapping) else {}
    message = f"HTTP {status}: {_shown(fields.get('message') or inner)}"
    code = str(fields.get("code") or fields.get("type") or "")
    if code == "insufficient_quota":
        return CallError("rate_limit", message)
    if status == 429:
        return CallError("rate_limit", message, is_retryable=True, retry_after_s=retry_after_s)
    if status == 413 or (status in {400, 422} and _TOO_LONG.search(f"{code} {message}")):
        return CallError("too_long", message)
    if status >= 500 or status in _RETRYABLE:
        kind: FailureKind = "timeout" if status in {408, 504} else "server"
        return CallError(kind, message, is_retryable=True, retry_after_s=retry_after_s)
    return CallError("bad_request", message)


def _read_logprobs(raw: Any) -> tuple[TokenLogprob, ...] | None:
    content = raw.get("content") if isinstance(raw, Mapping) else None
    if not isinstance(content, list):
        return None
    try:
        return tuple(
            TokenLogprob(
                item["token"],
                float(item["logprob"]),
                tuple((t["token"], float(t["logprob"])) for t in item.get("top_logprobs") or ()),
            )
            for item in content
        )
    except (KeyError, TypeError, ValueError) as error:
        message = f"log-probabilities that cannot be read: {_shown(raw)}"
        raise CallError("server", message, is_retryable=True) from error


def _count(value: Any, default: int) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return int(value) if is_count else default


def _plain(schema: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(schema, default=dict))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
