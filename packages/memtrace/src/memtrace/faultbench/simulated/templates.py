"""Templates turned round: from the words with which something is said to a pattern that reads it.

In: a template of the generated language, such as `I moved to {value}{when}.`. Out: a `Pattern`
that finds such sentences and names their parts. Values are read by their place in the sentence,
not from a list: a value that was garbled on its way is read as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["DATE", "PERSON", "Pattern", "pattern_of"]

DATE = r"(?:\d{1,2} [A-Z][a-z]+,? \d{4}|[A-Z][a-z]+ \d{1,2}, \d{4}|\d{4}-\d\d-\d\d)"
PERSON = r"the person who .+?|[A-Z][\w-]*(?:'s [a-z][a-z ]*?)?"
_VALUE = r"[A-Za-z0-9][\w' -]*?"
_FIELD = re.compile(r"\{(\w+)\}")
_START = r"(?:^|(?<=[.!?:] ))"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A template as something to look for. Example: `pattern_of("I live in {value}.")`."""

    regex: re.Pattern[str]
    hint: str
    """The longest run of plain words: a text without it needs no closer look."""
    weight: int
    """How many characters of the template are plain words: the more, the surer."""

    def search(self, text: str) -> re.Match[str] | None:
        """The first passage of a text that is worded so."""
        return self.regex.search(text) if self.hint in text else None

    def all(self, text: str) -> Iterator[re.Match[str]]:
        """Every passage that is worded so."""
        return self.regex.finditer(text) if self.hint in text else iter(())


def pattern_of(template: str, *, is_date: bool = False, whole: bool = False) -> Pattern:
    """Turn a template round.

    Args:
        template: With fields as in `lmcommon.data.generated.attributes`.
        is_date: Its values are dates.
        whole: The text must hold nothing else; otherwise it must begin a sentence.
    """
    pieces = _FIELD.split(template)
    seen: set[str] = set()
    parts = [
        _field(piece, is_date, seen) if place % 2 else re.escape(piece)
        for place, piece in enumerate(pieces)
    ]
    body = "".join(parts)
    plain = pieces[::2]
    # Two patterns for one regex would be one too many: the first letter is in either case.
    if plain[0][:1].isalpha():
        body = f"[{plain[0][0].upper()}{plain[0][0].lower()}]{body[1:]}"
        plain[0] = plain[0][1:]
    regex = re.compile(rf"^{body}$" if whole else f"{_START}{body}")
    return Pattern(regex, max(plain, key=len), sum(map(len, plain)))


def _field(name: str, is_date: bool, seen: set[str]) -> str:
    if name == "when":
        return rf"(?: on (?P<when>{DATE}))?"
    if name == "other":
        return r"(?:[Mm]y [a-z]+(?: [a-z]+)? )?(?P<other>[A-Z][\w-]+)"
    if name == "person":
        return rf"(?P<person>{PERSON})"
    article = "an? " if name.startswith("a_") else ""
    name = name.removeprefix("a_")
    if name in seen:
        return f"{article}(?P={name})"
    seen.add(name)
    return f"{article}(?P<{name}>{DATE if is_date else _VALUE})"
