"""What a user's Mem0 draws from the world (ids and the time), kept so that a re-run draws the same.

In: calls of a recorded memory. Out: they get real ids and the real time, which are noted in the
operation of the call; in a re-run the same call gets what was noted. Beyond that (a repaired call
may write more than the recorded one) ids come from places, and the time goes on by microseconds
from when the recorded call began.
"""

from __future__ import annotations

import datetime as real_datetime
import threading
import uuid as real_uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from memtrace.execution.execution import current_recorded
from memtrace.execution.places import Place, next_id
from memtrace.execution.replies import DRAWN
from memtrace.execution.stage import Stage

__all__ = ["Draws", "current_draws", "drawing"]

_TICK = real_datetime.timedelta(microseconds=1)


class Draws:
    """The draws of one public call. Safe to use from threads.

    Args:
        place: Of the call's operation.
    """

    def __init__(self, place: Place | None) -> None:
        recorded = current_recorded()
        self._is_again = recorded is not None and place is not None
        self._known: Mapping[str, Any] = {}
        if recorded is not None and place is not None:
            self._known = recorded.drawn(place)
        began = self._known.get("began") or [
            real_datetime.datetime.now(real_datetime.UTC).isoformat()
        ]
        self._made: dict[str, list[str]] = {"began": began}
        self._lock = threading.Lock()

    @property
    def made(self) -> Mapping[str, list[str]]:
        """All that was drawn, by kind, in order: JSON for the operation's metadata."""
        with self._lock:
            return {kind: list(values) for kind, values in self._made.items()}

    def id(self, real: Callable[[], real_uuid.UUID]) -> real_uuid.UUID:
        """An id: a real one, or the recorded one."""
        with self._lock:
            known = self._next("ids")
            if known is not None:
                made = real_uuid.UUID(known)
            else:
                made = (next_id() if self._is_again else None) or real()
            self._keep("ids", str(made))
        return made

    def time(
        self, kind: str, real: Callable[[Any], real_datetime.datetime], tz: Any
    ) -> real_datetime.datetime:
        """What time it is: really, or when it was recorded.

        Args:
            kind: What it is for: `stamps` (of rows) or `dates` (in prompts).
            real: Tells the real time of a zone.
            tz: The zone.
        """
        with self._lock:
            known = self._next(kind)
            if known is not None:
                now = real_datetime.datetime.fromisoformat(known)
            elif self._is_again:
                now = self._later(kind)
                now = (
                    now.astimezone(tz) if tz is not None else now.astimezone().replace(tzinfo=None)
                )
            else:
                now = real(tz)
            self._keep(kind, now.isoformat())
        return now

    def _later(self, kind: str) -> real_datetime.datetime:
        """A time for what the recorded call did not do."""
        began = real_datetime.datetime.fromisoformat(self._made["began"][0])
        return began + (1 + len(self._made.get(kind, ()))) * _TICK

    def _next(self, kind: str) -> str | None:
        known, made = self._known.get(kind, ()), self._made.get(kind, ())
        return str(known[len(made)]) if len(made) < len(known) else None

    def _keep(self, kind: str, value: str) -> None:
        self._made.setdefault(kind, []).append(value)


_DRAWS: ContextVar[Draws | None] = ContextVar("memtrace_mem0_draws", default=None)


def current_draws() -> Draws | None:
    """Where a user's memory draws from here; None: it is not recorded, or it is one of ours."""
    return _DRAWS.get()


@contextmanager
def drawing(op: Stage) -> Iterator[None]:
    """Let what runs inside draw for this operation, and note what it drew."""
    draws = Draws(op.place)
    token = _DRAWS.set(draws)
    try:
        yield
    finally:
        _DRAWS.reset(token)
        op.note(DRAWN, draws.made)
