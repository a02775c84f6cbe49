"""Does a prediction give the gold answer? By program, with how sure the program is.

In: question, gold answer, prediction. Out: a `Comparison`: equal, different, or not decided. It
goes beyond `NormalizedAnswerJudge` where structure helps: dates of another layout or granularity,
numbers with units of time, full and first names, parts of a list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lmcommon.judge.answer import NormalizedAnswerJudge
from lmcommon.judge.answer_match import opening_polarity
from lmcommon.judge.answer_tokens import answer_tokens
from lmcommon.judge.base import AnswerItem
from lmcommon.judge.hedging import abstention
from memtrace.attribution.matching import content_words
from memtrace.attribution.spelling import date_of

__all__ = ["Comparison", "compare"]

_DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25, "decade": 3652.5}
_QUANTITY = re.compile(r"(-?\d+(?:\.\d+)?) (day|week|month|year|decade)s?")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_NAME = re.compile(r"(?:[A-Z][\w'’.-]+\s?){1,4}")
_CLOSE = 0.03
"""Share by which two lengths of time may differ, as months are not all alike."""
_SHORT = 4
_LISTED = re.compile(r"[,;&]|\band\b|\bor\b")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the program makes of a prediction. Example: `Comparison(True, "both are 7 May 2023")`"""

    is_equal: bool | None
    """None: not decided."""
    why: str


def compare(question: str, gold: str | None, prediction: str) -> Comparison:
    """Compare a prediction with the gold answer (None: the right behaviour was to abstain)."""
    item = AnswerItem(question=question, gold=gold, prediction=prediction)
    verdict = NormalizedAnswerJudge().judge([item])[0]
    if verdict.satisfied:
        return Comparison(True, verdict.rationale)
    if gold is None:
        return Comparison(verdict.satisfied, verdict.rationale)
    if abstention(prediction) is not None or not prediction.strip():
        return Comparison(False, "the prediction abstains")
    if (found := _structured(gold, prediction)) is not None:
        return found
    if verdict.satisfied is None:
        return Comparison(None, verdict.failure or "")
    return _by_words(question, gold, prediction, verdict.rationale)


def _structured(gold: str, prediction: str) -> Comparison | None:
    """Answers of one known kind on both sides: dates, lengths of time, numbers, names."""
    wanted, said = date_of(gold), date_of(prediction)
    if wanted is not None and said is not None:
        same = all(a == b for a, b in zip(wanted, said, strict=True) if None not in (a, b))
        if not same:
            return Comparison(False, "another date")
        is_exact = wanted[2] is None or said[2] is not None
        return Comparison(True if is_exact else None, "the same date, as far as it is told")
    sides = [opening_polarity(answer_tokens(text), text) for text in (gold, prediction)]
    if None not in sides:
        return Comparison(sides[0] == sides[1], "yes and no compared")
    long, short = _days(gold), _days(prediction)
    if long and short:
        is_close = abs(long - short) <= _CLOSE * max(long, short)
        return Comparison(is_close, "lengths of time compared in days")
    numbers = _only_number(gold), _only_number(prediction)
    if None not in numbers:
        return Comparison(numbers[0] == numbers[1], "numbers compared")
    if _NAME.fullmatch(gold.strip()) and _NAME.fullmatch(prediction.strip(" .")):
        names = [[token.key for token in answer_tokens(text)] for text in (gold, prediction)]
        fewer, more = sorted(names, key=len)
        if fewer and more[: len(fewer)] == fewer:
            return Comparison(True, "one is the first name of the other")
    return None


def _by_words(question: str, gold: str, prediction: str, why: str) -> Comparison:
    """Free text: different where nothing is shared, else not decided."""
    wanted = content_words(gold) - content_words(question)
    said = content_words(prediction) - content_words(question)
    if _LISTED.search(gold) and said and said < wanted:
        return Comparison(None, "gives a part of the list")
    if not (wanted and said):  # the question offers both: "the one or the other?"
        wanted, said = content_words(gold), content_words(prediction)
    if wanted and said and not wanted & said and len(wanted) <= _SHORT:
        return Comparison(False, why)
    return Comparison(None, why)


def _days(text: str) -> float | None:
    """A length of time in days, if the text tells one and no other number."""
    plain = " ".join(token.key for token in answer_tokens(text))
    found = _QUANTITY.findall(plain)
    if len(found) != 1 or len(_NUMBER.findall(plain)) != 1:
        return None
    number, unit = found[0]
    return float(number) * _DAYS[unit]


def _only_number(text: str) -> float | None:
    """The number of a text that says little else; dates are none."""
    tokens = answer_tokens(text)
    numbers = [token.key for token in tokens if _NUMBER.fullmatch(token.key)]
    if len(numbers) != 1 or len(tokens) > _SHORT or any(token.date for token in tokens):
        return None
    return float(numbers[0])
