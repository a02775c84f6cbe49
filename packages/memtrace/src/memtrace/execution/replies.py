"""The replies of an earlier run, found again by what was asked.

In: a trace. Out: for a scope and the key of a request (a digest of messages, sampling, schema,
draw and the model's identity), the reply that was recorded, failures included. Values are read
when they are needed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lmcommon.llm.types import ChatResponse, ModelFailure, Usage
from memtrace.execution.places import Place
from memtrace.graph.reading.trace import Trace
from memtrace.types import Operation

__all__ = ["CALL", "DRAWN", "PLACE", "RecordedReplies", "Replies", "place_of"]

CALL, DRAWN, PLACE = "call", "drawn", "place"
"""Keys of an operation's metadata: what is known of its model call, what it drew from the world
(ids, the time), and where it is."""


def place_of(operation: Operation) -> Place | None:
    """The place of an operation; None for one that has none (recorded by hand, imported)."""
    found = operation.metadata.get(PLACE)
    return Place(*found) if isinstance(found, list) and len(found) == 2 else None


@dataclass(frozen=True, slots=True)
class _Reply:
    """Where one recorded reply lies."""

    variable: str | None
    note: Mapping[str, Any]
    model: str
    usage: Mapping[str, Any]


class Replies(Protocol):
    """What an earlier run said: `RecordedReplies`, or several runs together."""

    def find(self, place: Place, key: str) -> ChatResponse | None:
        """The reply to this request; None: nobody has made it."""
        ...

    def at(self, place: Place) -> ChatResponse | None:
        """The reply that was given at this place, whatever was asked."""
        ...

    def completion_tokens(self, place: Place) -> int | None:
        """How long the reply at this place was, if that is known."""
        ...

    def drawn(self, place: Place) -> Mapping[str, Any]:
        """What the operation at this place drew from the world."""
        ...


class RecordedReplies:
    """All model calls of a trace, by scope and key, and by place. Safe to use from threads.

    Args:
        trace: Stays open as long as this is used.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._lock = threading.Lock()
        self._by_key: dict[tuple[str | None, str], _Reply] = {}
        self._by_place: dict[Place, _Reply] = {}
        self._drawn: dict[Place, Mapping[str, Any]] = {}
        for operation in trace.operations():
            note = operation.metadata.get(CALL)
            place = place_of(operation)
            if place is not None and DRAWN in operation.metadata:
                self._drawn[place] = operation.metadata[DRAWN]
            if not isinstance(note, Mapping) or place is None:
                continue
            made = operation.outputs.get(str(note.get("role")), ())
            reply = _Reply(made[0] if made else None, note, operation.model or "", operation.usage)
            self._by_place.setdefault(place, reply)
            if note.get("origin") in ("intervened", "guessed"):
                continue  # nobody said that to this request, so it answers no other place
            self._by_key.setdefault((place.scope, note["key"]), reply)
            if "failure" not in note:
                self._by_key.setdefault((None, note["key"]), reply)

    def __len__(self) -> int:
        return len(self._by_place)

    @property
    def places(self) -> frozenset[Place]:
        """Where the calls were made."""
        return frozenset(self._by_place)

    def find(self, place: Place, key: str) -> ChatResponse | None:
        """The reply to this request: at this place, else in its scope, else in any other.

        The same request can have had several replies: an endpoint was down for a while, a replay
        changed one of them. In other scopes only replies that succeeded count.
        """
        here = self._by_place.get(place)
        if here is not None and here.note["key"] == key:
            return self._response(here)
        reply = self._by_key.get((place.scope, key)) or self._by_key.get((None, key))
        return None if reply is None else self._response(reply)

    def at(self, place: Place) -> ChatResponse | None:
        """The reply that was given at this place, whatever was asked."""
        reply = self._by_place.get(place)
        return None if reply is None else self._response(reply)

    def completion_tokens(self, place: Place) -> int | None:
        """How long the reply at this place was, if that is known."""
        reply = self._by_place.get(place)
        tokens = None if reply is None else reply.usage.get("completion_tokens")
        return int(tokens) if isinstance(tokens, (int, float)) else None

    def drawn(self, place: Place) -> Mapping[str, Any]:
        """What the operation at this place drew from the world; empty: nothing."""
        return self._drawn.get(place, {})

    def _response(self, reply: _Reply) -> ChatResponse:
        usage = Usage(
            prompt_tokens=int(reply.usage.get("prompt_tokens", 0)),
            completion_tokens=int(reply.usage.get("completion_tokens", 0)),
        )
        if (failure := reply.note.get("failure")) is not None:
            return ChatResponse(
                text=reply.note.get("raw", ""), finish_reason="error", usage=usage,
                model=reply.model, failure=ModelFailure(**failure), cached=True,
            )  # fmt: skip
        text = reply.note.get("raw")
        if text is None and reply.variable is not None:
            with self._lock:
                text = self._trace.value(reply.variable)
        return ChatResponse(
            text=str(text), finish_reason=reply.note.get("finish", "stop"), usage=usage,
            model=reply.model, cached=True, parsed=_parsed(reply.note, str(text)),
        )  # fmt: skip


def _parsed(note: Mapping[str, Any], text: str) -> Any:
    """The JSON value of a reply to a request with a schema; it was valid when it was recorded."""
    if not note.get("parsed"):
        return None
    try:
        return json.loads(text)
    except ValueError:
        from lmcommon.llm.structured import extract_json

        return extract_json(text)
