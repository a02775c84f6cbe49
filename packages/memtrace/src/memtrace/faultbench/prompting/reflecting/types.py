"""Nouns of the reflection model: what a request shows, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Record", "Request", "Task"]

Task = Literal["proposal", "feedback", "aggregate", "rewrite"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One example as a request shows it; what it does not show is empty.

    Example: `Record(inputs="Ana: My door code is 4821.", outputs="Ana has a door.",
    right="4821")`
    """

    question: str = ""
    right: str | None = ""
    """The right answer; None where the right thing is to abstain; empty if it is not told."""
    said: str = ""
    """What the system answered in the end."""
    inputs: str = ""
    outputs: str = ""
    told: str = ""
    """Feedback in words."""
    evidence: str = ""
    """All else that is said of the example."""
    is_failure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of the model. Example: `Request(task="proposal", current="Keep notes.")`."""

    task: Task
    text: str
    """The whole request: what chance is drawn from."""
    current: str = ""
    """The prompt that is to be rewritten."""
    is_tagged: bool = False
    """Whether the reply goes between `<prompt>` and `</prompt>`, not into a fence."""
    records: tuple[Record, ...] = ()
    told: str = ""
    """Feedback on many cases."""
    forbids_copying: bool = False
    """Whether names and values of the examples must stay out of the prompt."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a prompt should say of a topic. Example: `Finding("dates", "keep")`."""

    topic: str
    way: str
    culprits: frozenset[tuple[str, str]] = frozenset()
    """Topics and ways that are to go; a way `*` stands for any."""
