"""Values of our own as JSON, and back without loss: what messages between processes hold.

Texts, numbers, lists and objects with text keys are themselves. Anything else is an object with
one key `$`, its sort: the dataclasses listed here, tuples, sets, bytes, times, handles, and
objects that could be mistaken for one of those.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from lmcommon.data.types import Session, Turn
from lmcommon.llm.types import (
    ChatRequest,
    ChatResponse,
    Message,
    ModelFailure,
    Sampling,
    ScoreRequest,
    ScoreResponse,
    TokenLogprob,
    Usage,
)
from lmcommon.prompt import Prompt
from memtrace.execution.execution import Completed
from memtrace.execution.places import Place
from memtrace.graph.recording.handle import Handle
from memtrace.memory.types import Answer, Hit, Query

__all__ = ["from_wire", "to_wire"]

_RECORDS: Mapping[str, type[Any]] = {
    one.__name__: one
    for one in (
        Answer, ChatRequest, ChatResponse, Completed, Hit, Message, ModelFailure, Prompt, Query,
        Sampling, ScoreRequest, ScoreResponse, Session, TokenLogprob, Turn, Usage,
    )
}  # fmt: skip
_SORTS: Mapping[str, Callable[[Any], Any]] = {
    "tuple": lambda rows: tuple(map(from_wire, rows)),
    "frozenset": lambda rows: frozenset(map(from_wire, rows)),
    "pairs": lambda rows: {from_wire(key): from_wire(value) for key, value in rows},
    "bytes": base64.b64decode,
    "time": datetime.fromisoformat,
    "place": lambda row: Place(*row),
    "handle": lambda row: Handle(from_wire(row.pop("value")), **row),
}


def to_wire(value: Any) -> Any:
    """The value as JSON.

    Raises:
        TypeError: It is of no sort that can be sent.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, list):
        return [to_wire(part) for part in value]
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value) and "$" not in value:
            return {key: to_wire(part) for key, part in value.items()}
        return _sort("pairs", [[to_wire(key), to_wire(part)] for key, part in value.items()])
    name = type(value).__name__
    if _RECORDS.get(name) is type(value):
        row = {field.name: to_wire(getattr(value, field.name)) for field in fields(value)}
        return _sort(name, row)
    return _other(value)


def from_wire(value: Any) -> Any:
    """The value that `to_wire` was given."""
    if isinstance(value, list):
        return [from_wire(part) for part in value]
    if not isinstance(value, dict):
        return value
    if "$" not in value:
        return {key: from_wire(part) for key, part in value.items()}
    sort, row = value["$"], value["v"]
    if sort in _RECORDS:
        return _RECORDS[sort](**{key: from_wire(part) for key, part in row.items()})
    return _SORTS[sort](row)


def _other(value: Any) -> Any:
    if isinstance(value, Place):
        return _sort("place", list(value))
    if isinstance(value, tuple):
        return _sort("tuple", [to_wire(part) for part in value])
    if isinstance(value, (set, frozenset)):
        return _sort("frozenset", [to_wire(part) for part in value])
    if isinstance(value, bytes):
        return _sort("bytes", base64.b64encode(value).decode())
    if isinstance(value, datetime):
        return _sort("time", value.isoformat())
    if isinstance(value, Handle):
        row = {name: getattr(value, name) for name in Handle.__slots__}
        return _sort("handle", {**row, "value": to_wire(value.value)})
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a number of numpy
        return value.item()
    raise TypeError(f"expected a value that can be sent to another process; got {value!r}")


def _sort(name: str, value: Any) -> dict[str, Any]:
    return {"$": name, "v": value}
