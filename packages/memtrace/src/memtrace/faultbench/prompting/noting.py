"""How the prompted model takes notes: which facts it keeps under a brief, and in which words.

In: lines of notes and messages. Out: a line a fact. Careless notes, as a vague prompt gets them,
lack dates, codes, corrections, what became of things that ended, and people who are only
spoken of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from memtrace.faultbench.prompting.types import Brief
from memtrace.faultbench.prompting.vocabulary import MINOR, TASTES
from memtrace.faultbench.simulated.calendar import in_words
from memtrace.faultbench.simulated.notes import notes_of
from memtrace.faultbench.simulated.reading import RELATION, read
from memtrace.faultbench.simulated.templates import DATE
from memtrace.faultbench.simulated.types import Note, Said

__all__ = ["is_kept", "kept_facts", "kept_passages", "limited"]

_WHEN = re.compile(rf" on {DATE}")
_DIGITS = re.compile(r"\d+")
_OPERATIONS = {"correct": "corrections", "delete": "endings", "update": "changes"}
_CARELESS = frozenset({"dates", "codes", "corrections", "endings", "others", "relations"})
"""What goes unnoted unless somebody asks for it."""


def kept_facts(lines: Sequence[str], brief: Brief, *, dated: bool) -> list[str]:
    """The facts of notes and messages that stay under a brief, each with its speaker.

    Args:
        lines: As a prompt shows them.
        brief: What the prompt asks.
        dated: Whether a line begins with the day on which it was said, if dates are kept.
    """
    return [
        line
        for note in notes_of("\n".join(lines))
        for line in _lines(note, brief, dated=dated and _keeps(brief, "dates"))
    ]


def kept_passages(text: str, brief: Brief) -> list[str]:
    """The parts of an utterance that are noted, in the words of the notes."""
    return [_worded(text, said, brief) for said in read(text) if is_kept(said, brief)]


def is_kept(said: Said, brief: Brief) -> bool:
    """Whether a statement is noted at all."""
    if said.attribute == "dentist" and not _keeps(brief, "dates"):
        return False
    if said.operation in _OPERATIONS and not _keeps(brief, _OPERATIONS[said.operation]):
        return False
    if brief.asked.get("select") == "important" and said.attribute in MINOR:
        return any(_is_of(topic, said) and brief.asked.get(topic) == "keep" for topic in _TOPICS)
    return not any(_is_of(topic, said) and not _keeps(brief, topic) for topic in _TOPICS)


def limited(facts: list[str], brief: Brief) -> list[str]:
    """The newest of the facts, as many as the brief allows."""
    limit = brief.asked.get("limit", "")
    return facts[-int(limit) :] if limit.isdigit() else facts


_TOPICS = ("codes", "others", "relations", "tastes")


def _is_of(topic: str, said: Said) -> bool:
    is_relation = said.attribute.startswith(RELATION)
    return {
        "codes": _DIGITS.fullmatch(said.value) is not None,
        "others": bool(said.other),
        "relations": is_relation,
        "tastes": said.attribute in TASTES,
    }[topic]


def _keeps(brief: Brief, topic: str) -> bool:
    """An explicit word counts before a choice, a choice before the habit."""
    asked = brief.asked
    if topic in asked:
        return asked[topic] == "keep"
    if topic in _CARELESS and not brief.is_worked:
        return False
    if asked.get("select") == "own" and topic in ("others", "relations"):
        return False
    return not (asked.get("brief") == "yes" and topic in ("tastes", "dates"))


def _lines(note: Note, brief: Brief, *, dated: bool) -> Iterator[str]:
    day = f"[{in_words(note.day)}] " if dated and note.day else ""
    speaker = f"{note.speaker}: " if note.speaker else ""
    for passage in kept_passages(note.text, brief):
        yield f"{day}{speaker}{passage}"


def _worded(text: str, said: Said, brief: Brief) -> str:
    passage = text[said.start : said.end].strip()
    if not _keeps(brief, "dates"):
        passage = _WHEN.sub("", passage)
    if brief.asked.get("exact") == "no":
        passage = passage.replace(said.value, "something")
    return passage
