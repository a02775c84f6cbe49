"""Scoring a given continuation over the OpenAI wire format. Pure functions.

Two dialects exist. `vllm`: a chat completion that continues the last message, with
`prompt_logprobs`; `/tokenize` tells where the continuation starts, so the model's own chat
template is used. `completions_echo`: `/completions` with `echo`; the messages are rendered by one
of our templates, since the endpoint applies none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lmcommon.llm.openai_wire import CallError, first_choice
from lmcommon.llm.types import Message, ScoreRequest, TokenLogprob

__all__ = ["echo_body", "echo_tokens", "render", "vllm_body", "vllm_tokens"]


def render(messages: Sequence[Message], template: str) -> str:
    """Messages as one text that ends where the assistant begins to speak.

    Args:
        messages: Empty gives an empty text.
        template: `chatml`, or `plain` (a line `User: ...` a message).
    """
    if not messages:
        return ""
    if template == "chatml":
        turns = [f"<|im_start|>{m.role}\n{m.content}<|im_end|>\n" for m in messages]
        return "".join(turns) + "<|im_start|>assistant\n"
    turns = [f"{m.role.capitalize()}: {m.content}\n\n" for m in messages]
    return "".join(turns) + "Assistant:\n"


def echo_body(request: ScoreRequest, model: str, template: str) -> dict[str, Any]:
    """Body of `POST /completions` that has the prompt repeated with log-probabilities."""
    return {
        "model": model,
        "prompt": render(request.messages, template) + request.continuation,
        "echo": True,
        "max_tokens": 1,
        "temperature": 0.0,
        "logprobs": 1,
    }


def echo_tokens(payload: Any, request: ScoreRequest, template: str) -> tuple[TokenLogprob, ...]:
    """The continuation's tokens in an echoed completion.

    A token that straddles the border counts; the token generated beyond the end does not, nor
    does a first token without a log-probability (no beginning-of-text token).
    """
    raw = first_choice(payload).get("logprobs")
    if not isinstance(raw, Mapping) or not isinstance(raw.get("token_logprobs"), list):
        raise CallError("unsupported", "the endpoint echoes no log-probabilities")
    tokens, values = list(raw.get("tokens") or ()), raw["token_logprobs"]
    prompt = render(request.messages, template)
    starts = _starts(tokens, raw.get("text_offset"), prompt + request.continuation)
    if not len(tokens) == len(values) == len(starts):
        raise CallError("server", "tokens and log-probabilities differ in number")
    end = len(prompt) + len(request.continuation)
    return tuple(
        TokenLogprob(token, float(value))
        for token, value, start in zip(tokens, values, starts, strict=True)
        if value is not None and start + len(token) > len(prompt) and start < end
    )


def vllm_body(request: ScoreRequest, model: str) -> tuple[str, dict[str, Any]]:
    """Path and body that return the log-probability of every prompt token."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": 1,
        "temperature": 0.0,
        "prompt_logprobs": 0,
    }
    if not request.messages:
        return "/completions", {**body, "prompt": request.continuation}
    turns = [*request.messages, Message("assistant", request.continuation)]
    return "/chat/completions", {
        **body,
        "messages": [{"role": m.role, "content": m.content} for m in turns],
        "add_generation_prompt": False,
        "continue_final_message": True,
    }


def vllm_tokens(payload: Any, context_tokens: int) -> tuple[TokenLogprob, ...]:
    """The tokens after the first `context_tokens` of the prompt."""
    raw = payload.get("prompt_logprobs") if isinstance(payload, Mapping) else None
    if raw is None:
        raw = first_choice(payload).get("prompt_logprobs")
    if not isinstance(raw, list):
        raise CallError("unsupported", "the endpoint sends no prompt_logprobs")
    if len(raw) <= context_tokens:
        raise CallError("server", f"{len(raw)} prompt tokens, {context_tokens} of them context")
    return tuple(_vllm_token(place) for place in raw[context_tokens:] if place)


def _vllm_token(place: Mapping[str, Any]) -> TokenLogprob:
    """The prompt's own token: the only one sent, or the least likely beside the best ones."""
    entry = max(place.values(), key=lambda candidate: candidate.get("rank") or 0)
    return TokenLogprob(str(entry.get("decoded_token")), float(entry["logprob"]))


def _starts(tokens: Sequence[str], offsets: Any, text: str) -> list[int]:
    """Where each token starts in `text`; a beginning-of-text token starts before it."""
    for skipped in range(min(3, len(tokens))):
        if "".join(tokens[skipped:]).startswith(text):
            starts, at = [-len(token) for token in tokens[:skipped]], 0
            for token in tokens[skipped:]:
                starts.append(at)
                at += len(token)
            return starts
    return list(offsets) if isinstance(offsets, list) else []
