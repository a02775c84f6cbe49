"""What stands in for names that Mem0's modules took from the standard library.

`carry_context` lets Mem0's thread pools carry context variables, which is needed to know what an
operation belongs to; it works while something is attached. `freeze` lets ids and time come from
places inside `frozen(...)` blocks, and from the recording where a user's program is run again
(`draws`); everywhere else they are the real ones. Both touch Mem0's own modules only.
"""

from __future__ import annotations

import concurrent.futures
import contextvars
import datetime as real_datetime
import threading
import uuid as real_uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from memtrace.execution.places import next_id, now
from memtrace.memory.mem0.draws import current_draws

__all__ = ["Clock", "carry_context", "freeze", "frozen", "release_context"]

_LOCK = threading.Lock()
_attached = 0


class _Delegate:
    """Everything of another object, except what is defined here."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real(*args, **kwargs)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, self._real)


class _CarryingPool(concurrent.futures.ThreadPoolExecutor):
    """A thread pool whose work runs in a copy of the context of whoever submits it."""

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[Any]:
        """As in the standard library."""
        return super().submit(contextvars.copy_context().run, fn, *args, **kwargs)


class _Futures(_Delegate):
    ThreadPoolExecutor = _CarryingPool


class _Concurrent(_Delegate):
    futures = _Futures(concurrent.futures)


def carry_context(main: Any) -> None:
    """Let the thread pools of `mem0.memory.main` carry the context; count who needs it."""
    global _attached
    with _LOCK:
        _attached += 1
        if not isinstance(main.concurrent, _Concurrent):
            main.concurrent = _Concurrent(main.concurrent)


def release_context(main: Any) -> None:
    """Undo one `carry_context`; the last one puts the module's own name back."""
    global _attached
    with _LOCK:
        _attached -= 1
        if _attached == 0 and isinstance(main.concurrent, _Concurrent):
            main.concurrent = main.concurrent._real


class Clock:
    """The time a memory's rows are stamped with: the session's, and later than the row before.

    Mem0 sorts by these stamps, so no two may be equal, whatever the sessions' times are.
    """

    def __init__(self) -> None:
        self.last = real_datetime.datetime.min

    def stamp(self) -> real_datetime.datetime:
        """The next stamp, without a zone."""
        here = (now() or real_datetime.datetime.min).replace(tzinfo=None)
        self.last = max(here, self.last + real_datetime.timedelta(microseconds=1))
        return self.last


_FROZEN: ContextVar[Clock | None] = ContextVar("memtrace_mem0_frozen", default=None)


@contextmanager
def frozen(clock: Clock) -> Iterator[None]:
    """Inside, Mem0's ids and time come from places."""
    token = _FROZEN.set(clock)
    try:
        yield
    finally:
        _FROZEN.reset(token)


class _Uuid(_Delegate):
    def uuid4(self) -> real_uuid.UUID:
        """An id of the present place, inside `frozen`; in a call of a user's, one that is noted."""
        if (draws := current_draws()) is not None:
            return draws.id(real_uuid.uuid4)
        drawn = next_id() if _FROZEN.get() is not None else None
        return drawn or real_uuid.uuid4()


class _Stamping(_Delegate):
    """`datetime` where rows are stamped."""

    def now(self, tz: real_datetime.tzinfo | None = None) -> real_datetime.datetime:
        """The next stamp, inside `frozen`; in a call of a user's, one that is noted."""
        if (draws := current_draws()) is not None:
            return draws.time("stamps", real_datetime.datetime.now, tz)
        clock = _FROZEN.get()
        if clock is None:
            return real_datetime.datetime.now(tz)
        return clock.stamp().replace(tzinfo=tz)


class _Dating(_Delegate):
    """`datetime` where prompts say what day it is."""

    def now(self, tz: real_datetime.tzinfo | None = None) -> real_datetime.datetime:
        """The time of the session, inside `frozen`; in a call of a user's, one that is noted."""
        if (draws := current_draws()) is not None:
            return draws.time("dates", real_datetime.datetime.now, tz)
        here = now() if _FROZEN.get() is not None else None
        return real_datetime.datetime.now(tz) if here is None else here.replace(tzinfo=tz)


def freeze(main: Any, storage: Any, prompts: Any) -> None:
    """Prepare Mem0's modules for `frozen`. Idempotent."""
    with _LOCK:
        for module in (main, storage):
            if not isinstance(module.uuid, _Uuid):
                module.uuid = _Uuid(module.uuid)
            if hasattr(module, "datetime") and not isinstance(module.datetime, _Stamping):
                module.datetime = _Stamping(module.datetime)
        if not isinstance(prompts.datetime, _Dating):
            prompts.datetime = _Dating(prompts.datetime)
        for name in ("extract_entities", "extract_entities_batch", "lemmatize_for_bm25"):
            if hasattr(main, name) and not hasattr(getattr(main, name), "is_ours"):
                setattr(main, name, _local_only(name, getattr(main, name)))


def _local_only(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """Our stand-in for a function that might fetch a language model, used inside `frozen`."""
    from memtrace.memory.mem0.entities import STAND_INS

    stand_in = STAND_INS[name]

    def chosen(*args: Any, **kwargs: Any) -> Any:
        return (real if _FROZEN.get() is None else stand_in)(*args, **kwargs)

    chosen.is_ours = True  # type: ignore[attr-defined]
    return chosen
