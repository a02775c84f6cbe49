"""Critical facts: what the right answer stands on, and where it was said.

In: the gold answer, the evidence turns and the question. Out: `CriticalFact`s, each a phrase with
the turns that witness it. A part of the gold answer that no evidence turn contains word for word
(a computed duration, a date told as "yesterday") is represented by the evidence turns themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from memtrace.attribution.matching import content_words, normal_words

__all__ = ["CriticalFact", "Witness", "critical_facts", "speaker_of", "spoken_words"]

_SEPARATORS = re.compile(r"\s*(?:,|;|\band\b|&)\s*", re.IGNORECASE)
_TIME = re.compile(r"^\s*\[[^\]]*\]\s*")
_SPEAKER = re.compile(r"^[^\s:]+(?: [^\s:]+)?:\s+")
_SHORT = 4
"""Sentences of fewer words are followed together with their speaker."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A variable in which the fact was said.

    Example: `Witness(variable="var-4", name="D1:3", text="Ana: I moved to Lisbon.")`.
    """

    variable: str
    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalFact:
    """Something the answer cannot be right without.

    Example: `CriticalFact(value="Lisbon", phrase="lisbon", witnesses=(...,))`.
    """

    value: str
    """As the gold answer words it, or the text of the evidence turn."""
    phrase: str
    """`value` in normal form; empty for a fact that is known by its evidence turn alone."""
    witnesses: tuple[Witness, ...]
    sentences: tuple[str, ...] = ()
    """The witnesses' own words in normal form, without speaker and time."""
    anchors: frozenset[str] = field(default=frozenset())
    """Content words near the value in its witnesses: tell this Lisbon from another one."""
    is_primary: bool = True
    """False for a supporting turn that holds no part of the gold answer."""


def critical_facts(
    gold: str | None, evidence: Sequence[Witness], question: str = ""
) -> tuple[CriticalFact, ...]:
    """Split the gold answer into facts and find the witnesses of each.

    Args:
        gold: The right answer; None when the right behaviour is to abstain (no facts then).
        evidence: The turns said to hold the answer.
        question: Helps to tell evidence that names the subject from a passing mention.
    """
    if gold is None:
        return ()
    spoken = [(witness, " ".join(normal_words(witness.text))) for witness in evidence]
    facts: list[CriticalFact] = []
    used: set[str] = set()
    for part in _parts(gold, [text for _, text in spoken]):
        phrase = " ".join(normal_words(part))
        holders = [w for w, text in spoken if phrase and f" {phrase} " in f" {text} "]
        if holders:
            facts.append(_fact(part, phrase, holders, question))
            used |= {witness.variable for witness in holders}
    has_values = bool(facts)
    facts += [
        _fact(_own_words(witness.text), "", [witness], question, is_primary=not has_values)
        for witness in evidence
        if witness.variable not in used
    ]
    return tuple(facts)


def _parts(gold: str, texts: Sequence[str]) -> list[str]:
    """The gold answer whole if one turn says it whole, else its listed parts."""
    whole = " ".join(normal_words(gold))
    if any(f" {whole} " in f" {text} " for text in texts):
        return [gold]
    parts = [part.strip(" .") for part in _SEPARATORS.split(gold)]
    return [part for part in parts if content_words(part)] or [gold]


def _fact(
    value: str, phrase: str, witnesses: Sequence[Witness], question: str, *, is_primary: bool = True
) -> CriticalFact:
    sentences = tuple(spoken_words(witness.text) for witness in witnesses)
    words = frozenset[str]().union(*(content_words(witness.text) for witness in witnesses))
    anchors = (words | (content_words(question) & words)) - set(phrase.split())
    return CriticalFact(
        value=value, phrase=phrase, witnesses=tuple(witnesses), sentences=sentences,
        anchors=anchors, is_primary=is_primary,
    )  # fmt: skip


def speaker_of(text: str) -> str:
    """Who says a rendered turn, in normal form; empty if it does not tell."""
    match = _SPEAKER.match(_without_time(text))
    return " ".join(normal_words(match.group())) if match else ""


def spoken_words(text: str) -> str:
    """A rendered turn in normal form, without time and (unless it is short) without speaker."""
    own = normal_words(_own_words(text))
    return " ".join(own if len(own) >= _SHORT else normal_words(_without_time(text)))


def _own_words(text: str) -> str:
    """A rendered turn without its leading `[time]` and `Speaker:`."""
    return _SPEAKER.sub("", _without_time(text), count=1)


def _without_time(text: str) -> str:
    return _TIME.sub("", " ".join(text.split()), count=1)
