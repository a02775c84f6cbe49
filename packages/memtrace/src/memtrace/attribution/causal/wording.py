"""The words of a fact: what a repair puts back, and how it is told that it is there already.

In: a critical fact with its witness. Out: a `Wording`: the message as it was said, with tests of a
text (see `holding`): does it hold the fact word for word (*strict*), or in words of its own; does
it say nearly the same of somebody else, or something else in its place?
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from memtrace.attribution.facts import CriticalFact, Witness
from memtrace.attribution.holding import hold, variant_of
from memtrace.attribution.matching import Passage, passage

__all__ = ["Wording", "wordings"]

_DATED = re.compile(r"^\s*\[(?P<date>[^\]]*)\]\s*")
_SPOKEN = re.compile(r"^(?P<speaker>[^\s:]+(?: [^\s:]+)?):\s+")
_VARIANT = 0.7
"""Share of the words beside the value in one line that is about the same thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a fact was said.

    Example:
        `Wording(fact=fact, turn="D1:3", date="8 May 2023", speaker="Ana",
        text="Ana: I moved to Lisbon.", speakers=frozenset({"ana", "bo"}))`
    """

    fact: CriticalFact
    turn: str
    """Name of the message."""
    date: str
    speaker: str
    text: str
    """The message without its date: what a repair puts back."""
    speakers: frozenset[str]
    """All who speak in the conversation, in normal form."""

    @property
    def dated(self) -> str:
        """The message with its date in front."""
        return f"[{self.date}] {self.text}" if self.date else self.text

    @property
    def is_primary(self) -> bool:
        """Whether it holds a part of the right answer, or only supports it."""
        return self.fact.is_primary

    def holds(self, text: str | Passage, *, strict: bool = False) -> bool:
        """Whether a text holds the fact.

        Args:
            text: Raw, or in normal form.
            strict: Word for word; else the value near known words will do.
        """
        found = text if isinstance(text, Passage) else passage(text)
        return hold(self.fact, found, (), self.speakers, may_rewrite=not strict) is not None

    def is_like(self, text: str | Passage) -> float:
        """The share of the words beside the value that stands in one line of a text."""
        found = text if isinstance(text, Passage) else passage(text)
        return found.covers(self.fact.anchors)[0]

    def is_variant(self, text: str | Passage) -> bool:
        """Whether a text says nearly the fact, of another person or with another value."""
        found = text if isinstance(text, Passage) else passage(text)
        if self.holds(found):
            return False
        return self.is_like(found) >= _VARIANT or bool(variant_of(self.fact, found, self.speakers))


def wordings(
    facts: Iterable[CriticalFact], speakers: frozenset[str] = frozenset()
) -> tuple[Wording, ...]:
    """The wording of every fact, each message once; the primary facts come first."""
    ordered = sorted(facts, key=lambda fact: not fact.is_primary)
    found: dict[tuple[str, str], Wording] = {}
    for fact in ordered:
        for witness in fact.witnesses:
            key = witness.variable, fact.phrase
            found.setdefault(key, _wording(fact, witness, speakers))
    return tuple(found.values())


def _wording(fact: CriticalFact, witness: Witness, speakers: frozenset[str]) -> Wording:
    raw = " ".join(witness.text.split())
    dated = _DATED.match(raw)
    text = raw[dated.end() :] if dated else raw
    spoken = _SPOKEN.match(text)
    return Wording(
        fact=fact, turn=witness.name, date=dated["date"] if dated else "",
        speaker=spoken["speaker"] if spoken else "", text=text, speakers=speakers,
    )  # fmt: skip
