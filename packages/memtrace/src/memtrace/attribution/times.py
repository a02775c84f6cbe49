"""Relative times made absolute: what "yesterday" or "last Friday" meant on the day it was said.

In: a text and the day it was said. Out: spans of days, `(first, last)`, with the words that name
them; a single day is a span of one. Only wording whose meaning hardly varies is read; "recently"
and "the other day" are left alone. Absolute dates are `lmcommon.judge.dates`' work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from lmcommon.judge.answer_tokens import answer_tokens
from lmcommon.judge.dates import find_dates

__all__ = ["Span", "day_of", "relative_times", "told_span"]

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = "|".join(_DAYS)
_NUMBER = (
    r"(?P<number>\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|a couple of|couple of|a few)"
)
_UNIT = r"(?P<unit>day|week|month|year)s?"
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(form, re.IGNORECASE))
    for name, form in (
        ("two days", r"\b(?:the )?day (?P<way>before yesterday|after tomorrow)\b"),
        ("ago", rf"\b{_NUMBER} {_UNIT} (?P<way>ago|before that|earlier)\b"),
        ("in", rf"\bin {_NUMBER} {_UNIT}(?: from now|(?= time)|\b)"),
        ("weekday", rf"\b(?P<way>last|this past|this|next|on) (?P<day>{_WEEKDAY})\b"),
        ("weekday ago", rf"\b(?:the )?(?P<day>{_WEEKDAY}) before(?: last)?\b"),
        ("unit", r"\b(?P<way>last|this|next) (?P<unit>week|weekend|month|year)\b"),
        (
            "day",
            r"\b(?P<way>yesterday|last night|today|tonight|tomorrow"
            r"|this (?:morning|afternoon|evening))\b",
        ),
    )
)  # fmt: skip
_BESIDE = re.compile(
    rf"(?:on |in )?(?:the )?(?P<unit>day|week|weekend|month|year|{_WEEKDAY}) "
    r"(?P<way>before|after) ",
    re.IGNORECASE,
)
_SOME = {"a couple of": 2, "couple of": 2, "a": 1, "an": 1}
_AROUND = {"week": 3, "month": 15, "year": 183}
"""How far, in days, "a month ago" may be off the very day."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days that a relative time means. Example: `Span("yesterday", day, day)`"""

    words: str
    first: date
    last: date

    def holds(self, year: int | None, month: int, day: int | None) -> bool:
        """Whether a calendar date, perhaps without year or day, falls into it."""
        for number in range((self.last - self.first).days + 1):
            one = self.first + timedelta(days=number)
            if (year in (None, one.year)) and one.month == month and day in (None, one.day):
                return True
        return False

    def meets(self, other: Span) -> bool:
        """Whether they have a day in common."""
        return self.first <= other.last and other.first <= self.last


def relative_times(text: str, said_on: date) -> Iterator[Span]:
    """The relative times of a text that was said on a day."""
    for name, form in _FORMS:
        for match in form.finditer(text):
            try:
                days = _days(name, match.groupdict(), said_on)
            except OverflowError:
                continue
            if days is not None:
                yield Span(match.group(), *days)


def told_span(text: str) -> Span | None:
    """The days of an answer such as "the week before 3 July 2023"; None if it is no such answer."""
    mentions = find_dates(text)
    today = day_of(text)
    match = None if today is None else _BESIDE.match(text.strip())
    if match is None or today is None or len(mentions) != 1:
        return None
    after, unit = match["way"].casefold() == "after", match["unit"].casefold()
    if unit in _DAYS:
        weekday = _DAYS.index(unit)
        back = ((weekday - today.weekday()) if after else (today.weekday() - weekday)) % 7 or 7
        day = today + timedelta(days=back if after else -back)
        return Span(text, day, day)
    reach = {"day": 1, "week": 7, "weekend": 7, "month": 31, "year": 365}[unit]
    if after:
        return Span(text, today + timedelta(days=1), today + timedelta(days=reach))
    return Span(text, today - timedelta(days=reach), today - timedelta(days=1))


def day_of(text: str) -> date | None:
    """The first full date of a text, such as the heading of a message; None if there is none."""
    for mention in find_dates(text):
        for year, month, day in mention.readings:
            if year is not None and day is not None:
                try:
                    return date(year, month, day)
                except ValueError:
                    continue
    return None


def _days(name: str, found: dict[str, str | None], today: date) -> tuple[date, date] | None:
    way = (found.get("way") or "").casefold()
    if name == "day":
        step = {"yesterday": -1, "last night": -1, "tomorrow": 1}.get(way, 0)
        return _one(today + timedelta(days=step))
    if name == "two days":
        return _one(today + timedelta(days=-2 if way.startswith("before") else 2))
    if name in ("ago", "in"):
        return _shifted(today, found, -1 if name == "ago" else 1)
    if name == "unit":
        return _unit(today, found["unit"] or "", {"last": -1, "this": 0, "next": 1}[way])
    weekday = _DAYS.index((found["day"] or "").casefold())
    back = (today.weekday() - weekday) % 7
    if name == "weekday ago" or way in ("last", "this past", "on"):
        return _one(today - timedelta(days=back or 7))
    return _one(today + timedelta(days=(7 - back) if back or way == "next" else 0))


def _shifted(today: date, found: dict[str, str | None], sign: int) -> tuple[date, date] | None:
    word, unit = (found["number"] or "").casefold(), (found["unit"] or "").casefold()
    if word == "a few":
        return None
    number = _SOME.get(word) or int(answer_tokens(word)[0].key)
    days = number * {"day": 1, "week": 7, "month": 30, "year": 365}[unit]
    middle, around = today + timedelta(days=sign * days), _AROUND.get(unit, 0)
    if unit == "year":
        return date(today.year + sign * number, 1, 1), date(today.year + sign * number, 12, 31)
    return middle - timedelta(days=around), middle + timedelta(days=around)


def _unit(today: date, unit: str, step: int) -> tuple[date, date]:
    unit = unit.casefold()
    if unit == "year":
        return date(today.year + step, 1, 1), date(today.year + step, 12, 31)
    if unit == "month":
        month = today.year * 12 + today.month - 1 + step
        first = date(month // 12, month % 12 + 1, 1)
        month += 1
        return first, date(month // 12, month % 12 + 1, 1) - timedelta(days=1)
    monday = today - timedelta(days=today.weekday()) + timedelta(weeks=step)
    if unit == "weekend":
        return monday + timedelta(days=5), monday + timedelta(days=6)
    return monday, monday + timedelta(days=6)


def _one(day: date) -> tuple[date, date]:
    return day, day
