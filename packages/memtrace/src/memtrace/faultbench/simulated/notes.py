"""Contexts as notes: who said what on which day, in whatever form a pipeline shows it.

Known forms: a heading `[8 May 2023]` over lines `Ana: ...`; lines `[8 May 2023] Ana: ...`; lines
`[2023-05-08] Ana said: ... Ben said: ...`; any other heading in brackets ends the known day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from memtrace.faultbench.simulated.calendar import iso
from memtrace.faultbench.simulated.reading import read
from memtrace.faultbench.simulated.types import Note, Statement

__all__ = ["notes_of", "statements_of"]

_HEADING = re.compile(r"^\[([^\]]*)\]\s*$")
_MARK = re.compile(
    r"(?:(?<=\s)|(?<=^)|(?<=\"))"
    r"(?:\[(?P<day>[^\]]*)\](?:\s+|$))?(?:(?P<speaker>[A-Z][\w-]*)(?: said)?: )?"
)


def notes_of(context: str) -> tuple[Note, ...]:
    """The utterances of a context, in the order in which they stand."""
    found: list[Note] = []
    day = ""
    for line in context.splitlines():
        if heading := _HEADING.match(line):
            day = iso(heading[1])
        else:
            found += (Note(known or day, *rest) for known, *rest in _line(line))
    return tuple(found)


def statements_of(context: str) -> tuple[Statement, ...]:
    """Everything a context states, from the earliest to the latest.

    In order of the days on which it was said; what has no day comes first, by the day of the event
    if it names one. Of the same statement twice, the one with a day counts.
    """
    found: dict[tuple[object, ...], Statement] = {}
    for note in notes_of(context):
        for said in read(note.text):
            subject = said.other or note.speaker
            day = note.day or said.when
            key = (subject, said.attribute, said.operation, said.value, said.old, said.when)
            known = found.get(key)
            if known is None or (day and (not known.day or day < known.day)):
                found[key] = Statement(subject, day, said)
    return tuple(sorted(found.values(), key=lambda one: one.day))


@lru_cache(maxsize=65536)
def _line(line: str) -> tuple[tuple[str, str, str], ...]:
    """Day, speaker and text of each utterance of a line."""
    marks = [mark for mark in _MARK.finditer(line) if mark.group() and _tells(mark)]
    return tuple(_utterances(line, marks))


def _tells(mark: re.Match[str]) -> bool:
    """Whether brackets or a name in front of a colon say who or when."""
    return bool(mark["speaker"]) or mark.start() == 0 or bool(iso(mark["day"] or ""))


def _utterances(line: str, marks: list[re.Match[str]]) -> Iterator[tuple[str, str, str]]:
    first = marks[0].start() if marks else len(line)
    if line[:first].strip():
        yield "", "", line[:first].strip()
    day = ""
    for place, mark in enumerate(marks):
        end = marks[place + 1].start() if place + 1 < len(marks) else len(line)
        day = iso(mark["day"]) if mark["day"] is not None else day
        if text := line[mark.end() : end].strip():
            yield day, mark["speaker"] or "", text
