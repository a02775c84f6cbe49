"""What the simulated model takes down, and what it does to older memories for it.

In: utterances, and memories as texts. Out: facts (the speaker's own sentences without the talk
around them) and changes:

- a fact about a new topic is added; one that is known already changes nothing;
- an update is written behind the memory of the same topic, so that one memory tells the history;
- a correction takes the memory's place, or is written behind it if that tells more;
- a deletion removes the memory and is added by itself, unless the memory holds a date: what
  happened on a day stays true, so the end is written behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from memtrace.faultbench.simulated.calendar import in_words
from memtrace.faultbench.simulated.notes import notes_of, statements_of
from memtrace.faultbench.simulated.reading import read
from memtrace.faultbench.simulated.types import Statement

__all__ = ["Change", "changes_for", "facts_in", "passages"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the memory. Example: `Change("UPDATE", "3", "Ana: I live in Oslo. ...")`."""

    event: Literal["ADD", "UPDATE", "DELETE", "NONE"]
    id: str
    """Of the memory that it concerns; empty for an addition."""
    text: str
    """What is remembered from now on; for a deletion, what no longer is."""


def passages(text: str) -> list[str]:
    """The parts of an utterance that state something."""
    return [text[said.start : said.end].strip() for said in read(text)]


def facts_in(context: str, *, dated: bool) -> list[str]:
    """Each stated fact of a text as a line with its speaker, and with its day if wished."""
    return [
        f"{_day(note.day) if dated else ''}{note.speaker}: {passage}"
        if note.speaker
        else f"{_day(note.day) if dated else ''}{passage}"
        for note in notes_of(context)
        for passage in passages(note.text)
    ]


def changes_for(fact: str, memories: Mapping[str, str]) -> list[Change]:
    """What to do for a new fact, given the memories that are shown, by id."""
    new = statements_of(fact)
    for key, text in memories.items():
        if text == fact or (new and _facts(new) <= _facts(statements_of(text))):
            return [Change("NONE", key, text)]
    about = {
        key: held
        for key, text in memories.items()
        if (held := statements_of(text)) and _topics(held) & _topics(new)
    }
    if not about:
        return [Change("ADD", "", fact)]
    values = {value for one in new for value in (one.said.value, one.said.old) if value}
    key = next(
        (key for key, held in about.items() if values & {one.said.value for one in held}),
        next(iter(about)),
    )
    operations = {one.said.operation for one in new}
    if operations == {"correct"} and len(about[key]) == 1:
        return [Change("UPDATE", key, fact)]
    if operations == {"delete"} and not any(one.said.when for one in about[key]):
        return [Change("DELETE", key, memories[key]), Change("ADD", "", fact)]
    return [Change("UPDATE", key, f"{memories[key]} {fact}")]


def _day(day: str) -> str:
    return f"[{in_words(day)}] " if day else ""


def _topics(statements: tuple[Statement, ...]) -> set[tuple[str, str]]:
    return {(one.subject, one.said.attribute) for one in statements}


def _facts(statements: tuple[Statement, ...]) -> set[tuple[str, ...]]:
    return {
        (one.subject, one.said.attribute, one.said.operation, one.said.value, one.said.when)
        for one in statements
    }
