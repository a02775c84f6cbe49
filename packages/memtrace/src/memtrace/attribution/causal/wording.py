"""The words of a fact: what a repair puts back, and how it is told that it is there already.

In: a critical fact with its witness. Out: a `Wording`, the sentences of the witness that carry the
fact, with the speaker's name, and two tests of a text: does it hold them word for word (*strict*),
or the value with the name and most of the words around it (*loose*)?
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from memtrace.attribution.facts import CriticalFact, Witness
from memtrace.attribution.matching import Passage, content_words, normal_words, passage

__all__ = ["Wording", "wordings"]

_DATED = re.compile(r"^\s*\[(?P<date>[^\]]*)\]\s*")
_SPOKEN = re.compile(r"^(?P<speaker>[^\s:]+(?: [^\s:]+)?):\s+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_LOOSE = 0.6
"""Share of the content words around the value that must stand in the same line."""
_VARIANT = 0.5
"""Share of the fact's content words in a line that is about the same thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a fact was said.

    Example:
        `Wording(turn="D1:3", date="8 May 2023", speaker="Ana", text="Ana: I moved to Lisbon.",
        core="i moved to lisbon", words=frozenset({"moved", "lisbon"}), value="lisbon")`
    """

    turn: str
    """Name of the message."""
    date: str
    speaker: str
    text: str
    """The message without its date: what a repair puts back."""
    core: str
    """The sentences that carry the fact, in normal form, without the speaker."""
    words: frozenset[str]
    """Their content words."""
    value: str
    """The value in normal form; empty: the sentence is the fact."""
    names: frozenset[str]
    """Content words of the speaker's name: whose fact it is."""
    is_primary: bool = True
    """Whether it holds a part of the right answer, or only supports it."""

    @property
    def dated(self) -> str:
        """The message with its date in front."""
        return f"[{self.date}] {self.text}" if self.date else self.text

    def holds(self, text: str | Passage, *, strict: bool = False) -> bool:
        """Whether a text holds the fact.

        Args:
            text: Raw, or in normal form.
            strict: Word for word; else the value and most of the words around it will do.
        """
        lines = (text if isinstance(text, Passage) else passage(text)).lines
        return any(self._stands_in(line, strict=strict) for line in lines)

    def is_like(self, text: str | Passage) -> float:
        """How much a text is about the same thing: the share of the fact's words in one line."""
        found = text if isinstance(text, Passage) else passage(text)
        return found.covers(self.words - set(self.value.split()))[0]

    def is_variant(self, text: str | Passage) -> bool:
        """Whether a text says the fact in a way that does not hold it."""
        return self.is_like(text) >= _VARIANT and not self.holds(text)

    def _stands_in(self, line: str, *, strict: bool) -> bool:
        padded, present = f" {line} ", set(line.split())
        if self.names and not self.names <= present:
            return False
        if f" {self.core} " in padded:
            return True
        if strict or (self.value and f" {self.value} " not in padded):
            return False
        around = self.words - set(self.value.split())
        return len(around & present) >= _LOOSE * len(around)


def wordings(facts: Iterable[CriticalFact]) -> tuple[Wording, ...]:
    """The wording of every fact, each message once; the primary facts come first."""
    ordered = sorted(facts, key=lambda fact: not fact.is_primary)
    found: dict[tuple[str, str], Wording] = {}
    for fact in ordered:
        for witness in fact.witnesses:
            found.setdefault((witness.variable, fact.phrase), _wording(fact, witness))
    return tuple(found.values())


def _wording(fact: CriticalFact, witness: Witness) -> Wording:
    raw = " ".join(witness.text.split())
    dated = _DATED.match(raw)
    text = raw[dated.end() :] if dated else raw
    spoken = _SPOKEN.match(text)
    own = text[spoken.end() :] if spoken else text
    speaker = spoken["speaker"] if spoken else ""
    core = _core(own, fact.phrase)
    return Wording(
        turn=witness.name, date=dated["date"] if dated else "", speaker=speaker, text=text,
        core=" ".join(normal_words(core)), words=content_words(core), value=fact.phrase,
        names=content_words(speaker), is_primary=fact.is_primary,
    )  # fmt: skip


def _core(own: str, phrase: str) -> str:
    """The sentences with the value; without one the whole message."""
    sentences = _SENTENCE.split(own)
    wanted = f" {phrase} "
    holding = [one for one in sentences if wanted in f" {' '.join(normal_words(one))} "]
    return " ".join(holding) if phrase and holding else own
