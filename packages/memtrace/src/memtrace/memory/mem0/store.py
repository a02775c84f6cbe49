"""Mem0's store as the trace sees it: which item is which memory, and every write as it happens.

Writes are recorded where they are made (`insert`, `update`, `delete` of the vector store), never
from what a call returns: Mem0 swallows errors after a write was made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.scope import current_scope
from memtrace.graph.recording.tracing import variable

if TYPE_CHECKING:
    from memtrace.memory.mem0.types import Call

__all__ = ["StoreTrace", "adopted", "arguments", "declare"]


@lru_cache(maxsize=64)
def _parameters(function: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names in order, and defaults."""
    found = inspect.signature(function).parameters.values()
    defaults = {one.name: one.default for one in found if one.default is not one.empty}
    return tuple(one.name for one in found), defaults


def arguments(
    original: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a call by name, defaults included. `Signature.bind` takes ten times as long.

    Args:
        original: A bound method, or a function.
        args: As it is called.
        kwargs: As it is called.
    """
    function = getattr(original, "__func__", None)
    if function is None:
        names, defaults = _parameters(original)
        return {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
    names, defaults = _parameters(function)
    return {**defaults, **dict(zip(names[1:], args, strict=False)), **kwargs}


class StoreTrace:
    """The store of one memory.

    Args:
        prefix: What items of the trace put in front of Mem0's ids.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.order: dict[str, int] = {}
        """Ids in the order they were first written."""
        self.turns: dict[str, tuple[str, ...]] = {}
        """Turns that a memory was made from."""
        self.handle: Handle[Any] | None = None
        """The variable that stands for the whole store."""

    def snapshot(self) -> Any:
        """What is known, for `restore`."""
        return dict(self.order), dict(self.turns), self.handle

    def restore(self, state: Any) -> None:
        """Know what was known then."""
        order, turns, self.handle = state
        self.order, self.turns = dict(order), dict(turns)

    def item(self, memory_id: Any) -> str:
        """The name of a memory in the trace."""
        return f"{self.prefix}{memory_id}"

    def live(self, memory_id: Any, text: str) -> Handle[Any]:
        """The version of a memory that the store holds; one written untraced is recorded now."""
        item = self.item(memory_id)
        here = current_scope()
        if here is None:
            return Handle(text, kind="memory_item", item=item)
        found = here[0].live(item)
        if found is not None and found.value == text:
            return found
        return variable(text, kind="memory_item", item=item)

    def inputs(self) -> dict[str, Any]:
        """The store as an input."""
        return {} if self.handle is None else {"store": adopted(self.handle)}

    def changed(self, op: Stage) -> None:
        """Record that an operation left the store changed."""
        self.handle = op.output("store", {"items": len(self.order)}, kind="store")

    def inserted(self, op: Stage, given: Mapping[str, Any], turns: tuple[str, ...]) -> None:
        """Record what `insert` was given."""
        for memory_id, payload in zip(given["ids"] or (), given["payloads"] or (), strict=False):
            key = str(memory_id)
            self.order.setdefault(key, len(self.order))
            self.turns[key] = turns
            op.output("items", _text(payload), kind="memory_item", item=self.item(key))

    def updated(self, op: Stage, given: Mapping[str, Any], turns: tuple[str, ...]) -> None:
        """Record what `update` was given; where no text changes, there is no new version."""
        payload, key = given.get("payload"), str(given["vector_id"])
        if not payload or "data" not in payload:
            return
        item, here = self.item(key), current_scope()
        previous = None if here is None else here[0].live(item)
        if previous is not None and previous.value == payload["data"]:
            op.no_op(f"same text: {item}")
            return
        if previous is not None:
            declare(op, "previous", previous)
        self.turns[key] = tuple(dict.fromkeys((*self.turns.get(key, ()), *turns)))
        op.output("items", _text(payload), kind="memory_item", item=item)

    def deleted(self, op: Stage, given: Mapping[str, Any]) -> None:
        """Record what `delete` was given."""
        key = str(given["vector_id"])
        self.order.pop(key, None)
        self.turns.pop(key, None)
        op.deleted(self.item(key))

    @contextmanager
    def writing(self, call: Call | None, texts: Collection[str] = ()) -> Iterator[Stage]:
        """The operation that a write belongs to: the one that is open, or one of its own.

        Args:
            call: What is running.
            texts: What is written; of the messages added, those that are it count as inputs.
        """
        running = None if call is None else call.apply or call.step
        if running is not None:
            yield running
            return
        inputs = self.inputs()
        if call is not None and call.messages:
            same = [message for message in call.messages if message.value in texts]
            inputs = {"messages": same or call.messages, **inputs}
        with Stage("store", kind="store", inputs=inputs) as op:
            yield op
            self.changed(op)


def adopted(handle: Handle[Any]) -> Handle[Any]:
    """The handle, for the recording that runs here: one of an earlier recording is a new variable.

    A memory of a user's lives longer than a recording of it.
    """
    here = current_scope()
    if here is None or handle.run is None or _run(handle.run) == _run(here[0].id):
        return handle
    return Handle(handle.value, kind=handle.kind, name=handle.name, item=handle.item)


def _run(recording: str) -> str:
    """A recording that was resumed is one run."""
    return recording.rpartition("/")[0]


def declare(op: Stage, role: str, handle: Handle[Any]) -> None:
    """Add an input, unless it is newer than what the operation made already."""
    if op.first_output is None or (handle.number or 0) < op.first_output:
        op.input(role, handle)


def _text(payload: Mapping[str, Any] | None) -> str:
    text = (payload or {}).get("data", "")
    return text if isinstance(text, str) else str(text)
