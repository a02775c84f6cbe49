"""Whether a line of text holds a fact: its value, near known words, about the right person.

In: a fact and a passage. Out: the lines that hold it, whether word for word, and the near variants:
lines that say the same of somebody else, or something else in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from memtrace.attribution.facts import CriticalFact
from memtrace.attribution.matching import Passage, content_words

__all__ = ["Held", "Paraphrase", "hold", "variant_of"]

Paraphrase = Callable[[str, Passage], "str | None"]
"""From a sentence and a passage to the line that says the same in other words."""

_NEAR = 0.4
"""Share of the witness's content words that must stand in the line of a rewritten value."""
_PASSAGE = 0.75
"""The same for a fact without a value: its sentence as a whole must survive."""
_VARIANT = 0.5
"""Share of the words beside the value that make a line a variant of the fact."""
_OWN = frozenset({"i", "my", "im", "ive"})
_TELLING = 4
"""Words of a sentence that is known again wherever it stands."""


@dataclass(frozen=True, slots=True)
class Held:
    """How a text holds a fact. Example: `Held(frozenset({"ana i moved to lisbon"}))`"""

    lines: frozenset[str]
    is_verbatim: bool = True
    dates: frozenset[str] = frozenset()
    """The days that the lines stand under."""


def hold(
    fact: CriticalFact, text: Passage, known: Collection[str], speakers: frozenset[str], *,
    may_rewrite: bool, paraphrase: Paraphrase | None = None,
) -> Held | None:  # fmt: skip
    """How a text holds a fact; None if it does not.

    Args:
        fact: The fact.
        text: The text.
        known: Lines that held it so far: a copy of one holds it too.
        speakers: All who speak in the conversation.
        may_rewrite: Whether the text was written by something that words facts anew.
        paraphrase: Finds a sentence said in other words; None: only words count.
    """
    verbatim = _places(text, [*fact.sentences, *(c for c in fact.cores if _is_telling(c))])
    if found := [at for at in verbatim if is_about(fact, text, at, speakers)]:
        return _held(text, found, is_verbatim=True)
    copies = _places(text, [line for line in known if _is_copyable(fact, line)])
    if found := [at for at in copies if is_about(fact, text, at, speakers)]:
        return _held(text, found, is_verbatim=False)
    if not may_rewrite:
        return None
    near = _reworded(fact, text)
    if found := [at for at in near if is_about(fact, text, at, speakers)]:
        return _held(text, found, is_verbatim=False)
    if near or paraphrase is None or variant_of(fact, text, speakers):
        return None
    line = next(filter(None, (paraphrase(core, text) for core in fact.cores)), None)
    return None if line is None else Held(frozenset({line}), is_verbatim=False)


def is_about(fact: CriticalFact, text: Passage, at: int, speakers: frozenset[str]) -> bool:
    """Whether a line that has the words of a fact says them of the same person and thing."""
    words = text.words[at]
    if not fact.names <= words:
        return False
    if not fact.speakers:
        return True
    said_by = text.speakers[at] if text.speakers and text.speakers[at] in speakers else ""
    if said_by and said_by not in fact.speakers and words & _OWN:
        return False  # "Bo: Ana, I moved": it is Bo who did
    if _names_any(words, fact.speakers):
        return True
    if said_by:
        return not fact.is_first_person
    told = frozenset(word for sentence in fact.sentences for word in sentence.split())
    others = [name for name in speakers if set(name.split()) <= words - told]
    return not (fact.is_first_person and others)


def variant_of(
    fact: CriticalFact, text: Passage, speakers: frozenset[str], known: Collection[str] = ()
) -> str:
    """A line that says nearly the fact, of another person or with another value; else empty.

    Args:
        fact: The fact.
        text: A text that does not hold it.
        speakers: All who speak in the conversation.
        known: Lines that stood there before: an old statement is no variant of a new one.
    """
    told = frozenset(word for sentence in fact.sentences for word in sentence.split())
    told |= frozenset(word for name in fact.speakers for word in name.split())
    told |= fact.said_on | {"said", "says"}
    for at, (line, words) in enumerate(zip(text.lines, text.words, strict=True)):
        if line in known or not fact.anchors:
            continue
        has_value = any(f" {spelling} " in f" {line} " for spelling in fact.spellings)
        share = len(fact.anchors & words) / len(fact.anchors)
        if has_value and share >= _NEAR and not is_about(fact, text, at, speakers):
            return line
        is_value_gone = bool(fact.phrase or fact.keys) and not has_value
        is_like = share >= _VARIANT and len(fact.anchors & words) > 1
        if is_value_gone and is_like and content_words(words) - told:
            return line
    return ""


def _reworded(fact: CriticalFact, text: Passage) -> list[int]:
    """Lines of a rewritten text that have the value near known words, whoever it is said of."""
    if fact.phrase:
        needed = _NEAR * len(fact.anchors)
        return [
            at for at in _places(text, fact.spellings)
            if len(fact.anchors & text.words[at]) >= needed
        ]  # fmt: skip
    if not fact.anchors:
        return []
    return [
        at for at, words in enumerate(text.words)
        if fact.keys <= words and len(fact.anchors & words) >= _PASSAGE * len(fact.anchors)
    ]  # fmt: skip


def _held(text: Passage, places: Collection[int], *, is_verbatim: bool) -> Held:
    dates = frozenset(text.dates[at] for at in places if text.dates and text.dates[at])
    return Held(frozenset(text.lines[at] for at in places), is_verbatim, dates)


def _places(text: Passage, phrases: Collection[str]) -> list[int]:
    return sorted({at for phrase in phrases if phrase for at in text.places(phrase)})


def _names_any(words: frozenset[str], names: frozenset[str]) -> bool:
    """Whether a line has one of the names, or the first word of a full one."""
    return any(set(name.split()) <= words or name.split()[0] in words for name in names)


def _is_telling(sentence: str) -> bool:
    return len(sentence.split()) >= _TELLING


def _is_copyable(fact: CriticalFact, line: str) -> bool:
    """Whether finding this line elsewhere proves a copy: it must say more than the value."""
    return len(line.split()) > len(fact.phrase.split())
