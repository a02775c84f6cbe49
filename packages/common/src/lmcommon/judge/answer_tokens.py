"""An answer as comparable tokens, each with its place in the text.

Case, accents, articles, punctuation and possessives are dropped; numbers in words become digits
("twenty-one" -> "21", "1,000.0" -> "1000", "third" -> "3th"); a calendar date is one token. What
counts as equal is decided here once, for the program judge and for token F1 alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from lmcommon.judge.dates import MONTHS, DateMention, find_dates

__all__ = ["AnswerToken", "answer_tokens"]

_TOKEN = re.compile(
    r"(?P<number>(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])|\d+:\d{2}"
    r"|(?<![\w.,)])-?\d+(?:\.\d+)*|\d+(?:\.\d+)*)(?P<ordinal>(?:st|nd|rd|th)\b)?"
    r"|(?P<single>[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff%])"
    r"|(?P<word>[^\W\d_][^\W\d_\u0300-\u036f\u3040-\u30ff\u3400-\u9fff]*"
    r"(?:[\u0300-\u036f]+[^\W\d_]*)*(?:['’][^\W\d_]+)*)",
    re.IGNORECASE,
)
_ARTICLES = frozenset({"a", "an", "the"})
_SMALL = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
    "tenth", "eleventh", "twelfth",
]  # fmt: skip
_NUMBERS = (
    {word: value for value, word in enumerate(_SMALL)}
    | {word: value * 10 for value, word in enumerate(_TENS, start=2)}
    | {word: value for value, word in enumerate(_ORDINALS, start=1)}
)
_PLAIN_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "dozen": 12}
_SAME_WORD = {name[:3]: name for name in MONTHS if name != "may"} | {
    "sept": "september", "%": "percent", "pct": "percent", "tv": "television",
    "nyc": "new york city", "usa": "us",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AnswerToken:
    """One comparable unit. Example: `AnswerToken("21", (0, 10))` for "Twenty-one"."""

    key: str
    span: tuple[int, int]
    date: DateMention | None = None

    def matches(self, gold: AnswerToken) -> bool:
        """Whether this token of a prediction gives what the gold token asks for."""
        if self.date is None:
            return gold.date is None and self.key == gold.key
        if gold.date is not None:
            return self.date.agrees_with(gold.date)
        return any(
            gold.key == str(year) or MONTHS.get(gold.key) == month
            for year, month, _ in self.date.readings
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """The token for counting overlaps: a date counts as its year, month and day."""
        if self.date is None:
            return (self.key,)
        year, month, day = self.date.readings[0]
        name = next(word for word, number in MONTHS.items() if number == month)
        return tuple(str(part) for part in (day, name, year) if part is not None)


def answer_tokens(text: str) -> list[AnswerToken]:
    """The tokens of `text`, without articles, in order."""
    tokens, at = [], 0
    for mention in find_dates(text):
        tokens += list(_plain(text, at, mention.span[0]))
        tokens.append(AnswerToken(f"date:{mention.readings}", mention.span, mention))
        at = mention.span[1]
    tokens += list(_plain(text, at, len(text)))
    merged = list(_merged(tokens, text))
    return [token for at, token in enumerate(merged) if not _is_article(merged, at, text)]


def _is_article(tokens: list[AnswerToken], at: int, text: str) -> bool:
    """An article stands right before a word: the A of "vitamin A" is none."""
    if tokens[at].key not in _ARTICLES or at + 1 == len(tokens):
        return False
    return not text[tokens[at].span[1] : tokens[at + 1].span[0]].strip(" '\"“‘*")


def _plain(text: str, start: int, end: int) -> Iterator[AnswerToken]:
    for match in _TOKEN.finditer(text, start, end):
        number = match.group("number")
        key = _number_key(number) if number else _word_key(match.group())
        if match.group("ordinal"):
            key += "th"
        if key:
            yield AnswerToken(key, match.span())


def _number_key(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).replace(",", "")
    if ":" in text or text.count(".") > 1:
        return text
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, rest = digits.partition(".")
    rest = rest.rstrip("0")
    return sign + (whole.lstrip("0") or "0") + (f".{rest}" if rest else "")


def _word_key(text: str) -> str:
    text = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    text = "".join(char for char in text if not unicodedata.combining(char))
    text = text.removesuffix("'s")
    return _SAME_WORD.get(text, text)


def _merged(tokens: list[AnswerToken], text: str) -> Iterator[AnswerToken]:
    """Turn runs of number words into one numeral each."""
    at = 0
    while at < len(tokens):
        run = _number_run(tokens, at, text)
        if run == 0:
            yield tokens[at]
            at += 1
            continue
        words = [token.key for token in tokens[at : at + run]]
        span = (tokens[at].span[0], tokens[at + run - 1].span[1])
        ending = "th" if words[-1] in _ORDINALS else ""
        yield AnswerToken(f"{_number_value(words)}{ending}", span)
        at += run


def _number_run(tokens: list[AnswerToken], start: int, text: str) -> int:
    """How many tokens from `start` spell one number."""
    end, previous = start, ""
    while end < len(tokens):
        key = tokens[end].key
        if previous:
            gap = text[tokens[end - 1].span[1] : tokens[end].span[0]]
            if gap.strip() not in ("", "-"):
                break
        joins_unit = previous in _TENS and 1 <= _NUMBERS.get(key, 0) <= 9
        is_numeral = _PLAIN_NUMBER.fullmatch(key) and _is_scaled(tokens, end, text)
        opens = not previous and (key in _NUMBERS or key in _SCALES or bool(is_numeral))
        follows_scale = previous in _SCALES and key in _NUMBERS
        scales = bool(previous) and key in _SCALES
        if not (joins_unit or opens or follows_scale or scales):
            break
        previous, end = key, end + 1
    return end - start


def _is_scaled(tokens: list[AnswerToken], at: int, text: str) -> bool:
    """Whether a word such as "million" follows right after."""
    if at + 1 == len(tokens) or tokens[at + 1].key not in _SCALES:
        return False
    return text[tokens[at].span[1] : tokens[at + 1].span[0]].strip() in ("", "-")


def _number_value(words: list[str]) -> str:
    """The key of the number that the words spell; the first may be a numeral ("1.5 million")."""
    total = current = Decimal(0)
    for word in words:
        scale = _SCALES.get(word)
        if scale is None:
            current += Decimal(_NUMBERS.get(word, word))
        elif scale <= 100:
            current = (current or Decimal(1)) * scale
        else:
            total, current = total + (current or Decimal(1)) * scale, Decimal(0)
    return _number_key(f"{total + current:f}")
