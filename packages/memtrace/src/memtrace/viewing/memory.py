"""What the memory held at a moment, and how one item came to be what it is.

In: a trace, a moment. Out: pages of live items; the versions of one. An item belongs to the
memory (the scope) whose name it begins with, or else whose operation wrote it. Of a moment only
numbers and names of the items are kept; the versions on a page are read when it is shown.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from memtrace.graph.explaining.texts import text_of
from memtrace.graph.ids import variable_id
from memtrace.graph.reading import rows
from memtrace.graph.reading.database import Database
from memtrace.types import Variable
from memtrace.viewing.moments import writes_around
from memtrace.viewing.opened import Opened
from memtrace.viewing.texts import brief, clipped
from memtrace.viewing.types import Ask, RefusedError

__all__ = ["MemoryStates"]

_KEPT = 4
_LONGEST = 2_000
_PATIENCE_S = 0.5
"""A search in many items goes on where it was when the page asks again."""
_LIVE = (
    rows.LIVE_AT.partition(rows.VARIABLES[:30])[0]
    + "SELECT v.number, v.item FROM live CROSS JOIN variables v USING (number)"
    " WHERE NOT v.is_deletion ORDER BY v.number"
)
"""As `rows.LIVE_AT`, without what costs most: the variables themselves."""
_WRITERS = (
    "SELECT v.number, json_extract(o.metadata, '$.place[0]') FROM variables v"
    " JOIN operations o ON o.number = v.producer WHERE v.item IS NOT NULL AND v.source IS NULL"
)


class _Live(NamedTuple):
    number: int
    item: str


class MemoryStates:
    """The memory of one trace at moments; the last few moments that were asked for are kept.

    Args:
        opened: The trace.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened, self._trace = opened, opened.trace
        self._states: OrderedDict[int, list[_Live]] = OrderedDict()
        self._words: dict[int, str] = {}
        self._lock = threading.Lock()

    def page(self, ask: Ask) -> dict[str, Any]:
        """A page of what the memory held just after a sequence number."""
        last = self._opened.last_seq
        seq = ask.number("seq", last, most=last)
        scope, query = ask.text("scope"), ask.text("q").casefold()
        offset, limit = ask.number("offset", 0), ask.number("limit", 100, most=500)
        held = self._state(seq)
        if scope:
            held = self._of(held, scope)
        is_done = not query or self._read(held)
        if query:
            held = [one for one in held if query in self._words.get(one.number, "")]
        page = [variable_id(one.number) for one in held[offset : offset + limit]]
        return {
            "seq": seq, "last_seq": last, "total": len(held),
            "state": "done" if is_done else "pending",
            "rows": [self._row(one) for one in self._trace.variables(ids=page)],
            **writes_around(self._trace.path, seq, scope),
        }  # fmt: skip

    def history(self, item: str, scope: str) -> dict[str, Any]:
        """All versions of an item.

        Raises:
            RefusedError: There is no such item.
        """
        versions = self._trace.history(item)
        if scope:
            inside = self._of([_Live(one.seq, item) for one in versions], scope)
            versions = [one for one in versions if _Live(one.seq, item) in inside]
        if not versions:
            raise RefusedError(
                f"item: expected a memory item of the trace; got {item!r}; see /api/memory", 404
            )
        return {"item": item, "versions": [
            {**self._row(one), "operation": one.producer, "deleted": one.is_deletion}
            for one in versions
        ]}  # fmt: skip

    # Inside ---------------------------------------------------------------------------------

    def _state(self, seq: int) -> list[_Live]:
        with self._lock:
            if seq not in self._states:
                self._states[seq] = [_Live(*row) for row in self._query(_LIVE, seq)]
                if len(self._states) > _KEPT:
                    self._states.popitem(last=False)
            self._states.move_to_end(seq)
            return self._states[seq]

    def _of(self, held: Sequence[_Live], scope: str) -> list[_Live]:
        named = [one for one in held if one.item.startswith(f"{scope}/")]
        return named or [one for one in held if self._writers.get(one.number) == scope]

    @cached_property
    def _writers(self) -> dict[int, str]:
        """Memory of the operation that wrote each version."""
        return {number: str(scope) for number, scope in self._query(_WRITERS) if scope is not None}

    def _query(self, statement: str, *values: int) -> list[tuple[Any, ...]]:
        database = Database(self._trace.path)
        try:
            return list(database.query(statement, values))
        finally:
            database.close()

    def _read(self, held: Sequence[_Live]) -> bool:
        """Read the texts of items, for a moment; whether all are read now."""
        until = time.monotonic() + _PATIENCE_S
        for one in held:
            if one.number not in self._words:
                if time.monotonic() > until:
                    return False
                value = self._trace.value(variable_id(one.number))
                self._words[one.number] = f"{one.item}\n{text_of(value)}".casefold()
        return True

    def _row(self, variable: Variable) -> dict[str, Any]:
        value = None if variable.is_deletion else self._trace.value(variable.id)
        text = "" if value is None else value if isinstance(value, str) else brief(value, _LONGEST)
        return {
            "item": variable.item, "version": variable.version, "variable": variable.id,
            "text": clipped(text, _LONGEST), "written_by": variable.producer, "seq": variable.seq,
            "kind": variable.kind, "size": variable.size,
        }  # fmt: skip
