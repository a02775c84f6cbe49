"""Which variable a plain value is: what traced objects gave to a program, found again in it.

In: what a traced call returned, with the variables it is made of; later any value of the program.
Out: the variables in that value, and how they were recognised. The same object, or a copy that
still says the id and the text of a memory, is certain. A text that a hit was pasted into is a
guess, and so is a memory whose text was changed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from memtrace.execution.places import Scope
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.scope import current_scope

if TYPE_CHECKING:
    from memtrace.graph.recording.recorder import Recorder

__all__ = ["Links", "Match", "current_links", "noticing"]

_DEEPEST = 8
_SHORTEST = 12
"""Characters a text must have to be looked for in other texts: shorter ones are there by chance."""
_CERTAIN = ("object", "id", "question")


class Match(NamedTuple):
    """A variable that was recognised. Example: `Match(handle, "object")`."""

    handle: Handle[Any]
    how: str
    """`object` (the very same), `id` (a copy), `question` (the same words); guesses: `edited` (the
    id with another text), `text` (its words inside a longer text)."""

    @property
    def is_certain(self) -> bool:
        """Whether this is no guess."""
        return self.how in _CERTAIN


class _Row(NamedTuple):
    """A memory as a call returned it."""

    value: Mapping[str, Any]
    handle: Handle[Any]
    text: str


_NOTICED: ContextVar[list[Handle[Any]] | None] = ContextVar("memtrace_noticed", default=None)


class Links:
    """The values of one recording. Safe to use from threads.

    It holds on to the rows it was told, so that no other object gets the address of one of them.
    """

    def __init__(self) -> None:
        self.scope = Scope("program")
        """Places of the program's own functions."""
        self._lock = threading.Lock()
        self._objects: dict[int, _Row] = {}
        self._texts: dict[int, _Row] = {}
        self._rows: dict[str, _Row] = {}
        self._questions: dict[str, Handle[Any]] = {}

    def asked(self, text: str, handle: Handle[Any]) -> None:
        """Keep in mind what a search was asked."""
        with self._lock:
            self._questions[text] = handle

    def returned(self, result: Any, hits: Mapping[str, Handle[Any]]) -> None:
        """Keep in mind what a traced call returned.

        Args:
            result: The whole of it, rows of memories somewhere inside.
            hits: Variables by the id that the rows say.
        """
        noticed = _NOTICED.get()
        if noticed is not None:
            noticed += hits.values()
        with self._lock:
            for row in _rows(result, hits):
                key = str(row["id"])
                known = _Row(row, hits[key], row.get("memory") or "")
                self._objects[id(row)] = self._texts[id(known.text)] = self._rows[key] = known

    def find(self, value: Any) -> list[Match]:
        """The variables in a value, in order, each once, as surely as it was recognised."""
        with self._lock:
            best: dict[int, Match] = {}
            for match in self._walk(value, 0):
                before = best.get(id(match.handle))
                if before is None or (match.is_certain and not before.is_certain):
                    best[id(match.handle)] = match
            return list(best.values())

    def is_known(self, value: Any) -> bool:
        """Whether a value is made of recognised variables, and of nothing else."""
        with self._lock:
            return self._is_known(value, 0)

    def _is_known(self, value: Any, depth: int) -> bool:
        if isinstance(value, str):
            return value in self._questions or self._is_text(value)
        if isinstance(value, Mapping):
            match = self._match(value)
            if match is not None:
                return match.is_certain
            is_whole = set(value) <= {"results", "relations"}  # what Mem0 wraps its rows in
            parts = [part for part in value.values() if part] if is_whole else []
        else:
            parts = list(value) if isinstance(value, (list, tuple)) else []
        return bool(parts) and depth < _DEEPEST and all(
            self._is_known(part, depth + 1) for part in parts
        )  # fmt: skip

    def _walk(self, value: Any, depth: int) -> Iterator[Match]:
        if isinstance(value, str):
            yield from self._in_text(value)
            return
        if isinstance(value, Mapping):
            match = self._match(value)
            if match is not None:
                yield match
                return
            value = list(value.values())
        if isinstance(value, (list, tuple)) and depth < _DEEPEST:
            for part in value:
                yield from self._walk(part, depth + 1)

    def _match(self, value: Mapping[Any, Any]) -> Match | None:
        """The memory that a mapping is."""
        row, how = self._objects.get(id(value)), "object"
        if row is None or row.value is not value:
            row, how = self._rows.get(str(value.get("id"))), "id"
        if row is None:
            return None
        return Match(row.handle, how if value.get("memory") == row.text else "edited")

    def _is_text(self, text: str) -> bool:
        """Whether this is the very text of a row, not one that happens to say the same."""
        row = self._texts.get(id(text))
        return row is not None and row.text is text and bool(text)

    def _in_text(self, text: str) -> Iterator[Match]:
        if self._is_text(text):
            yield Match(self._texts[id(text)].handle, "object")
            return
        asked = self._questions.get(text)
        if asked is not None:
            yield Match(asked, "question")
            return
        for key, row in self._rows.items():
            if not row.text or not (row.text in text or json.dumps(row.text)[1:-1] in text):
                continue
            if key in text:  # its JSON
                yield Match(row.handle, "id")
            elif len(row.text) >= _SHORTEST:
                yield Match(row.handle, "text")


def _rows(value: Any, hits: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The rows inside what a call returned."""
    if isinstance(value, Mapping) and str(value.get("id")) in hits:
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _rows(part, hits)
    elif isinstance(value, list):
        for part in value:
            yield from _rows(part, hits)


_LINKS: WeakKeyDictionary[Recorder, Links] = WeakKeyDictionary()
_LOCK = threading.Lock()


def current_links() -> Links | None:
    """The links of the recording that runs here; None outside a recording."""
    here = current_scope()
    if here is None:
        return None
    with _LOCK:
        return _LINKS.setdefault(here[0], Links())


@contextmanager
def noticing() -> Iterator[list[Handle[Any]]]:
    """Gives a list of what traced calls return inside, as it comes."""
    outer = _NOTICED.get()
    mine: list[Handle[Any]] = []
    token = _NOTICED.set(mine)
    try:
        yield mine
    finally:
        _NOTICED.reset(token)
        if outer is not None:
            outer += mine
