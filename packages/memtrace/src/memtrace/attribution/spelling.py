"""How a value may be spelled in a text: dates in words, relative times, without its small words.

In: a part of the gold answer and a turn. Out: the normal forms by which the turn holds the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lmcommon.judge.dates import MONTHS, CalendarDate, find_dates
from memtrace.attribution.matching import content_words, normal_words
from memtrace.attribution.times import Span, day_of, relative_times, told_span

__all__ = ["date_of", "day_said", "parts_of", "spellings_in"]

_SEPARATORS = re.compile(r"\s*(?:,|;|\band\b|&)\s*", re.IGNORECASE)
_BRACKETS = re.compile(r"^\s*\[([^\]]*)\]\s*")
_YEAR = re.compile(r"\s*(?:in )?((?:19|20)\d\d)\.?\s*")
_MONTH_NAMES = {number: name for name, number in MONTHS.items()}


def parts_of(gold: str, texts: Sequence[str]) -> list[str]:
    """The gold answer whole if it is a date or one turn says it whole, else its listed parts."""
    whole = " ".join(normal_words(gold))
    if (
        date_of(gold)
        or told_span(gold)
        or any(f" {whole} " in f" {' '.join(normal_words(t))} " for t in texts)
    ):
        return [gold]
    parts = [part.strip(" .") for part in _SEPARATORS.split(gold)]
    return [part for part in parts if content_words(part)] or [gold]


def spellings_in(part: str, text: str) -> tuple[str, ...]:
    """The normal forms by which a turn holds a part of the gold answer, the plainest first."""
    said = _BRACKETS.sub("", text, count=1)
    line = f" {' '.join(normal_words(said))} "
    found = [form for form in _forms(part) if f" {form} " in line]
    when = date_of(part)
    today = day_of(_heading(text))
    if when is not None and today is not None:
        spans = list(relative_times(said, today))
        found += [" ".join(normal_words(span.words)) for span in spans if span.holds(*when)]
        if not (found or spans or find_dates(said)) and Span("", today, today).holds(*when):
            found.append(" ".join(normal_words(part)))  # it happened when it was said
    told = told_span(part)
    if told is not None and today is not None:
        found += [
            " ".join(normal_words(span.words))
            for span in relative_times(said, today) if told.meets(span)
        ]  # fmt: skip
    year = _YEAR.fullmatch(part)
    if year and today is not None:
        found += [
            " ".join(normal_words(span.words))
            for span in relative_times(said, today)
            if span.first.year == span.last.year == int(year[1])
        ]
    return tuple(dict.fromkeys(found))


def date_of(text: str) -> CalendarDate | None:
    """The date that a text consists of, small words aside; None if it says more, or none."""
    mentions = find_dates(text)
    if len(mentions) != 1:
        return None
    start, end = mentions[0].span
    rest = content_words(text[:start] + " " + text[end:])
    return None if rest else mentions[0].readings[0]


def day_said(text: str) -> str:
    """The day in the brackets before a turn, as `2023-05-08`; empty if there is none."""
    day = day_of(_heading(text))
    return day.isoformat() if day else ""


def _heading(text: str) -> str:
    match = _BRACKETS.match(text)
    return match.group(1) if match else ""


def _forms(part: str) -> Iterator[str]:
    """The normal forms of a value that a text may spell out."""
    words = normal_words(part)
    if words:
        yield " ".join(words)
    told = [place for place, word in enumerate(words) if content_words([word])]
    if told:
        yield " ".join(words[told[0] : told[-1] + 1])
    date = date_of(part)
    if date is None:
        return
    year, month, day = date
    name = _MONTH_NAMES[month]
    if year is not None and day is not None:
        yield f"{year}-{month:02d}-{day:02d}"
    for short in (name, name[:3]):
        if day is not None:
            yield from (f"{day} {short}", f"{short} {day}", f"{day} th {short}")
        elif year is None:
            yield short
