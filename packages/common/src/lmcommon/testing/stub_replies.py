"""What the stub server says: deterministic replies in the OpenAI wire format.

Tokens are words with the white space before them. The log-probability of a token is a fixed
function of the token alone, so tests can compute what they expect. Pure functions of the body.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmcommon.llm.scripted import truncate, word_tokens

__all__ = [
    "Reply",
    "chat_payload",
    "completion_payload",
    "default_reply",
    "embedding_payload",
    "stub_logprob",
    "tokenize_payload",
]

Reply = Callable[[Mapping[str, Any]], str]
_ASSISTANT = "<assistant>"


def stub_logprob(token: str) -> float:
    """Between -4 and 0, fixed by the token."""
    return -(hashlib.sha256(token.encode()).digest()[0] % 64) / 16


def default_reply(body: Mapping[str, Any]) -> str:
    """Echo the last message, sampled ones with their seed; with a schema, its least instance."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema is not None:
        return json.dumps(_least(schema))
    last = str(body["messages"][-1]["content"])
    sampled = f" seed {body.get('seed')}" if body.get("temperature", 0) > 0 else ""
    return f"You said{sampled}: {last}"


def chat_payload(body: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    """A chat completion."""
    if body.get("prompt_logprobs") is not None:
        return _scored_payload(body, _context_tokens(body["messages"][:-1], generate=True))
    limit = int(body.get("max_tokens") or body.get("max_completion_tokens") or 256)
    text, is_cut = truncate(reply(body), max_tokens=limit, stop=_stops(body))
    tokens = word_tokens(text)
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": "length" if is_cut else "stop",
        "message": {"role": "assistant", "content": text},
    }
    if body.get("logprobs"):
        count = int(body.get("top_logprobs") or 0)
        choice["logprobs"] = {"content": [_chat_logprob(token, count) for token in tokens]}
    prompt = sum(len(word_tokens(message["content"])) for message in body["messages"])
    return _completion("chat.completion", body, choice, prompt, len(tokens))


def completion_payload(body: Mapping[str, Any]) -> dict[str, Any]:
    """A text completion of one word, with `echo` and `prompt_logprobs`."""
    prompt = str(body["prompt"])
    if body.get("prompt_logprobs") is not None:
        scored = {**body, "messages": [{"role": "assistant", "content": prompt}]}
        return _scored_payload(scored, [])
    tokens = [*(word_tokens(prompt) if body.get("echo") else []), " end"]
    choice: dict[str, Any] = {"index": 0, "finish_reason": "length", "text": "".join(tokens)}
    if body.get("logprobs") is not None:
        values: list[float | None] = [stub_logprob(token) for token in tokens]
        if body.get("echo"):
            values[0] = None
        starts = [len("".join(tokens[:index])) for index in range(len(tokens))]
        choice["logprobs"] = {"tokens": tokens, "token_logprobs": values, "text_offset": starts}
    return _completion("text_completion", body, choice, len(word_tokens(prompt)), 1)


def tokenize_payload(body: Mapping[str, Any]) -> dict[str, Any]:
    """How many tokens a rendered conversation has."""
    generate = bool(body.get("add_generation_prompt"))
    return {"count": len(_context_tokens(body["messages"], generate=generate))}


def embedding_payload(body: Mapping[str, Any]) -> dict[str, Any]:
    """Vectors fixed by the text; `dimensions` is obeyed."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    size = int(body.get("dimensions") or 8)
    rows = [
        {"object": "embedding", "index": index, "embedding": _vector(str(text), size)}
        for index, text in enumerate(texts)
    ]
    used = sum(len(word_tokens(str(text))) for text in texts)
    usage = {"prompt_tokens": used, "total_tokens": used}
    return {"object": "list", "data": rows, "model": body["model"], "usage": usage}


def _scored_payload(body: Mapping[str, Any], context: Sequence[str]) -> dict[str, Any]:
    tokens = [*context, *word_tokens(body["messages"][-1]["content"])]
    places: list[Any] = [
        {str(index): {"logprob": stub_logprob(token), "rank": 1, "decoded_token": token}}
        for index, token in enumerate(tokens)
    ]
    places[0] = None
    choice = {"index": 0, "finish_reason": "length", "message": {"content": " end"}}
    payload = _completion("chat.completion", body, choice, len(tokens), 1)
    return {**payload, "prompt_logprobs": places}


def _context_tokens(messages: Sequence[Mapping[str, Any]], *, generate: bool) -> list[str]:
    tokens = [
        token
        for message in messages
        for token in [f"<{message['role']}>", *word_tokens(message["content"])]
    ]
    return [*tokens, _ASSISTANT] if generate else tokens


def _completion(
    kind: str, body: Mapping[str, Any], choice: Mapping[str, Any], prompt: int, completion: int
) -> dict[str, Any]:
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    return {
        "id": "stub",
        "object": kind,
        "created": 0,
        "model": body["model"],
        "choices": [choice],
        "usage": usage,
    }


def _chat_logprob(token: str, count: int) -> dict[str, Any]:
    value = stub_logprob(token)
    others = [{"token": f"{token}~{rank}", "logprob": value - rank} for rank in range(1, count)]
    top = [{"token": token, "logprob": value}, *others] if count else []
    return {"token": token, "logprob": value, "top_logprobs": top}


def _stops(body: Mapping[str, Any]) -> list[str]:
    stop = body.get("stop") or []
    return [stop] if isinstance(stop, str) else list(stop)


def _vector(text: str, size: int) -> list[float]:
    digest = hashlib.sha256(text.encode()).digest()
    return [digest[place % 32] / 255 - 0.5 + place / 1000 for place in range(size)]


def _least(schema: Mapping[str, Any]) -> Any:
    """The least value that satisfies a simple schema."""
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type", "object")
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: _least(properties[name]) for name in schema.get("required", properties)}
    if kind == "array":
        return [_least(schema.get("items", {})) for _ in range(schema.get("minItems", 0))]
    return {"string": "x", "integer": 0, "number": 0.5, "boolean": True, "null": None}[kind]
