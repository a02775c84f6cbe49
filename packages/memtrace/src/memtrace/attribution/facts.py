"""Critical facts: what the right answer stands on, and where it was said.

In: the gold answer, the evidence turns and the question. Out: `CriticalFact`s, each a value with
the turns that witness it and all that has to stay with the value: about whom, which names, which
day. A part of the gold answer that no evidence turn contains (a computed duration, yes or no) is
represented by the evidence turns themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from memtrace.attribution.matching import content_words, normal_words
from memtrace.attribution.naming import (
    own_words,
    sentences_of,
    speaker_of,
    spoken_words,
)
from memtrace.attribution.spelling import day_said, parts_of, spellings_in

__all__ = ["CriticalFact", "Witness", "critical_facts", "fact_of"]

FIRST_PERSON = frozenset({
    "i", "my", "me", "mine", "myself", "we", "our", "us", "im", "ive", "id", "ill", "weve",
})  # fmt: skip
_POLAR = frozenset({"yes", "no"})


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
    forms: tuple[str, ...] = ()
    """Other normal forms of the value, such as "yesterday" for a day."""
    cores: tuple[str, ...] = ()
    """Of each witness the sentence that matters, in normal form."""
    speakers: frozenset[str] = frozenset()
    """Who says it, in normal form."""
    is_first_person: bool = False
    """Whether the sentence that matters is about who says it."""
    names: frozenset[str] = frozenset()
    """Names that a text must hold beside the value, lest it be another fact."""
    keys: frozenset[str] = frozenset()
    """Without a phrase: the words that must stay (numbers, names, words of the gold answer)."""
    asked: frozenset[str] = frozenset()
    """Words of the question that its witnesses have beside the value."""
    said_on: frozenset[str] = frozenset()
    """The days on which it was said."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """All normal forms of the value; empty for a fact without one."""
        return (self.phrase, *self.forms) if self.phrase else ()


def critical_facts(
    gold: str | None, evidence: Sequence[Witness], question: str = "",
    names: Collection[str] = (),
) -> tuple[CriticalFact, ...]:  # fmt: skip
    """Split the gold answer into facts and find the witnesses of each.

    Args:
        gold: The right answer; None when the right behaviour is to abstain (no facts then).
        evidence: The turns said to hold the answer, in order.
        question: Helps to tell evidence that names the subject from a passing mention.
        names: Words known to be names, in normal form.
    """
    if gold is None:
        return ()
    known = frozenset(names)
    facts: list[CriticalFact] = []
    used: set[str] = set()
    for part in parts_of(gold, [witness.text for witness in evidence]):
        phrase = " ".join(normal_words(part))
        found = [(w, spellings_in(part, w.text)) for w in evidence]
        holders = [w for w, spelled in found if spelled]
        if holders and set(phrase.split()) - _POLAR:
            forms = {form for _, spelled in found for form in spelled if form != phrase}
            facts.append(fact_of(part, phrase, holders, question, known, forms=sorted(forms)))
            used |= {witness.variable for witness in holders}
    others = [witness for witness in evidence if witness.variable not in used]
    return (*facts, *_turns(gold, others, question, known, [f for f in facts if f.is_primary]))


def _turns(
    gold: str, others: Sequence[Witness], question: str, known: frozenset[str],
    facts: Sequence[CriticalFact],
) -> list[CriticalFact]:  # fmt: skip
    """Turns that hold no value of the gold answer: a bridge to one that does, or support."""
    said = frozenset[str]().union(*(content_words(w.text) for f in facts for w in f.witnesses))
    is_polar = bool(set(normal_words(gold)[:1]) & _POLAR)
    made = []
    for place, witness in enumerate(others):
        words = content_words(own_words(witness.text))
        bridge = sorted((words & said & known) - content_words(question))
        value = own_words(witness.text)
        if facts and bridge:
            made.append(fact_of(bridge[0], bridge[0], [witness], question, known))
            continue
        is_last = place == len(others) - 1
        asked = content_words(question)  # "the person who has a cat": who is told by a turn alone
        is_named = bool(asked & frozenset(speaker_of(witness.text).split()))
        is_told = not is_named and bool((words & asked) - said)
        is_primary = is_told if facts else (is_last or not is_polar)
        made.append(fact_of(
            value, "", [witness], f"{question} {gold}", known, is_primary=is_primary
        ))  # fmt: skip
    return made


def fact_of(
    value: str, phrase: str, witnesses: Sequence[Witness], question: str, known: frozenset[str],
    *, forms: Sequence[str] = (), is_primary: bool = True,
) -> CriticalFact:  # fmt: skip
    """A fact with all that has to stay with its value.

    Args:
        value: The value as it is shown.
        phrase: Its normal form; empty: the turn itself is the fact.
        witnesses: The turns that say it, at least one.
        question: The question's words; says which sentence of a turn matters, and which names.
        known: Words known to be names.
        forms: Other normal forms of the value.
        is_primary: Whether the answer cannot be right without it.
    """
    asked = content_words(question)
    spellings = [phrase, *forms] if phrase else []
    cores = [_core(witness.text, spellings, asked) for witness in witnesses]
    words = frozenset[str]().union(*(content_words(core.split()) for core in cores))
    value_words = frozenset(word for spelling in spellings for word in spelling.split())
    if len(words - value_words) < 2:  # "It is red.": the rest of the turn says what
        words = frozenset[str]().union(*(content_words(own_words(w.text)) for w in witnesses))
    speakers = frozenset(filter(None, (speaker_of(witness.text) for witness in witnesses)))
    named = (frozenset(" ".join(cores).split()) & known) - value_words
    subjects = frozenset(core.split()[0] for core in cores if core) & named
    spoken = [spoken_words(witness.text) for witness in witnesses]
    is_first_person = any(set(said.split()) & FIRST_PERSON for said in spoken)
    needed = (named & asked) | (frozenset() if is_first_person else subjects)
    numbers = frozenset(word for word in words if word[0].isdigit())
    told = frozenset[str]().union(*(content_words(own_words(w.text)) for w in witnesses))
    return CriticalFact(
        value=value, phrase=phrase, witnesses=tuple(witnesses), forms=tuple(forms),
        asked=(asked & told) - value_words,
        sentences=tuple(spoken),
        anchors=words - value_words, is_primary=is_primary, cores=tuple(cores),
        speakers=speakers, is_first_person=is_first_person, names=needed,
        keys=frozenset() if phrase else (numbers | (words & asked)),
        said_on=frozenset(filter(None, (day_said(witness.text) for witness in witnesses))),
    )  # fmt: skip


def _core(text: str, spellings: Sequence[str], asked: frozenset[str]) -> str:
    """The sentence of a turn that holds the value, or most of what is asked."""
    best, found = (-1, -1, -1), ""
    for sentence in sentences_of(text):
        line = " ".join(normal_words(sentence))
        words = content_words(line.split())
        holds = any(f" {spelling} " in f" {line} " for spelling in spellings)
        rank = (int(holds), len(words & asked), len(words))
        if rank > best:
            best, found = rank, line
    return found
