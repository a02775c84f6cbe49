"""Numbers with their relation, read from prose: "no more than three rows" is at most 3 rows.

In: a sentence and a unit. Out: the bounds that it puts on the count of the unit, and which numbers
of the sentence were used, so that the caller can refuse a sentence with a number left over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Bounds", "Quantity", "parse_number", "quantities", "related_numbers", "within"]

Bounds = tuple[int | None, int | None]
"""The least and the most, both inclusive; None: open."""

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {
    **{word: value for value, word in enumerate(_ONES)},
    **{word: 20 + 10 * place for place, word in enumerate(_TENS)},
}
_SMALL = rf"(?:(?:{'|'.join(_TENS)})(?:[\s-]+(?:{'|'.join(_ONES[1:10])}))?|{'|'.join(_ONES[::-1])})"
_WORDED = rf"(?:(?:{_SMALL}|a)\s+)?(?:hundred|thousand)|{_SMALL}"
_NUMBER = rf"(?<![\w.#])(?:\d{{1,3}}(?:,\d{{3}})+|\d+|{_WORDED})(?![\w%]|\.\d)"
_FILLER = (r"(?:\s+(?:distinct|different|complete|full|separate|total|unique|heading|nesting|"
           r"object|header|data|topic))*")  # fmt: skip
_AMOUNT = r"(?:\s+(?:a|an|the|of|total|only|just|around|strict|length|word|count))*:?\s*"
_NOT = r"(?:not|n't|never|without|cannot)"
_MOST = re.compile(
    rf"(?:at most|(?:no|not) (?:more|longer|greater|higher|larger) than|up to|within|capped at|"
    rf"{_NOT} (?:to )?(?:exceed|surpass|have more than|contain more than|go beyond)(?:ing)?|"
    rf"\bmax(?:imum)?(?: \w+){{0,3}}?(?: of)?|"
    rf"\blimit(?:s|ed|ing)?(?: \S+){{0,9}}? (?:to|of))(?: a max(?:imum)?(?: length)? of)?{_AMOUNT}$"
)
_LEAST = re.compile(
    rf"(?:(?:at )?least|(?:no|not) (?:fewer|less) than|\bmin(?:imum)?(?: \w+){{0,3}}?(?: of)?)"
    rf"{_AMOUNT}$"
)
_EXACT = re.compile(
    rf"(?:exactly|precisely|(?:must|should|shall) (?:contain|include|have|be)|\bin|\bonly|\busing|"
    rf"\buses?|\butilize|\bwith|\bat|\bis|\blevel of){_AMOUNT}$"
)
_STRICT = re.compile(rf"(?:exactly|precisely|\bonly){_AMOUNT}$")
_MORE = re.compile(rf"(?<!no )(?<!not )(?:more than|over|exceed(?:s|ing)?){_AMOUNT}$")
_LESS = re.compile(rf"(?:less than|fewer than|under|below){_AMOUNT}$")
_LOW = re.compile(rf"(?P<low>{_NUMBER})\s*(?:to|and|-)\s*$")
_SISTER = re.compile(rf"{_NUMBER}{_FILLER}[\s-]+\w+ and\s*$")
"""What stands before the second number of "no more than 3 rows and 2 columns"."""
_BETWEEN = re.compile(r"(?:between|range(?: of)?:?|from)\s*$")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One bound that a sentence puts on the count of a unit.

    Example: `quantities("no more than three rows", "rows?")` is
    `[Quantity((None, 3), places=(13,))]`.
    """

    bounds: Bounds
    places: tuple[int, ...]
    """Where its numbers begin in the sentence."""


def parse_number(text: str) -> int:
    """The value of a number in figures or English words. Example: `"2,500"`, `"twenty-five"`."""
    plain = text.strip().lower().replace(",", "")
    if plain.isdecimal():
        return int(plain)
    total = 0
    for word in re.split(r"[\s-]+", plain):
        if word in ("hundred", "thousand"):
            total = max(total, 1) * (100 if word == "hundred" else 1000)
        else:
            total += _VALUES.get(word, 1)
    return total


