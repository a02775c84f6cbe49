"""Days as texts write them, and as ISO dates."""

from __future__ import annotations

import re
from datetime import date

from lmcommon.data.generated.speech import date_words

__all__ = ["days_between", "in_words", "iso"]

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_WORDS = re.compile(r"\b(\d{1,2}) ([A-Za-z]+),? (\d{4})\b")
_TURNED = re.compile(r"\b([A-Za-z]+) (\d{1,2}), (\d{4})\b")
_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")


def iso(text: str) -> str:
    """The first day that a text names, as an ISO date; empty if it names none."""
    if found := _ISO.search(text):
        return _checked(int(found[1]), int(found[2]), int(found[3]))
    if found := _WORDS.search(text):
        day, month, year = found.groups()
    elif found := _TURNED.search(text):
        month, day, year = found.groups()
    else:
        return ""
    if month.lower() not in _MONTHS:
        return ""
    return _checked(int(year), _MONTHS.index(month.lower()) + 1, int(day))


def in_words(day: str) -> str:
    """An ISO date in words. Example: `3 March 2024`."""
    return date_words(date.fromisoformat(day))


def days_between(earlier: str, later: str) -> int:
    """Days from one ISO date to another."""
    return abs((date.fromisoformat(later) - date.fromisoformat(earlier)).days)


def _checked(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""
