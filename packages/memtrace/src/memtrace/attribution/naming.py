"""Names in messages: who speaks, whom or what a sentence names, what a turn says without that.

In: the text of a turn as memory systems render it, `[8 May 2023] Ana: I moved to Lisbon.`
"""

from __future__ import annotations

import re

from memtrace.attribution.matching import content_words, normal_words

__all__ = ["names_in", "own_words", "sentences_of", "speaker_of", "spoken_words"]

_TIME = re.compile(r"^\s*\[([^\]]*)\]\s*")
_SPEAKER = re.compile(r"^[^\s:]+(?: [^\s:]+)?:\s+")
_SENTENCE = re.compile(r"(?<=[.!?…])[\"”’']?\s+(?=[\"“‘'(]?[A-Z0-9])")
_INSIDE = re.compile(r"(?<=[a-z0-9,;:'’\-] )[\"“‘'(]?([A-Z][\w'’-]*(?:\s[A-Z][\w'’-]*)*)")
_NO_NAME = frozenset({
    "i", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january",
    "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december", "ok", "okay", "oh", "ha", "hi", "hey", "hello", "wow", "mr", "mrs",
    "ms", "dr", "ll", "ve", "im",
})  # fmt: skip
_SHORT = 4
"""Turns of fewer words are followed together with their speaker."""


def speaker_of(text: str) -> str:
    """Who says a rendered turn, in normal form; empty if it does not tell."""
    match = _SPEAKER.match(_without_time(text))
    return " ".join(normal_words(match.group())) if match else ""


def spoken_words(text: str) -> str:
    """A rendered turn in normal form, without time and (unless it is short) without speaker."""
    own = normal_words(own_words(text))
    return " ".join(own if len(own) >= _SHORT else normal_words(_without_time(text)))


def own_words(text: str) -> str:
    """A rendered turn without its leading `[time]` and `Speaker:`."""
    return _SPEAKER.sub("", _without_time(text), count=1)


def names_in(text: str) -> frozenset[str]:
    """Words that are capitalised inside a sentence, in normal form; months and days are none."""
    found: set[str] = set()
    for match in _INSIDE.finditer(own_words(text)):
        found |= content_words(match.group(1))
    return frozenset(word for word in found if word not in _NO_NAME and word[0].isalpha())


def sentences_of(text: str) -> list[str]:
    """The sentences of a rendered turn, without time and speaker; a line break ends one too."""
    first, *rest = text.splitlines() or [text]
    lines = [own_words(first), *(" ".join(line.split()) for line in rest)]
    return [part.strip() for line in lines for part in _SENTENCE.split(line) if part.strip()]


def _without_time(text: str) -> str:
    return _TIME.sub("", " ".join(text.split()), count=1)
