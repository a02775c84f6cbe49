"""Nouns of the simulated model: what a text says, and what a question asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lmcommon.data.generated.facts import Operation

__all__ = ["Asked", "Note", "Said", "Statement"]


@dataclass(frozen=True, slots=True)
class Said:
    """What one passage of an utterance says, before it is known who speaks.

    Example: `Said("home", "state", "Lisbon", start=0, end=19)` for "I live in Lisbon."
    """

    attribute: str
    """Key of an attribute, or the name of a relation (`flatmate`), whose value is a name."""
    operation: Operation
    value: str
    old: str = ""
    when: str = ""
    """ISO date of the event, if the passage names one."""
    fate: str = ""
    """What became of a thing that is no more."""
    other: str = ""
    """The name of the person it is about, if that is not the speaker."""
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """One utterance as a prompt shows it. Example: `Note("2024-03-09", "Ana", "I live in Oslo.")`.

    The day is ISO, or empty where the prompt shows none.
    """

    day: str
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a note says of whom. Example: `Statement("Ana", "2024-03-09", said)`."""

    subject: str
    day: str
    said: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One way to understand a question.

    Example: `Asked(kind="now", attribute="home", person="Ana's flatmate")`
    """

    kind: Literal["now", "before", "when", "first", "still", "gone", "duration"]
    attribute: str
    person: str
    """As the question words it: a name, a relation of somebody, or `the person who ...`."""
    value: str = ""
    other: str = ""
    """The second value of a comparison."""
    until: tuple[Asked, ...] = ()
    """Durations: the ways to understand the later event."""
