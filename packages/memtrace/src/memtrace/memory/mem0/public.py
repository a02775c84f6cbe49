"""The public calls of a user's memory, each an operation with what it causes inside.

Where a call is already running (ours, or a public one that calls another) a call passes through.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from memtrace.execution.execution import current_recorded
from memtrace.execution.places import within
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.scope import current_scope
from memtrace.graph.recording.tracing import variable
from memtrace.memory.links import current_links
from memtrace.memory.mem0.draws import drawing
from memtrace.memory.mem0.fresh import check_fresh
from memtrace.memory.mem0.hits import settle_memories
from memtrace.memory.mem0.types import Call

if TYPE_CHECKING:
    from memtrace.memory.mem0.tracer import Tracer

__all__ = ["PublicTrace"]

_KINDS = {
    "add": "ingest", "search": "ask", "get": "ask", "get_all": "ask", "update": "update",
    "delete": "deletion", "delete_all": "deletion", "reset": "deletion",
}  # fmt: skip
_ALL = 1_000_000


class PublicTrace:
    """Hooks for the methods that a user calls.

    Args:
        tracer: Whose memory it is.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def hooks(self) -> Mapping[str, Callable[..., Any]]:
        """By name of the method."""
        return {name: partial(self._called, name) for name in _KINDS}

    def _called(self, name: str, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        tracer = self._tracer
        if tracer.call is not None or current_scope() is None:
            result = original(*args, **kwargs)
            if name == "reset":
                tracer.wrap()
            return result
        if current_recorded() is not None:
            check_fresh(tracer, name)
        number = tracer.scope.count(name)
        with within(f"{name} {number}", scope=tracer.scope):
            known: dict[str, Any] = {}
            inputs: dict[str, Any] = {}
            if name == "add":
                known["messages"] = inputs["messages"] = _messages(_first("messages", args, kwargs))
            elif name == "search":
                query = _first("query", args, kwargs)
                known["question"] = inputs["question"] = variable(str(query), kind="question")
            elif name == "update":
                text = kwargs.get("text", kwargs.get("data", args[1] if len(args) > 1 else None))
                if text is not None:
                    inputs["messages"] = variable(str(text), kind="message")
            with (
                Stage(name, kind=_KINDS[name], inputs=inputs,
                      parameters=_scoping(kwargs)) as op,
                tracer.calling(name, **known) as call,
            ):  # fmt: skip
                if _KINDS[name] in ("update", "deletion"):
                    call.step = op
                if name == "reset":
                    return self._reset(op, original, args, kwargs)
                with drawing(op):
                    result = original(*args, **kwargs)
                if name == "get" and result is not None:
                    with Stage("retrieve", kind="retrieval", points=("hits",)) as inner:
                        kept, call.found = settle_memories(
                            inner, tracer.store, [result], tracer.memory.get
                        )
                    result = kept[0] if kept else None
                if call.step is not None:
                    tracer.store.changed(op)
                _link(call, result)
                return result

    def _reset(
        self, op: Stage, original: Callable[..., Any], args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        """Everything goes, and the memory gets new parts. What was never seen is not told of."""
        tracer = self._tracer
        held = tracer.memory.vector_store.list(**{tracer.release.limit: _ALL})
        rows = held[0] if isinstance(held, (list, tuple)) and held and isinstance(
            held[0], list) else held  # fmt: skip
        ids = [row.id for row in rows or () if str(row.id) in tracer.store.order]
        result = original(*args, **kwargs)
        tracer.wrap()
        for memory_id in ids:
            tracer.store.deleted(op, {"vector_id": memory_id})
        tracer.store.changed(op)
        return result


def _link(call: Call, result: Any) -> None:
    """Let the program's own functions recognise what it was given."""
    links = current_links()
    if links is None:
        return
    if call.question is not None:
        links.asked(call.question.value, call.question)
    if call.found:
        links.returned(result, {str(one.id): one.handle for one in call.found})


def _first(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return args[0] if args else kwargs.get(name)


def _messages(given: Any) -> list[Handle[str]]:
    """What is added, as variables; anything that is no text as JSON."""
    listed = given if isinstance(given, list) else [given]
    made = []
    for one in listed:
        content = one.get("content") if isinstance(one, Mapping) else one
        role = one.get("role", "user") if isinstance(one, Mapping) else "user"
        text = content if isinstance(content, str) else json.dumps(content, default=str)
        made.append(variable(text, kind="message", metadata={"role": str(role)}))
    return made


def _scoping(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that say whose memory is meant, as far as they are JSON."""
    named = ("user_id", "agent_id", "run_id", "filters", "limit", "top_k", "infer", "memory_id")
    found = {name: kwargs[name] for name in named if kwargs.get(name) is not None}
    plain = (str, int, float)
    return {
        name: value if isinstance(value, plain) else json.loads(json.dumps(value, default=str))
        for name, value in found.items()
    }
