"""The replies of a recorded run, and of all re-runs of it so far: nothing is asked twice.

In: a trace, then the trace of each re-run. Out: replies by request.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from lmcommon.llm.types import ChatResponse
from memtrace.execution.places import Place
from memtrace.execution.replies import CALL, RecordedReplies, place_of
from memtrace.graph.reading.trace import Trace

__all__ = ["RememberedReplies"]


class RememberedReplies:
    """Replies of several runs; those of the recorded one come first. Safe to use from threads.

    Args:
        trace: The recorded run; stays open as long as this is used.
    """

    def __init__(self, trace: Trace) -> None:
        self._recorded = RecordedReplies(trace)
        self._new: dict[tuple[str, str], ChatResponse] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._recorded)

    def find(self, place: Place, key: str) -> ChatResponse | None:
        """The reply to this request, in whatever run it was made."""
        found = self._recorded.find(place, key)
        if found is not None:
            return found
        with self._lock:
            return self._new.get((place.scope, key))

    def at(self, place: Place) -> ChatResponse | None:
        """The reply that the recorded run has at this place."""
        return self._recorded.at(place)

    def completion_tokens(self, place: Place) -> int | None:
        """How long the recorded reply at this place was, if that is known."""
        return self._recorded.completion_tokens(place)

    def drawn(self, place: Place) -> Mapping[str, Any]:
        """What the recorded operation at this place drew from the world."""
        return self._recorded.drawn(place)

    def remember(self, trace: Trace) -> None:
        """Take over the replies that a re-run has asked for."""
        replies = RecordedReplies(trace)
        fresh = {key: replies.at(key[0]) for key in _asked(trace)}
        with self._lock:
            for (place, key), reply in fresh.items():
                if reply is not None:
                    self._new.setdefault((place.scope, key), reply)


def _asked(trace: Trace) -> Iterator[tuple[Place, str]]:
    """Where a model was asked, and the key of the request."""
    for operation in trace.operations():
        note, place = operation.metadata.get(CALL), place_of(operation)
        is_asked = isinstance(note, Mapping) and "origin" not in note and "failure" not in note
        if place is not None and is_asked and isinstance(note, Mapping):
            yield place, str(note["key"])
