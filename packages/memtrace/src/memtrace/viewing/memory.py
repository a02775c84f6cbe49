"""What the memory held at a moment, and how one item came to be what it is.

In: an open trace, a moment. Out: pages of live items; the versions of one. An item belongs to the
memory (the scope) whose name it begins with, or whose operation wrote it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from memtrace.execution.replies import place_of
from memtrace.graph.explaining.texts import text_of
from memtrace.graph.reading.trace import Trace
from memtrace.types import Variable
from memtrace.viewing.moments import writes_around
from memtrace.viewing.texts import brief, clipped
from memtrace.viewing.types import Ask, RefusedError

__all__ = ["MemoryStates"]

_KEPT = 4
_LONGEST = 2_000


class MemoryStates:
    """The memory of one trace at moments; the last few moments that were asked for are kept.

    Args:
        trace: The trace.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._states: OrderedDict[int, list[Variable]] = OrderedDict()
        self._scopes: dict[str, str] = {}
        self._lock = threading.Lock()

    def page(self, ask: Ask) -> dict[str, Any]:
        """A page of what the memory held just after a sequence number."""
        last = self._trace.last_seq
        seq = ask.number("seq", last, most=last)
        scope, query = ask.text("scope"), ask.text("q").casefold()
        offset, limit = ask.number("offset", 0), ask.number("limit", 100, most=500)
        held = self._state(seq)
        if scope:
            held = self._of(held, scope)
        if query:
            held = [one for one in held if query in self._words(one)]
        return {
            "seq": seq, "last_seq": last, "total": len(held),
            "rows": [self._row(one) for one in held[offset : offset + limit]],
            **writes_around(self._trace.path, seq, scope),
        }  # fmt: skip

    def history(self, item: str, scope: str) -> dict[str, Any]:
        """All versions of an item.

        Raises:
            RefusedError: There is no such item.
        """
        versions = self._trace.history(item)
        if scope:
            versions = self._of(versions, scope)
        if not versions:
            raise RefusedError(
                f"item: expected a memory item of the trace; got {item!r}; see /api/memory", 404
            )
        return {"item": item, "versions": [
            {**self._row(one), "operation": one.producer, "deleted": one.is_deletion}
            for one in versions
        ]}  # fmt: skip

    # Inside ---------------------------------------------------------------------------------

    def _state(self, seq: int) -> list[Variable]:
        with self._lock:
            if seq not in self._states:
                self._states[seq] = list(self._trace.state_at(seq).values())
                if len(self._states) > _KEPT:
                    self._states.popitem(last=False)
            self._states.move_to_end(seq)
            return self._states[seq]

    def _of(self, held: Sequence[Variable], scope: str) -> list[Variable]:
        named = [one for one in held if (one.item or "").startswith(f"{scope}/")]
        return named or [one for one in held if self._scope(one) == scope]

    def _scope(self, variable: Variable) -> str:
        maker = variable.producer or ""
        if maker and maker not in self._scopes:
            place = place_of(self._trace.operation(maker))
            self._scopes[maker] = place.scope if place else ""
        return self._scopes.get(maker, "")

    def _words(self, variable: Variable) -> str:
        return f"{variable.item}\n{text_of(self._trace.value(variable.id))}".casefold()

    def _row(self, variable: Variable) -> dict[str, Any]:
        value = None if variable.is_deletion else self._trace.value(variable.id)
        text = "" if value is None else value if isinstance(value, str) else brief(value, _LONGEST)
        return {
            "item": variable.item, "version": variable.version, "variable": variable.id,
            "text": clipped(text, _LONGEST), "written_by": variable.producer, "seq": variable.seq,
            "kind": variable.kind, "size": variable.size,
        }  # fmt: skip
