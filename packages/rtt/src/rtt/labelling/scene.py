"""What a drawer of constraints works on: a text, the outcome that is wanted, and ways to change it.

A drawer makes small changes: it puts in what the constraint asks for, or takes it out. Whether the
outcome is the wanted one is for the checker to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from lmcommon.verify.sentences import split_sentences
from rtt.labelling.prose import Prose

__all__ = ["Drawer", "Drawn", "Scene", "letters", "sentence_texts"]

_WORD = re.compile(r"[A-Za-z]{3,}")


class Drawn(NamedTuple):
    """Arguments of a constraint, and the response, changed or not."""

    kwargs: Mapping[str, Any]
    response: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A response that a constraint is to be drawn for."""

    prose: Prose
    text: str
    wanted: bool
    """The outcome to aim at."""

    @property
    def random(self) -> Random:
        """Where all chance comes from."""
        return self.prose.random

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.random.random() < share

    def words(self, number: int = 1) -> list[str]:
        """Different words of three letters or more that occur in the text, or fewer."""
        found = sorted({match.group() for match in _WORD.finditer(self.text)})
        return self.random.sample(found, min(number, len(found)))

    def absent(self, number: int = 1) -> list[str]:
        """Different words that do not occur in the text, not even inside others."""
        low, found = self.text.lower(), list[str]()
        while len(found) < number:
            word = self.prose.any_word()
            if word.lower() not in low and word not in found:
                found.append(word)
        return found

    def with_line(self, line: str) -> str:
        """The text with a line put before it, after it, or between two of its lines."""
        lines = self.text.split("\n")
        lines.insert(self.random.randint(0, len(lines)), line)
        return "\n".join(lines)

    def with_word(self, word: str) -> str:
        """The text with a word put in between two others."""
        places = [match.start() for match in re.finditer(r"(?<=\S )(?=\w)", self.text)]
        if not places:
            return f"{self.text} {word}"
        at = self.random.choice(places)
        return f"{self.text[:at]}{word} {self.text[at:]}"

    def bound(self, count: int, *, spread: int | None = None) -> tuple[str, int]:
        """A relation and a bound that a count meets, or just not, as it is wanted."""
        away = self.random.randint(0, spread if spread is not None else max(2, count // 5))
        if self.chance(0.5) and (count or not self.wanted):  # "at least 0" asks for nothing
            return "at least", max(count - away, 1) if self.wanted else count + 1 + away
        return "less than", count + 1 + away if self.wanted else max(count - away, 0)

    def near(self, count: int, *, least: int = 1) -> int:
        """The count itself if it is wanted, else another number close by."""
        if self.wanted:
            return count
        others = [count + away for away in (-2, -1, 1, 2, 3) if count + away >= least]
        return self.random.choice(others)

    def at_least(self, count: int, *, least: int = 1) -> int:
        """A bound that a count reaches if that is wanted, else one above it."""
        if self.wanted:
            return self.random.randint(least, max(count, least))
        return count + self.random.randint(1, 3)


Drawer = Callable[[Scene], Drawn]
"""Draws the arguments of one kind of constraint for a scene."""


def letters(text: str) -> list[str]:
    """The different letters of a text, small."""
    return sorted({char for char in text.lower() if "a" <= char <= "z"})


def sentence_texts(text: str) -> list[str]:
    """The sentences of a text."""
    return [text[start:end] for start, end in split_sentences(text)]
