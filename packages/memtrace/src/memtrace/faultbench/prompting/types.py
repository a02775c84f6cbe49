"""Nouns of the prompted model: the jobs that prompts give it, and what it makes of a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["JOBS", "Brief", "Job", "Sentence"]

Job = Literal["notes", "update", "qa", "rewrite", "rerank"]
"""What a prompt is for: noting (summaries too), deciding on memories, answering, wording queries,
ordering passages."""
JOBS: tuple[Job, ...] = ("notes", "update", "qa", "rewrite", "rerank")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a prompt, and what it settles.

    Example: `Sentence("Keep every date.", (("dates", "keep"),))`
    """

    text: str
    settles: tuple[tuple[str, str], ...] = ()
    """Topic and way, in the order in which they are said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What a model takes a prompt to ask.

    Example: `Brief(job="notes", asked={"dates": "keep"})`
    """

    job: Job
    asked: Mapping[str, str] = field(default_factory=dict)
    """Topic to way; of two sentences on one topic the later counts."""
    is_worked: bool = False
    """Whether worked examples show how it is done: what is not said is then done with care."""

    def way(self, topic: str, *, careless: str, careful: str) -> str:
        """How to go about a topic.

        Args:
            topic: As the vocabulary calls it.
            careless: What a vague prompt gets.
            careful: What worked examples get.
        """
        return self.asked.get(topic) or (careful if self.is_worked else careless)
