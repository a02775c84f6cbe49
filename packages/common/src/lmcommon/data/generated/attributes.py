"""What the people of a generated conversation can say about themselves: one `Attribute` a topic.

Pure tables. Templates take these fields: `{value}` (`{a_value}` with its article), `{old}` and
`{a_old}` (the value that is replaced), `{when}` (" on 3 March 2024" or nothing), `{other}` (a
third person, at the start of a sentence) and, in questions, `{person}`. Every sentence holds its
value word for word, so that a gold answer can be found in its evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Attribute", "Deletion", "with_article"]

Dating = Literal["past", "future", "none"]


@dataclass(frozen=True, slots=True)
class Deletion:
    """How a fact ends. Example: `Deletion("I sold it: no more {value} for me.", "sold it")`."""

    text: str
    fate: str
    """What became of it: occurs word for word in `text`, which also holds the word "no"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One topic: its values, the ways to speak of it, and the questions it allows.

    Example:
        `Attribute(key="shoe_size", values=("38", "41"), state=("I wear size {value}.",),
        other=("{other} wears size {value}.",), now="What is {person}'s shoe size?")`
    """

    key: str
    values: tuple[str, ...]
    """Empty: the value is a date, drawn when it is spoken of."""
    state: tuple[str, ...]
    """First mention, without a date."""
    other: tuple[str, ...]
    """The same said of a third person."""
    now: str
    start: tuple[str, ...] = ()
    """First mention, with a date."""
    update: tuple[str, ...] = ()
    correction: tuple[str, ...] = ()
    deletion: tuple[Deletion, ...] = ()
    before: str = ""
    when: str = ""
    event: str = ""
    """Verb phrase in the past tense, for durations."""
    who: str = ""
    """Relative clause that tells the person by the value."""
    first: str = ""
    still: str = ""
    gone: str = ""
    dating: Dating = field(default="past")

    @property
    def is_date(self) -> bool:
        """Whether the value is a date."""
        return not self.values


def with_article(text: str) -> str:
    """Put "a" or "an" before a noun."""
    return f"{'an' if text[0].lower() in 'aeiou' else 'a'} {text}"
