"""Does a value follow from what was said? By program, on the evidence turns.

In: a value and the turns. Out: True (it stands there, or is computed from dates and numbers that
do), False (a specific value that does not), None (not to be told: yes or no, a conclusion, free
text). A value that a turn takes back ("not the night shelter") does not follow from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import combinations

from lmcommon.judge.answer_tokens import answer_tokens
from lmcommon.judge.dates import find_dates
from memtrace.attribution.facts import Witness
from memtrace.attribution.matching import content_words, normal_words
from memtrace.attribution.naming import own_words
from memtrace.attribution.spelling import date_of, parts_of, spellings_in
from memtrace.attribution.times import day_of, relative_times

__all__ = ["ends_it", "follows", "is_conclusion", "says"]

_POLAR = frozenset({"yes", "no"})
_CONCLUSION = re.compile(
    r"\b(?:would|might|could|likely|probably|may|should|personality|traits?|feels?|feelings?"
    r"|think|attitude|consider(?:ed)?|describe|how does|how did|how do)\b",
    re.IGNORECASE,
)
_DENIED = r"\b(?:not|instead of|no longer|rather than|never|used to|any more)\b(?: \S+){0,3} "
_ENDS = re.compile(
    r"\b(?:forget|no longer|any ?more|stopped|quit|cancel\w*|called (?:it|that|this) off|gave up"
    r"|given up|removed|sold|over|ended|left|lost|gone|threw|no more|without|got rid)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_MOST = 0.6
"""Share of a value's words that must stand in one turn for it to follow loosely."""
_LONG = 6


def follows(value: str, turns: Sequence[Witness], question: str) -> bool | None:
    """Whether a value follows from turns; None if the program cannot tell."""
    if not turns:
        return None
    texts = [turn.text for turn in turns]
    parts = parts_of(value, texts)
    if all(any(says(part, text) for text in texts) for part in parts):
        return True
    if set(normal_words(value)[:1]) & _POLAR or is_conclusion(question):
        return None
    if all(any(spellings_in(part, text) for text in texts) for part in parts):
        return False  # it stands there, and is taken back
    if find_dates(value) or _YEAR.search(value):
        return None if _is_vague_on_time(texts) else False
    if _is_computed(value, texts):
        return True
    wanted = content_words(value) - content_words(question)
    if not wanted or len(wanted) > _LONG:
        return None
    share = max(len(wanted & content_words(own_words(text))) / len(wanted) for text in texts)
    if share >= _MOST:
        return None
    return None if share > 0 and not _is_specific(value) else False


def _is_vague_on_time(texts: Sequence[str]) -> bool:
    """Whether turns do not tell the day of anything: a time can then be concluded at best."""
    return not any(
        find_dates(own_words(text))
        or any(span.first == span.last for span in relative_times(own_words(text), today))
        for text in texts
        if (today := day_of(text)) is not None
    )


def says(part: str, text: str) -> bool:
    """Whether a turn says a value and does not take it back."""
    line = " ".join(normal_words(own_words(text)))
    if set(normal_words(part)) <= _POLAR:
        return False
    for form in spellings_in(part, text):
        if not re.search(_DENIED + re.escape(form) + r"(?!\S)", line):
            return True
    return False


def is_conclusion(question: str) -> bool:
    """Whether a question asks for a conclusion that nobody need have said."""
    return _CONCLUSION.search(question) is not None


def ends_it(text: str) -> bool:
    """Whether a turn says that something is over."""
    return _ENDS.search(own_words(text)) is not None


def _is_specific(value: str) -> bool:
    """Numbers, dates and names: there is no other word for them."""
    words = value.split()
    return bool(re.search(r"\d", value)) or date_of(value) is not None or (
        bool(words) and all(word[:1].isupper() for word in words)
    )  # fmt: skip


def _is_computed(value: str, texts: Sequence[str]) -> bool:
    """Whether the number of a value is a count, a sum or difference, or a time between dates."""
    tokens = [t.key for t in answer_tokens(value) if re.fullmatch(r"\d+(?:\.\d+)?", t.key)]
    if len(tokens) != 1:
        return False
    wanted = float(tokens[0])
    if wanted == len(texts) > 1:
        return True
    numbers = {n for text in texts for n in _numbers(text)}
    if any(wanted in (abs(a - b), a + b) for a, b in combinations(sorted(numbers), 2)):
        return True
    days = sorted({day for text in texts for day in _days(text)})
    return any(wanted in _lengths(early, late, value) for early, late in combinations(days, 2))


def _numbers(text: str) -> Iterator[float]:
    for token in answer_tokens(own_words(text)):
        if token.date is None and re.fullmatch(r"\d+(?:\.\d+)?", token.key):
            yield float(token.key)


def _days(text: str) -> Iterator[date]:
    """The days that a turn names, and the one on which it was said."""
    today = day_of(text)
    if today is not None:
        yield today
        for span in relative_times(text, today):
            yield from (span.first, span.last)
    for mention in find_dates(own_words(text)):
        for year, month, day in mention.readings:
            year = year or (today.year if today else None)
            if year is not None and day is not None:
                try:
                    yield date(year, month, day)
                except ValueError:
                    continue


def _lengths(early: date, late: date, value: str) -> set[float]:
    days = (late - early).days
    months = (late.year - early.year) * 12 + late.month - early.month
    words = content_words(value)
    if "week" in words:
        return {float(round(days / 7)), float(days // 7)}
    if "month" in words:
        return {float(months), float(months - 1), float(round(days / 30.4))}
    if "year" in words:
        return {float(late.year - early.year), float(days // 365)}
    return {float(days), float(days + 1)}
