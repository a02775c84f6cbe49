"""Whether a text gives an answer, by the words in it."""

from __future__ import annotations

import re
from functools import lru_cache

from memtrace.faultbench.simulated.calendar import in_words, iso

__all__ = ["gives", "plain"]

_SPACE = re.compile(r"[\s\W_]+")
_DATE = re.compile(
    r"\b(?:\d{1,2} [A-Z][a-z]+,? \d{4}|[A-Z][a-z]+ \d{1,2}, \d{4}|\d{4}-\d\d-\d\d)\b"
)


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """A text in lower case without marks, every day worded alike."""
    worded = _DATE.sub(lambda found: in_words(day) if (day := iso(found[0])) else found[0], text)
    return f" {_SPACE.sub(' ', worded).strip().casefold()} "


def gives(text: str, value: str) -> bool:
    """Whether the words of a value stand in a text, in a row."""
    wanted = plain(value)
    return bool(wanted.strip()) and wanted in plain(text)