def related_numbers(text: str) -> list[tuple[int, int]]:
    """The numbers of the (lower-case) text that a relation precedes: where they begin, and value.

    "At most five countries" has one; "the two cities" has none, it only describes.
    """
    found = [(at.start(), parse_number(at.group())) for at in re.finditer(_NUMBER, text)]
    return [(at, value) for at, value in found if _is_bound(text[:at])]


def _is_bound(prefix: str) -> bool:
    strong = (_MOST, _LEAST, _MORE, _LESS, _STRICT)
    return any(relation.search(prefix) for relation in strong)


def quantities(text: str, unit: str) -> list[Quantity]:
    """The bounds on a unit.

    Args:
        text: A sentence in lower case, with plain quotes and hyphens.
        unit: Regular expression of the unit, such as `rows?`.

    Returns:
        One `Quantity` a number with a known relation; a number with none is left out, and so
        shows as not used.
    """
    found = []
    for match in re.finditer(rf"({_NUMBER}){_FILLER}[\s-]+(?:{unit})\b(?P<after>.{{0,12}})", text):
        found.append(_before(text, match.start(1), match.group(1), match.group("after")))
    for match in re.finditer(rf"\b(?:{unit})\b(?P<middle>[^.,;]{{0,40}}?)(?P<n>{_NUMBER})"
                             rf"(?!{_FILLER}[\s-]+(?:\w+s|{unit})\b)", text):  # fmt: skip
        found.append(_after(match))
    known = [one for one in found if one is not None]
    single = re.search(rf"\bsingle (?:{unit})\b", text)
    if single and not known:
        return [Quantity((1, 1), (single.start(),))]
    return known


def _before(text: str, start: int, number: str, after: str) -> Quantity | None:
    """The bound of a number that stands before its unit, from the words before it."""
    value, prefix = parse_number(number), text[:start]
    low = _LOW.search(prefix)
    if low:
        least = parse_number(low.group("low"))
        joined_by_and = "and" in low.group()[len(low.group("low")) :]
        if not joined_by_and or _BETWEEN.search(prefix[: low.start()]):
            return Quantity((min(least, value), max(least, value)), (low.start("low"), start))
    bounds = _related(prefix, value)
    if bounds is None and (sister := _SISTER.search(prefix)):
        bounds = _related(prefix[: sister.start()], value)
    if bounds is None and re.match(r"\s*(?:or (?:fewer|less)|max|limit)", after):
        bounds = (None, value)
    if bounds is None and re.match(r"\s*or more", after):
        bounds = (value, None)
    return None if bounds is None else Quantity(bounds, (start,))


def _after(match: re.Match[str]) -> Quantity | None:
    """The bound of a number that stands after its unit: "levels must not exceed 3"."""
    middle = match.group("middle")
    value = parse_number(match.group("n"))
    if re.match(r"\s*limit\s+of\s*$", middle) or re.match(
        r"\s+(?:must be )?limited to\s*$", middle
    ):
        bounds: Bounds | None = (None, value)
    elif re.match(r"\s+of\s*$", middle):
        bounds = (value, value)
    elif re.match(r"\s+limit\b", middle) and not _related(middle, value):
        bounds = (None, value)
    else:
        bounds = _related(middle, value)
    return None if bounds is None else Quantity(bounds, (match.start("n"),))


def _related(prefix: str, value: int) -> Bounds | None:
    if _MOST.search(prefix):
        return (None, value)
    if _LEAST.search(prefix):
        return (value, None)
    if _MORE.search(prefix):
        return (value + 1, None)
    if _LESS.search(prefix):
        return (None, value - 1)
    if _EXACT.search(prefix):
        return (value, value)
    return None


def within(count: int, bounds: Bounds) -> bool:
    """Whether a count keeps to the bounds."""
    least, most = bounds
    return (least is None or count >= least) and (most is None or count <= most)
