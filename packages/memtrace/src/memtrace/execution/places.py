"""Places: names of operations that are the same in every run of a pipeline.

An operation's number shifts when something before it changes; its place does not. A place is the
memory it works for (the *scope*), what is going on there (`add s1/D1:3`: session s1, turn D1:3),
the operation's name and how often that name came up there before: `add s1/D1:3/extract#0`. So
inserting a message leaves the places of all others as they were. Ids and the time of day are
drawn from places too, which freezes both.

A context variable holds the present place. Asyncio tasks inherit it; a system that starts threads
has to copy the context into them.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

__all__ = [
    "EPOCH", "Place", "Scope", "here_in", "next_id", "next_place", "now", "scope_here", "within",
]  # fmt: skip

EPOCH = datetime(2024, 1, 1)
"""The time of day where nothing says what time it is."""

_NAMESPACE = uuid.UUID("6d656d74-7261-4365-8000-706c61636573")


class Place(NamedTuple):
    """Where an operation is, in words that do not change from run to run.

    Example: `Place("mem0/conv-1", "add s1/D1:3/extract#0")`
    """

    scope: str
    path: str


class Scope:
    """The memory of one conversation, as places know it: its name, and what was counted in it.

    A memory system owns one for its lifetime.

    Args:
        name: Unique in a trace, such as `rag_bm25/conv-1`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def count(self, path: str) -> int:
        """How often this was asked for this path before."""
        with self._lock:
            seen = self._counts.get(path, 0)
            self._counts[path] = seen + 1
        return seen

    def snapshot(self) -> dict[str, int]:
        """What was counted, for `restore`."""
        with self._lock:
            return dict(self._counts)

    def restore(self, counts: dict[str, int]) -> None:
        """Count on from there."""
        with self._lock:
            self._counts = dict(counts)


@dataclass(frozen=True, slots=True)
class _Here:
    scope: Scope
    path: str = ""
    time: datetime | None = None


_HERE: ContextVar[_Here | None] = ContextVar("memtrace_place", default=None)


@contextmanager
def within(key: str, *, scope: Scope | None = None, time: datetime | None = None) -> Iterator[None]:
    """Let what runs inside be at `key`, below the present place or at the top of a scope.

    Args:
        key: What is going on, such as `add s1`; the same in every run.
        scope: The memory it goes on in; None: the present one. Without any, nothing happens.
        time: What time it is inside; None: as outside.
    """
    outer = _HERE.get()
    if scope is not None and (outer is None or outer.scope is not scope):
        inner = _Here(scope, key, time)
    elif outer is not None:
        path = f"{outer.path}/{key}" if outer.path else key
        inner = replace(outer, path=path, time=time or outer.time)
    else:
        yield
        return
    token = _HERE.set(inner)
    try:
        yield
    finally:
        _HERE.reset(token)


def next_place(name: str) -> Place | None:
    """The place of the next operation of this name here; None outside any scope."""
    here = _HERE.get()
    if here is None:
        return None
    path = f"{here.path}/{name}" if here.path else name
    return Place(here.scope.name, f"{path}#{here.scope.count(path)}")


def next_id(kind: str = "id") -> uuid.UUID | None:
    """An id that the same run gives again, and no other place; None outside any scope."""
    place = next_place(f"<{kind}>")
    return None if place is None else uuid.uuid5(_NAMESPACE, f"{place.scope}|{place.path}")


def now() -> datetime | None:
    """What time it is here: the session's or the question's. None outside any scope."""
    here = _HERE.get()
    return None if here is None else here.time or EPOCH


def scope_here() -> Scope | None:
    """The scope of the present place."""
    here = _HERE.get()
    return None if here is None else here.scope


def here_in(scope: Scope) -> tuple[str, datetime | None] | None:
    """Path and time of the present place in this scope; None if it is in another one, or none."""
    here = _HERE.get()
    return None if here is None or here.scope is not scope else (here.path, here.time)
