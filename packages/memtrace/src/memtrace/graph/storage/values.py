"""Values to bytes and back, without loss.

In: a string, bytes, or a value built of None, bool, int, float, str, bytes, list, tuple, dict, set
and frozenset. Out: an encoding tag and a payload. Anything else is refused with a `TypeError` that
names the role, because a `repr` could not be read back. Dictionaries keep their order.
"""

from __future__ import annotations

import base64
import json
from typing import Any, TypeAlias, TypeGuard

from memtrace.graph.compact import LONG_FROM, unicode_json

__all__ = ["Chat", "Payload", "decode", "encode", "queued", "to_bytes"]

_TAG = "~"
_PLAIN = frozenset({int, float, bool, type(None)})


class Chat:
    """Messages of a chat, written as JSON only when they go to the disk.

    Requests repeat long prompts: their text is much to copy for the caller, and until then the
    strings are shared. What is kept cannot change: nothing but strings.
    """

    __slots__ = ("_length", "_messages")

    def __init__(self, messages: list[dict[str, str]]) -> None:
        self._messages = [tuple(message.items()) for message in messages]
        self._length = sum(len(text) for message in messages for text in message.values())

    def __len__(self) -> int:
        return self._length

    def __str__(self) -> str:
        return unicode_json([dict(message) for message in self._messages], has_long=True)


Payload: TypeAlias = str | bytes | Chat
"""What is stored, as it waits in the queue."""


def encode(value: object, role: str) -> tuple[str, str | bytes]:
    """Encode a value.

    Args:
        value: What to record.
        role: What the value is, for the error message.

    Returns:
        The encoding (`text`, `json`, `tagged` or `bytes`) and the payload.

    Raises:
        TypeError: For a value that could not be read back as it was.
    """
    encoding, payload = queued(value, role)
    return encoding, str(payload) if isinstance(payload, Chat) else payload


def queued(value: object, role: str) -> tuple[str, Payload]:
    """`encode` for the queue: later changes to the value cannot reach the trace.

    A string is its own payload, and long messages of a chat wait as they are: nothing is copied.
    """
    if type(value) is str:
        return "text", value
    if isinstance(value, str):
        return "text", str.__str__(value)
    if isinstance(value, bytes):
        return "bytes", value
    try:
        if longest := _longest(value):
            if longest >= LONG_FROM and _is_chat(value):
                return "json", Chat(value)
            return "json", unicode_json(value, has_long=longest >= LONG_FROM)
        return "tagged", json.dumps(_tag(value, role), ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise TypeError(f"{role!r}: expected a value of finite depth; got a circular one") from None


def to_bytes(payload: Payload) -> bytes:
    """The stored form of a payload. Lone surrogates survive, as Python strings may hold them."""
    if isinstance(payload, Chat):
        payload = str(payload)
    return payload if isinstance(payload, bytes) else payload.encode("utf-8", "surrogatepass")


def decode(encoding: str, data: bytes) -> Any:
    """The value that `encode` was given."""
    if encoding == "bytes":
        return data
    text = data.decode("utf-8", "surrogatepass")
    if encoding == "text":
        return text
    if encoding == "json":
        return json.loads(text)
    if encoding == "tagged":
        return _untag(json.loads(text))
    raise ValueError(f"expected the encoding text, json, tagged or bytes; got {encoding!r}")


def _is_chat(value: object) -> TypeGuard[list[dict[str, str]]]:
    """Whether a value that is JSON is a list of flat dictionaries of strings."""
    return type(value) is list and all(
        type(message) is dict and all(type(text) is str for text in message.values())
        for message in value
    )


def _longest(value: object) -> int:
    """The length of the longest string in a value that is JSON, at least 1; 0 if it is not JSON."""
    kind = type(value)
    if kind is str:
        return len(value) or 1  # type: ignore[arg-type]
    if kind in _PLAIN:
        return 1
    longest = 1
    if kind is dict:
        if _TAG in value:  # type: ignore[operator]
            return 0
        for key, part in value.items():  # type: ignore[attr-defined]
            found = _longest(part) if type(key) is str else 0
            if not found:
                return 0
            if found > longest:
                longest = found
        return longest
    if kind is list:
        for part in value:  # type: ignore[attr-defined]
            found = _longest(part)
            if not found:
                return 0
            if found > longest:
                longest = found
        return longest
    return 0


def _tag(value: object, role: str) -> Any:
    """The value as JSON in which `{"~": kind, "v": ...}` stands for what JSON lacks."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return {_TAG: "bytes", "v": base64.b64encode(value).decode("ascii")}
    if isinstance(value, list):
        return [_tag(part, role) for part in value]
    if isinstance(value, tuple):
        return {_TAG: "tuple", "v": [_tag(part, role) for part in value]}
    if isinstance(value, (set, frozenset)):
        kind = "set" if isinstance(value, set) else "frozenset"
        return {_TAG: kind, "v": [_tag(part, role) for part in sorted(value, key=repr)]}
    if isinstance(value, dict):
        if _TAG not in value and all(type(key) is str for key in value):
            return {key: _tag(part, role) for key, part in value.items()}
        return {_TAG: "dict", "v": [[_tag(k, role), _tag(v, role)] for k, v in value.items()]}
    kind_name = f"{type(value).__module__}.{type(value).__qualname__}"
    raise TypeError(
        f"{role!r}: expected text, bytes, numbers, None, or lists, tuples, dicts and sets of them; "
        f"got {kind_name}; pass its fields (dataclasses.asdict(x), x.tolist(), x.value)"
    )


def _untag(value: Any) -> Any:
    if isinstance(value, list):
        return [_untag(part) for part in value]
    if not isinstance(value, dict):
        return value
    if _TAG not in value:
        return {key: _untag(part) for key, part in value.items()}
    kind, inner = value[_TAG], value["v"]
    if kind == "bytes":
        return base64.b64decode(inner)
    if kind == "dict":
        return {_untag(key): _untag(part) for key, part in inner}
    makers = {"tuple": tuple, "set": set, "frozenset": frozenset}
    return makers[kind](_untag(part) for part in inner)
