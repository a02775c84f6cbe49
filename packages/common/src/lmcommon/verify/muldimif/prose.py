"""The prose of a constraint made plain: typographic variants, quoted words, numbers left over.

`Prose` is what the parsers of the kinds share: the sentence with plain quotes and hyphens, its
lower-case form with the quoted words blanked (so that a number in a keyword is no number of the
constraint), and the quoted words themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lmcommon.verify.muldimif.quantities import Bounds, Quantity, quantities, related_numbers

__all__ = ["Prose", "Quoted", "merged", "read_prose"]

_PLAIN = str.maketrans({
    "’": "'", "‘": "'", "＇": "'", "“": '"', "”": '"', "＂": '"', "«": '"', "»": '"',
    "「": '"', "」": '"', "–": "-", "—": "-", "‑": "-", "\u00a0": " ", "`": "'",
})  # fmt: skip
_QUOTED = re.compile(
    r"(?<![a-z0-9])(?:\"\"(?P<double>[^\"]+?)\"\"|\"(?P<one>[^\"]+?)\"|"
    r"'(?P<single>[^\"]+?)'(?!\w))",
    re.IGNORECASE,
)
_YEAR = range(1000, 2200)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quoted word or phrase in its place."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Prose:
    """A constraint made plain. Example: `read_prose("Must include the keyword ‘red’")`."""

    text: str
    """With plain quotes and hyphens, without quotes around the whole."""
    low: str
    """In lower case, of the same length, quoted words blanked."""
    quoted: tuple[Quoted, ...]

    def has(self, pattern: str) -> bool:
        """Whether the pattern occurs in `low`."""
        return re.search(pattern, self.low) is not None

    def amounts(self, unit: str) -> list[Quantity]:
        """The bounds on a unit, see `quantities`."""
        return quantities(self.low, unit)

    def leftover(self, used: Iterable[int]) -> list[int]:
        """Numbers with a relation that nothing has used; years do not count."""
        known = set(used)
        return [
            value
            for at, value in related_numbers(self.low)
            if at not in known and value not in _YEAR
        ]


def read_prose(text: str) -> Prose:
    """Make a constraint plain."""
    plain = text.translate(_PLAIN).strip()
    while (
        len(plain) > 2
        and plain[0] == plain[-1] == '"'
        and (plain[:2] == '""' or plain.count('"') in (2, 6) or '""' in plain[1:-1])
    ):
        inner = plain[1:-1].strip()
        if plain.count('"') == 2 and _is_one_phrase(inner):
            break
        plain = inner
    low = "".join(char.lower() if len(char.lower()) == 1 else char for char in plain)
    quoted = []
    for match in _QUOTED.finditer(plain):
        found = match.group("double") or match.group("one") or match.group("single")
        quoted.append(Quoted(found.strip(), *match.span()))
        low = low[: match.start()] + " " * (match.end() - match.start()) + low[match.end() :]
    return Prose(plain, low, tuple(quoted))


def _is_one_phrase(inner: str) -> bool:
    return len(inner.split()) <= 2


def merged(found: Iterable[Quantity]) -> Bounds | None:
    """All bounds together; None: there is none, or they contradict each other."""
    least: int | None = None
    most: int | None = None
    some = False
    for quantity in found:
        some = True
        low, high = quantity.bounds
        if low is not None:
            least = low if least is None else max(least, low)
        if high is not None:
            most = high if most is None else min(most, high)
    if not some or (least is not None and most is not None and least > most):
        return None
    return (least, most)
