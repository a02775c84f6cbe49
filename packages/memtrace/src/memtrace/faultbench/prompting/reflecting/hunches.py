"""What the reflection model does where an example does not show what went wrong, as data.

First come suspicions: an instruction that looks guilty by itself. Then whims.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from memtrace.faultbench.prompting.types import Job

__all__ = ["SUSPECTS", "UNFOUNDED", "Suspect", "Unfounded"]


@dataclass(frozen=True, slots=True)
class Suspect:
    """An instruction that looks guilty though nobody saw it do harm.

    Example: `Suspect(("unknown", "guess"), ("unknown", "say"), 0.5, "any")`
    """

    guilty: tuple[str, str]
    cure: tuple[str, str]
    chance: float
    hint: Literal["date", "number", "now", "abstain", "any"]
    """What the right answer or the question must be for it to come to mind."""


SUSPECTS: Mapping[Job, tuple[Suspect, ...]] = {
    "notes": (
        Suspect(("dates", "drop"), ("dates", "keep"), 2 / 3, "date"),
        Suspect(("codes", "drop"), ("codes", "keep"), 2 / 3, "number"),
        Suspect(("corrections", "drop"), ("corrections", "keep"), 1 / 3, "any"),
        Suspect(("endings", "drop"), ("endings", "keep"), 1 / 3, "any"),
        Suspect(("select", "important"), ("select", "all"), 1 / 3, "any"),
        Suspect(("select", "own"), ("others", "keep"), 1 / 3, "any"),
        Suspect(("limit", "*"), ("limit", "none"), 1 / 3, "any"),
        Suspect(("brief", "yes"), ("brief", "no"), 1 / 3, "any"),
    ),
    "update": (
        Suspect(("existing", "never"), ("existing", "change"), 1 / 2, "now"),
        Suspect(("history", "drop"), ("history", "keep"), 1 / 3, "any"),
        Suspect(("corrections", "drop"), ("corrections", "keep"), 1 / 2, "now"),
    ),
    "qa": (
        Suspect(("value", "first"), ("value", "latest"), 1 / 2, "now"),
        Suspect(("unknown", "guess"), ("unknown", "say"), 2 / 3, "abstain"),
        Suspect(("unknown", "doubt"), ("unknown", "say"), 1 / 2, "any"),
        Suspect(("corrections", "drop"), ("corrections", "keep"), 1 / 3, "now"),
        Suspect(("form", "explained"), ("form", "short"), 1 / 3, "any"),
    ),
    "rewrite": (
        Suspect(("size", "one"), ("size", "full"), 1 / 2, "any"),
        Suspect(("names", "drop"), ("names", "keep"), 1 / 2, "any"),
    ),
    "rerank": (
        Suspect(("order", "oldest"), ("order", "helpful"), 1 / 2, "any"),
        Suspect(("order", "newest"), ("order", "helpful"), 1 / 3, "any"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unfounded:
    """An edit made without knowing. Example: `Unfounded("harmless", "Be precise.", 4)`."""

    effect: Literal["harmless", "lucky", "harmful"]
    sentence: str
    weight: int
    after: Literal["any", "abstained", "answered"] = "any"
    """What the system must have answered for it to come to mind."""


UNFOUNDED: Mapping[Job, tuple[Unfounded, ...]] = {
    "notes": (
        Unfounded("harmless", "Be precise.", 4),
        Unfounded("harmless", "Write in the third person.", 2),
        Unfounded("lucky", "Keep every date.", 1),
        Unfounded("lucky", "Keep every correction of something said before.", 1),
        Unfounded("lucky", "Note every fact, however small.", 1, "abstained"),
        Unfounded("lucky", "Note what has ended and what became of it.", 1),
        Unfounded("harmful", "Keep the notes short.", 2, "answered"),
        Unfounded("harmful", "Note only what is important.", 1),
        Unfounded("harmful", "Write at most five facts.", 1),
    ),
    "update": (
        Unfounded("harmless", "Be consistent.", 4),
        Unfounded("lucky", "Keep the old value beside the new one.", 2),
        Unfounded("harmful", "Drop the old value when there is a new one.", 2),
        Unfounded("harmful", "Never change a memory that exists.", 1),
    ),
    "qa": (
        Unfounded("harmless", "Read everything with care.", 4),
        Unfounded("lucky", "Give the latest value.", 2, "answered"),
        Unfounded("lucky", "Combine notes where it takes several.", 1, "abstained"),
        Unfounded("harmful", "If the notes do not say, make your best guess.", 3, "abstained"),
        Unfounded("harmful", "When in doubt, say that you do not know.", 2, "answered"),
        Unfounded("harmful", "Answer in a full sentence.", 1),
        Unfounded("harmful", "Explain the answer step by step.", 1),
    ),
    "rewrite": (
        Unfounded("harmless", "Use plain words.", 4),
        Unfounded("lucky", "Keep every name.", 1),
        Unfounded("lucky", "Add words that a matching note would use.", 2, "abstained"),
        Unfounded("harmful", "Use two or three keywords.", 2),
    ),
    "rerank": (
        Unfounded("harmless", "Compare the passages with care.", 4),
        Unfounded("lucky", "Put the passages that help to answer the question first.", 2),
        Unfounded("harmful", "Put the newest passages first.", 2),
        Unfounded("harmful", "Put the longest passages first.", 1),
    ),
}
"""What comes to mind when an example does not show what went wrong."""
