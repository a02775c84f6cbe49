"""Calendar dates written in several ways, found in text and compared part by part.

`find_dates("on May 7th, 2023 or 2023-05-08")` gives two `DateMention`s. Relative times ("the week
before", "yesterday") are left alone: they need the time of speaking, which a text alone lacks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["MONTHS", "CalendarDate", "DateMention", "find_dates"]

_MONTH_NAMES = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
MONTHS = {name: index for index, name in enumerate(_MONTH_NAMES, start=1)}
"""Full month name, lower case, to its number."""

CalendarDate = tuple[int | None, int, int | None]
"""Year, month, day; None where the text does not say."""

_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})(?!\d)"
_WEEKDAY = (
    r"(?:\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?,?\s+(?:the\s+)?)?"
)
_FORMS = tuple(
    re.compile(_WEEKDAY + form, re.IGNORECASE)
    for form in (
        rf"(?<![\d.:]){_DAY}(?:\s+of)?[\s-]+{_MONTH}(?:,?[\s-]+{_YEAR})?",
        rf"\b{_MONTH}\s+(?:the\s+)?{_DAY}(?![\d:]|\.\d)(?:,?\s+{_YEAR})?",
        rf"\b{_MONTH}(?:\s+of)?,?\s+{_YEAR}",
        r"(?<![\d/.-])(?P<year>\d{4})(?P<sep>[-/.])(?P<m>\d{1,2})(?P=sep)(?P<day>\d{1,2})(?![\d/-])",
        r"(?<![\d/.-])(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<year>\d{4})(?![\d/-])",
    )
)


@dataclass(frozen=True, slots=True)
class DateMention:
    """A date in a text.

    Example:
        `DateMention(((2023, 5, 7),), (3, 17))`; "05/07/2023" has two readings.
    """

    readings: tuple[CalendarDate, ...]
    span: tuple[int, int]

    def agrees_with(self, gold: DateMention) -> bool:
        """Whether it says all that `gold` says. A year that is not given is forgiven."""
        return any(_agree(mine, theirs) for mine in self.readings for theirs in gold.readings)


def _agree(mine: CalendarDate, gold: CalendarDate) -> bool:
    same_day = gold[2] is None or mine[2] == gold[2]
    same_year = gold[0] is None or mine[0] == gold[0]
    if mine[0] is None and gold[2] is not None:
        same_year = True
    return mine[1] == gold[1] and same_day and same_year


def find_dates(text: str) -> list[DateMention]:
    """All dates of `text` that name a month and a day or a year; leftmost first, no overlaps."""
    mentions: list[DateMention] = []
    for form in _FORMS:
        for match in form.finditer(text):
            readings = _readings(match.groupdict())
            start, end = match.span()
            overlaps = any(start < m.span[1] and m.span[0] < end for m in mentions)
            if readings and not overlaps:
                mentions.append(DateMention(readings, (start, end)))
    return sorted(mentions, key=lambda mention: mention.span)


def _readings(groups: dict[str, str | None]) -> tuple[CalendarDate, ...]:
    numbers = {name: int(text) for name, text in groups.items() if text and text.isdecimal()}
    year, day = numbers.get("year"), numbers.get("day")
    pairs: set[tuple[int, int | None]]
    if "a" in numbers:
        pairs = {(numbers["a"], numbers["b"]), (numbers["b"], numbers["a"])}
    else:
        month = groups.get("month")
        pairs = {(_month_number(month) if month else numbers["m"], day)}
    return tuple(
        (year, month, day)
        for month, day in sorted(pairs, key=str)
        if 1 <= month <= 12 and (day is None or 1 <= day <= 31)
    )


def _month_number(name: str) -> int:
    short = name.lower().rstrip(".")[:3]
    return next(number for full, number in MONTHS.items() if full.startswith(short))
