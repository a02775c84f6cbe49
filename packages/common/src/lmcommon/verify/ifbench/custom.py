"""Answers to one given task each (IFBench's `custom` group, but for its tables).

These ids have no arguments: the task is part of the constraint.
"""

from __future__ import annotations

import re
import string
import unicodedata
from itertools import pairwise

from lmcommon.verify.ifbench.tokens import EDGES, Piece, bare_words, lowered, sentences
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS"]

_MULTIPLES = [str(number) for number in range(14, 51, 7)]
_AFRICAN_LINES = 52
_CAPITALS = (
    "Reykjavik", "Helsinki", "Oslo", "Tallinn", "Stockholm", "Riga", "Moscow", "Copenhagen",
    "Vilnius", "Minsk", "Dublin", "Berlin", "Amsterdam", "Warsaw", "London", "Brussels", "Prague",
    "Luxembourg", "Paris", "Vienna", "Bratislava", "Budapest", "Vaduz", "Chisinau", "Bern",
    "Ljubljana", "Zagreb",
)  # fmt: skip
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_DAYS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_LIFE = (1769, 1821)
"""The years of Napoleon."""
_QUESTION = re.compile(r"\n*Question \d+[.|):;]?\s*")
_OPTION = re.compile(r"[A-Ea-e][.|)]\s*\w")


@checker("custom:character_reverse", "The answer, the bald eagle, is written backwards by letter.")
def character_reverse(response: str) -> Finding:
    """The spans are the places of "elgae dlab"."""
    spans = tuple(match.span() for match in re.finditer("elgae dlab", lowered(response)))
    return Finding(bool(spans), spans)


@checker("custom:word_reverse", "The answer, the bald eagle, is in a sentence of reversed words.")
def word_reverse(response: str) -> Finding:
    """The spans are the places of "eagle bald"."""
    words = [Piece(word.text.lower(), word.span) for word in bare_words(response)]
    spans = tuple(
        (left.span[0], right.span[1])
        for left, right in pairwise(words)
        if left.text.startswith("eagle") and right.text.endswith("bald")
    )
    return Finding(bool(spans), spans)


@checker("custom:multiples", "Of the numbers from 10 to 50 only the multiples of 7 are printed.")
def multiples(response: str) -> Finding:
    """In order, and no other number. The spans are the numbers."""
    found = list(re.finditer(r"\d+", response))
    is_right = [match.group() for match in found] == _MULTIPLES
    return Finding(is_right, tuple(match.span() for match in found))


@checker("custom:mcq_count_length",
         "There are only four multiple choice questions of five options each, every one labelled "
         '"Question" and longer than the one before.')  # fmt: skip
def mcq_count_length(response: str) -> Finding:
    """The spans are the labels ("Question 2:")."""
    labels = tuple(_trimmed(response, match.span()) for match in _QUESTION.finditer(response))
    parts = [part.strip() for part in _QUESTION.split(response) if part.strip()]
    if not response.startswith("Question") or len(parts) != 4:
        return Finding(False, labels)
    lengths = []
    for part in parts:
        lines = [line.strip() for line in part.split("\n")]
        is_option = [bool(_OPTION.match(line)) for line in lines]
        if sum(is_option) != 5:
            return Finding(False, labels)
        lengths.append(len(" ".join(lines[: is_option.index(True)]).strip()))
    grows = all(left < right for left, right in pairwise(lengths))
    return Finding(grows, labels)


def _trimmed(text: str, span: Span) -> Span:
    start, end = span
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())


@checker("custom:reverse_newline",
         "The countries of Africa are listed in reverse alphabetical order, each on a line of its "
         "own.",
         scope="forbidden")  # fmt: skip
def reverse_newline(response: str) -> Finding:
    """From the line of Zimbabwe on there are 52 lines or more, in order, accents aside.

    The span of a violation of the order is the first line out of it.
    """
    lines, start = [], 0
    for line in response.split("\n"):
        if text := line.strip(EDGES):
            at = start + line.index(text)
            lines.append(Piece(text, (at, at + len(text))))
        start += len(line) + 1
    first = next((at for at, line in enumerate(lines) if "Zimbabwe" in line.text), None)
    if first is None or len(lines) - first < _AFRICAN_LINES:
        return Finding(False, None if first is not None else ())
    plain = [_ascii(line.text) for line in lines[first:]]
    for at, (upper, lower) in enumerate(pairwise(plain), start=first + 1):
        if upper < lower:
            return Finding(False, (lines[at].span,))
    return Finding(True)


def _ascii(text: str) -> str:
    """`text` without accents; what ASCII lacks falls away."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


@checker("custom:sentence_alphabet", "There are 26 sentences that start with A, B, C and so on.",
         scope="every")  # fmt: skip
def sentence_alphabet(response: str) -> Finding:
    """Opening punctuation is passed over. The spans are the first letters, of a violation the
    wrong ones.
    """
    found = sentences(response)
    if len(found) != len(string.ascii_lowercase):
        return Finding(False)
    right: list[Span] = []
    wrong: list[Span] = []
    for sentence, letter in zip(found, string.ascii_lowercase, strict=True):
        start = sentence.span[1] - len(sentence.text.lstrip(string.punctuation + string.whitespace))
        fits = response[start : sentence.span[1]][:1].lower() == letter
        at = min(start, sentence.span[1] - 1)
        (right if fits else wrong).append((at, at + 1))
    return Finding(not wrong, tuple(wrong or right))


@checker("custom:european_capitals_sort",
         "Only the capitals of the European countries north of 45 degrees are listed, from north "
         "to south, parted by commas.",
         scope="forbidden")  # fmt: skip
def european_capitals_sort(response: str) -> Finding:
    """Just these names in this order, accents aside. The spans are the names out of place."""
    found = [part for part in _parts(response) if _ascii(part.text).strip()]
    names = [_ascii(part.text).strip() for part in found]
    if len(names) != len(_CAPITALS):
        return Finding(False)
    pairs = zip(found, names, _CAPITALS, strict=True)
    wrong = tuple(part.span for part, name, wanted in pairs if name != wanted)
    return Finding(not wrong, wrong or None)


def _parts(text: str) -> list[Piece]:
    """What stands between commas (full-width ones too), without outer white space."""
    matches = re.finditer(r"[^,\uff0c\ufe50]+", text)
    return [
        Piece(match.group().strip(), _trimmed(text, match.span()))
        for match in matches
        if match.group().strip()
    ]


@checker(
    "custom:date_format_list",
    "The output is only dates from the life of Napoleon as YYYY-MM-DD, parted by commas.",
    scope="forbidden",
)
def date_format_list(response: str) -> Finding:
    """The spans of a violation are the parts that are no such date."""
    wrong, start = [], 0
    for part in response.split(","):
        if not _is_date(part.strip()):
            wrong.append(_trimmed(response, (start, start + len(part))))
        start += len(part) + 1
    return Finding(not wrong, tuple(span for span in wrong if span[0] < span[1]) or None)


def _is_date(text: str) -> bool:
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    year, month, day = map(int, match.groups())
    return _LIFE[0] <= year <= _LIFE[1] and month <= 12 and day <= _days(month)


def _days(month: int) -> int:
    """Days of a month; IFBench does not look at the day of a month 00."""
    return 99 if month == 0 else _DAYS.get(month, 31)


CHECKERS = (
    character_reverse, word_reverse, multiples, mcq_count_length, reverse_newline,
    sentence_alphabet, european_capitals_sort, date_format_list,
)  # fmt: skip
