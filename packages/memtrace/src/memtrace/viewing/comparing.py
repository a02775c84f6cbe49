"""Two runs of one pipeline side by side, question by question.

In: two open traces. Out: pages of questions with both answers, and the operation at which the two
first parted on the way to each. Questions are matched by memory and id, else by their words. Where
runs parted is worked out once a pair, in the background, since it reads both traces.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.explaining.diff import Diff, diff
from memtrace.graph.ids import operation_number
from memtrace.viewing.opened import Opened
from memtrace.viewing.questions import AskedAnswer
from memtrace.viewing.types import Ask

__all__ = ["Comparison"]

_FAREWELL_S = 2.0
About = Callable[[AskedAnswer], dict[str, Any]]
_Pair = tuple[AskedAnswer | None, AskedAnswer | None]


class Comparison:
    """Two traces of the page.

    Args:
        left: The run before.
        right: The run after.
    """

    def __init__(self, left: Opened, right: Opened) -> None:
        self._left, self._right = left, right
        self._pairs: list[_Pair] | None = None
        self._is_changed: dict[int, bool] = {}
        self._found: Diff | None = None
        self._failure = ""
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._diff, name="compare", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait a little for what is being worked out; it has files of its own."""
        self._thread.join(_FAREWELL_S)

    def page(self, ask: Ask, about: About) -> dict[str, Any]:
        """A page of questions; `changed=1` keeps those whose answer or verdict changed.

        `both=1` leaves out those that only one of the runs was asked.

        Args:
            ask: offset, limit, changed, both.
            about: What attribution says of an answer of the left run.
        """
        offset, limit = ask.number("offset", 0), ask.number("limit", 100, most=200)
        pairs = list(enumerate(self._matched()))
        changed = [(place, pair) for place, pair in pairs if self._changed(place, pair)]
        chosen = changed if ask.number("changed", 0) else pairs
        if ask.number("both", 0):
            chosen = [(place, pair) for place, pair in chosen if None not in pair]
        return {
            "left": self._side(self._left), "right": self._side(self._right),
            "totals": self._totals(changed), "total": len(chosen),
            "state": "failed" if self._failure else "pending" if self._found is None else "done",
            "error": self._failure,
            "rows": [self._row(place, pair, about) for place, pair in
                     chosen[offset : offset + limit]],
        }  # fmt: skip

    # Inside ---------------------------------------------------------------------------------

    def _matched(self) -> list[_Pair]:
        with self._lock:
            if self._pairs is None:
                self._pairs = list(_match(self._left, self._right))
            return self._pairs

    def _changed(self, place: int, pair: _Pair) -> bool:
        if place not in self._is_changed:
            left, right = pair
            self._is_changed[place] = left is not None and right is not None and (
                left.verdict != right.verdict
                or self._left.trace.variable(left.answer).digest
                != self._right.trace.variable(right.answer).digest
            )  # fmt: skip
        return self._is_changed[place]

    def _totals(self, changed: list[tuple[int, _Pair]]) -> dict[str, int]:
        pairs = self._matched()
        both = [(a, b) for a, b in pairs if a is not None and b is not None]
        verdicts = [(a.verdict, b.verdict) for a, b in both]
        return {
            "questions": len(pairs), "both": len(both), "changed": len(changed),
            "left_right": sum(a is not None and a.verdict == "right" for a, _ in pairs),
            "right_right": sum(b is not None and b.verdict == "right" for _, b in pairs),
            "fixed": verdicts.count(("wrong", "right")),
            "broken": verdicts.count(("right", "wrong")),
        }  # fmt: skip

    def _row(self, place: int, pair: _Pair, about: About) -> dict[str, Any]:
        left, right = pair
        rows = (
            None if left is None else self._left.row(left, about),
            None if right is None else self._right.row(right, lambda _: {}),
        )
        known = rows[0] or rows[1] or {}
        return {
            "question": known.get("question", ""), "question_id": known.get("question_id", ""),
            "scope": known.get("scope", ""), "gold": known.get("gold"),
            "left": rows[0], "right": rows[1], "changed": self._changed(place, pair),
            "first_difference": self._first(left, right),
        }  # fmt: skip

    def _first(self, left: AskedAnswer | None, right: AskedAnswer | None) -> dict[str, Any] | None:
        """Where the ways to both answers first part.

        The first operation that had equal inputs and did something else; or one before it that
        only the left run has; or, if there is neither, the first that only the right run has.
        """
        if self._found is None or left is None or right is None:
            return None
        ours = self._left.trace.graph.upstream(left.answer)
        theirs = self._right.trace.graph.upstream(right.answer)
        cause = next(
            (one for one in self._found.changes
             if one.is_cause and (one.a in ours or one.b in theirs)), None,
        )  # fmt: skip
        gone = next((one for one in self._found.missing if one in ours), None)
        if gone and (cause is None or operation_number(gone) < operation_number(cause.a)):
            return _lone(self._left, "left", gone)
        if cause is not None:
            return {
                "left": cause.a, "right": cause.b, "name": cause.name, "kind": cause.kind,
                "what": list(cause.what), "details": list(cause.details),
            }  # fmt: skip
        come = next((one for one in self._found.added if one in theirs), None)
        return _lone(self._right, "right", come) if come else None

    def _diff(self) -> None:
        try:
            self._found = diff(self._left.path, self._right.path)
        except (UserError, ValueError) as error:
            self._failure = str(error)

    def _side(self, opened: Opened) -> dict[str, str]:
        return {"key": opened.key, "path": str(opened.path), "run": opened.run}


def _lone(opened: Opened, side: str, operation: str) -> dict[str, Any]:
    """An operation that only one of the runs has."""
    found = opened.trace.operation(operation)
    return {
        "left": None, "right": None, side: operation, "name": found.name, "kind": found.kind,
        "what": ["only there" if side == "right" else "only here"], "details": [],
    }  # fmt: skip


def _match(left: Opened, right: Opened) -> Iterator[_Pair]:
    """Pairs in the order of the left run, then what the right one has alone."""
    waiting: dict[object, list[AskedAnswer]] = {}
    for other in right.asked:
        waiting.setdefault(_key(right, other), []).append(other)
    for one in left.asked:
        found = waiting.get(_key(left, one))
        yield one, found.pop(0) if found else None
    for rest in waiting.values():
        yield from ((None, other) for other in rest)


def _key(opened: Opened, asked: AskedAnswer) -> object:
    if asked.question_id:
        return asked.scope, asked.question_id
    return asked.scope, opened.texts(asked)[0], "by words"
