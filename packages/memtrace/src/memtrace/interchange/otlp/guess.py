"""Guessing data flow between spans by content, within one OTLP trace.

A span says what it read, not where that came from. The guess: from the latest earlier span whose
output is the very same value, or whose output (or a text in it) stands inside what was read, if it
has at least `MIN_CHARS` characters. Every edge found so is marked as a guess by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memtrace.interchange.otlp.values import Encoded

__all__ = ["MIN_CHARS", "Texts", "leaves"]

MIN_CHARS = 16
"""Shorter texts ("yes", "user", a name) stand in everything."""
_DEEPEST = 200


class Texts:
    """What the spans of one trace have made so far."""

    def __init__(self) -> None:
        self._whole: dict[Encoded, int] = {}
        self._by_start: dict[str, list[tuple[str, int]]] = {}

    def add(self, number: int, encoded: Encoded, value: Any) -> None:
        """Take up a variable that was made just now."""
        if _says_something(value):
            self._whole[encoded] = number
        for text in leaves(value):
            if len(text) >= MIN_CHARS:
                self._by_start.setdefault(text[:MIN_CHARS], []).append((text, number))

    def same(self, encoded: Encoded) -> int | None:
        """The latest variable with exactly this value."""
        return self._whole.get(encoded)

    def within(self, value: Any) -> list[int]:
        """The variables whose texts stand in a value: left to right, the longest at each place."""
        found: dict[int, None] = {}
        if self._by_start:
            for text in leaves(value):
                found.update(dict.fromkeys(self._in_text(text)))
        return list(found)

    def _in_text(self, text: str) -> Iterator[int]:
        place, last = 0, len(text) - MIN_CHARS
        while place <= last:
            best, number = "", 0
            for candidate, maker in self._by_start.get(text[place : place + MIN_CHARS], ()):
                if len(candidate) >= len(best) and text.startswith(candidate, place):
                    best, number = candidate, maker
            if best:
                yield number
            place += max(len(best), 1)


def leaves(value: Any, depth: int = 0) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST and isinstance(value, dict):
        for part in value.values():
            yield from leaves(part, depth + 1)
    elif depth < _DEEPEST and isinstance(value, (list, tuple)):
        for part in value:
            yield from leaves(part, depth + 1)


def _says_something(value: Any) -> bool:
    """Whether equal values are more than chance: some text is in it."""
    return any(text.strip() for text in leaves(value))
