"""Finding a fact in a text: normal forms of names, numbers, dates and phrases.

In: raw text of any variable. Out: a `Passage`, its lines as sequences of normal words, which
answers whether a phrase, or most words of a sentence, stand in one of its lines. Purely lexical
and deterministic: no model, no embedding.

Normal form: accents and case folded, possessives and articles dropped, number words as digits,
plural endings cut, and absolute dates as one word (`2023-05-07`, `2023-05`), whatever their layout.
A line in which several people speak ("Ana said: ... Bo said: ...") counts as one line each.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

__all__ = ["Passage", "content_words", "normal_words", "passage"]

_MONTH_NAMES = (
    "january february march april may june july august september october november december"
)
_MONTH_NUMBER = {name: number for number, name in enumerate(_MONTH_NAMES.split(), 1)}
_MONTH_NUMBER |= {name[:3]: number for name, number in _MONTH_NUMBER.items()} | {"sept": 9}
_MONTH = "|".join(sorted(_MONTH_NUMBER, key=len, reverse=True))
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_DATES = (
    re.compile(rf"\b{_YEAR}[-/.](?P<number>\d{{1,2}})[-/.]{_DAY}(?:\b|(?=t\d))"),
    re.compile(rf"\b{_DAY}(?:\s+of)?\s+(?P<month>{_MONTH})\.?,?\s+{_YEAR}\b"),
    re.compile(rf"\b(?P<month>{_MONTH})\.?\s+{_DAY},?\s+{_YEAR}\b"),
    re.compile(rf"\b(?P<month>{_MONTH})\.?,?\s+{_YEAR}\b"),
)
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: str(value) for value, word in enumerate(_ONES.split())}
_NUMBERS |= {word: str(10 * value) for value, word in enumerate(_TENS.split(), 2)}
_COMPOUND = re.compile(rf"\b({_TENS.replace(' ', '|')})[- ]({_ONES.replace(' ', '|')})\b")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_WORD = re.compile(r"\d{4}-\d{2}(?:-\d{2})?|\d+(?:[.,:]\d+)*|[^\W\d_]+", re.UNICODE)
_ARTICLES = frozenset({"a", "an", "the"})
_COMMON = """a about after all also am an and any are as at be been before but by can could did
do doe doing for from get got had has have he her here hers him his how i if in into
is it its just like me more my no not now of oh on or our out she so some than that
the their them then there they this to too up us very was we were what when where
which who whom whose why will with would yeah yes you your"""
_STOP_WORDS = frozenset(_COMMON.split())


_SPEAKER = re.compile(
    r"(?:^|(?<=[.!?…\"”])\s+)(?:[-*•]\s+|\d+[.)]\s+)?(?:\[(?P<date>[^\]]*)\]\s*)?"
    r"(?P<name>[^\W\d_][\w'’.-]*(?:\s[A-Z][\w'’.-]*)?)(?:\s(?:said|says|wrote|asked))?:\s"
)
_DATE_WORD = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Passage:
    r"""A text in normal form, line by line.

    Example:
        >>> passage("Ana: I moved to Lisbon.\nBo: Nice!").find("lisbon")
        'ana i moved to lisbon'
    """

    lines: tuple[str, ...]
    """Normal words of each line, joined by single blanks; empty lines are left out."""
    speakers: tuple[str, ...] = ()
    """For each line the words before its first colon, if they may be a name; else empty."""
    dates: tuple[str, ...] = ()
    """For each line the day it stands under: in brackets before it, or as a heading above."""

    @cached_property
    def words(self) -> tuple[frozenset[str], ...]:
        """The words of each line."""
        return tuple(frozenset(line.split()) for line in self.lines)

    def find(self, phrase: str) -> str | None:
        """The first line that holds the normal words of `phrase` in a row, or None."""
        wanted = f" {phrase} "
        return next((line for line in self.lines if wanted in f" {line} "), None)

    def places(self, phrase: str) -> list[int]:
        """The numbers of the lines that hold `phrase`."""
        wanted = f" {phrase} "
        return [place for place, line in enumerate(self.lines) if wanted in f" {line} "]

    def covers(self, words: frozenset[str]) -> tuple[float, str]:
        """The largest share of `words` that stands in one line, and that line."""
        best, found = 0.0, ""
        for line, known in zip(self.lines, self.words, strict=True) if words else ():
            share = len(words & known) / len(words)
            if share > best:
                best, found = share, line
        return best, found


@lru_cache(maxsize=4096)
def passage(text: str) -> Passage:
    """Normalise a text. Lines end at newlines: sentences of one line belong together."""
    rows: list[tuple[str, str, str]] = []
    heading = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            heading = ""
        for words, speaker, day, is_dated in _line(line):
            if day and words == day:
                heading = day
            rows.append((words, speaker, day if is_dated else heading))
    if not rows:
        return Passage(())
    lines, speakers, dates = zip(*rows, strict=True)
    return Passage(lines, speakers, dates)


@lru_cache(maxsize=100_000)
def _line(line: str) -> tuple[tuple[str, str, str, bool], ...]:
    """One line: of each turn its words, who speaks, the day it opens with, if in brackets.

    Cached, since windows and chunks repeat each other's lines.
    """
    found = []
    for speaker, said in _turns(line):
        words = normal_words(said)
        if words:
            day = words[0] if _DATE_WORD.fullmatch(words[0]) else ""
            is_dated = bool(day) and said.lstrip(" -*•").startswith("[")
            found.append((" ".join(words), speaker, day, is_dated))
    return tuple(found)


def _turns(line: str) -> list[tuple[str, str]]:
    """Who speaks, in normal form, and what is said, name included; one pair a turn."""
    found = list(_SPEAKER.finditer(line)) if ":" in line else []
    if not found:
        return [("", line)]
    starts = [match.start() for match in found]
    turns = [("", line[: starts[0]])] if starts[0] else []
    for match, start, end in zip(found, starts, [*starts[1:], len(line)], strict=True):
        turns.append((" ".join(normal_words(match["name"])), line[start:end]))
    return turns


def normal_words(text: str) -> list[str]:
    """The words of a text in normal form, in order."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    folded = "".join(char for char in folded if not unicodedata.combining(char))
    folded = folded.replace("’", "'")
    folded = re.sub(r"'s\b", "", folded).replace("'", "")
    for pattern in _DATES:
        folded = pattern.sub(_date_word, folded)
    folded = _THOUSANDS.sub("", _COMPOUND.sub(_compound, folded))
    words = (_NUMBERS.get(word, word) for word in _WORD.findall(folded))
    return [_singular(word) for word in words if word not in _ARTICLES]


def content_words(text: str | Iterable[str]) -> frozenset[str]:
    """The normal words of a text that carry meaning."""
    words = normal_words(text) if isinstance(text, str) else text
    return frozenset(word for word in words if word not in _STOP_WORDS)


def _compound(match: re.Match[str]) -> str:
    """`twenty-five` as `25`; what is no number (`twenty ten`) stays."""
    tens, ones = (int(_NUMBERS[word]) for word in match.groups())
    return str(tens + ones) if 0 < ones < 10 else match.group()


def _date_word(match: re.Match[str]) -> str:
    parts = match.groupdict()
    month = int(parts["number"]) if "number" in parts else _MONTH_NUMBER[parts["month"]]
    day = int(parts.get("day") or 0)
    if not 1 <= month <= 12 or day > 31:
        return match.group()
    return f" {parts['year']}-{month:02d}" + (f"-{day:02d} " if day else " ")


def _singular(word: str) -> str:
    """Cut the commonest plural endings, the same way for gold answers and for texts."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
