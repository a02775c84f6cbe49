"""Where in a recording the running code is: the open recordings, and the step of this context.

A context variable holds the innermost step (or the recording, outside any step). Asyncio tasks
inherit it. Threads start with an empty context, so a thread falls back to the one recording that
is open in the process; its steps then have no parent unless one is given.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from threading import get_ident
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from memtrace.graph.recording.recorder import Recorder
    from memtrace.graph.recording.step import Step

__all__ = [
    "Scope", "cleaning", "current_scope", "enter", "here", "is_recording_here", "leave",
    "recordings", "register", "swap", "unregister",
]  # fmt: skip

Scope: TypeAlias = "tuple[Recorder, Step | None] | None"
"""A recording and the innermost step of it, if any; None outside a recording."""

_SCOPE: ContextVar[Scope] = ContextVar("memtrace", default=None)
_OPEN: list[Recorder] = []
_FORKING: list[Recorder] = []
_hooked = False


class _Was(NamedTuple):
    """What `enter` gives while a generator is cleaned up: the scope to go back to."""

    old_value: Scope


_CLEANING: dict[int, Scope] = {}
"""Scopes of threads that are closing an abandoned generator.

The garbage collector may do that at any moment, even inside `ContextVar.set`, which CPython 3.11
does not survive if the variable is set again. So no context variable is touched meanwhile.
"""


def current_scope() -> Scope:
    """The recording and the innermost step here; None when nothing is being recorded.

    Raises:
        RuntimeError: In a thread without context while several recordings are open: guessing
            would put the operation into the wrong file.
    """
    if not _OPEN:
        return None
    scope = here() if _CLEANING else _SCOPE.get()
    if scope is not None:
        return scope
    if len(_OPEN) > 1:
        raise RuntimeError(
            f"expected one open recording for a thread without context; got {len(_OPEN)}; pass "
            "parent=, or start the thread with memtrace.bind(function)"
        )
    return _OPEN[0], None


def is_recording_here() -> bool:
    """Whether this context (not merely this process) is inside an open recording."""
    scope = here()
    return scope is not None and scope[0] in _OPEN


def enter(recorder: Recorder, step: Step | None) -> Token[Scope] | _Was:
    """Make a step the innermost one of this context."""
    if _CLEANING and get_ident() in _CLEANING:
        return _Was(swap((recorder, step)))
    return _SCOPE.set((recorder, step))


def leave(token: Token[Scope] | _Was, step: Step) -> None:
    """Undo `enter`. A step that ends in another context than it began in leaves only itself."""
    if isinstance(token, Token) and not _CLEANING:
        try:
            _SCOPE.reset(token)
        except ValueError:
            pass
        else:
            return
    scope = here()
    if scope is not None and scope[1] is step:
        swap(None if token.old_value is Token.MISSING else token.old_value)


def here() -> Scope:
    """What this context carries, as it is; for `swap`."""
    if _CLEANING and (thread := get_ident()) in _CLEANING:
        return _CLEANING[thread]
    return _SCOPE.get()


def swap(scope: Scope) -> Scope:
    """Put another scope into this context; returns the one that was there."""
    previous = here()
    if _CLEANING and (thread := get_ident()) in _CLEANING:
        _CLEANING[thread] = scope
    else:
        _SCOPE.set(scope)
    return previous


@contextmanager
def cleaning(scope: Scope) -> Iterator[None]:
    """Close an abandoned generator in the scope it was in."""
    thread = get_ident()
    before = (_CLEANING[thread],) if thread in _CLEANING else ()
    _CLEANING[thread] = scope
    try:
        yield
    finally:
        if before:
            _CLEANING[thread] = before[0]
        else:
            del _CLEANING[thread]


def recordings(run: str | None) -> list[Recorder]:
    """The open recordings of this process that share this id."""
    return [recorder for recorder in _OPEN if recorder.id == run]


def register(recorder: Recorder) -> None:
    """Add an open recording, and make it the one of this context."""
    global _hooked
    if not _hooked:
        atexit.register(_close_all)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=_before_fork,
                after_in_parent=_after_fork,
                after_in_child=_after_fork_in_child,
            )
        _hooked = True
    _OPEN.append(recorder)
    _SCOPE.set((recorder, None))


def unregister(recorder: Recorder) -> None:
    """Remove a recording that is being closed."""
    if recorder in _OPEN:
        _OPEN.remove(recorder)
    scope = _SCOPE.get()
    if scope is not None and scope[0] is recorder:
        _SCOPE.set(None)


def _close_all() -> None:
    for recorder in list(_OPEN):
        recorder.close()


def _before_fork() -> None:
    _FORKING.extend(_OPEN)
    for recorder in _FORKING:
        recorder.before_fork()


def _after_fork() -> None:
    for recorder in _FORKING:
        recorder.after_fork_here()
    _FORKING.clear()


def _after_fork_in_child() -> None:
    """The child goes on with recordings that take several processes, and forgets the others."""
    _FORKING.clear()
    _OPEN[:] = [recorder for recorder in _OPEN if recorder.after_fork_in_child()]
    scope = _SCOPE.get()
    if scope is not None and scope[0] not in _OPEN:
        _SCOPE.set(None)
