"""The ledger of a generated conversation: every fact that was said, by whom, in which turn.

A `Fact` is one utterance about one (subject, attribute). The ledger is the ground truth for
planting and finding memory faults: `facts_of(conversation)` reads it back from the metadata.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lmcommon.data.types import Conversation

__all__ = ["Fact", "Operation", "facts_of", "standing"]

Operation = Literal["state", "update", "correct", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One utterance that sets, changes, corrects or ends a value.

    Example:
        `Fact(subject="Ana", attribute="home", operation="update", value="Lisbon", old="Oslo",
        date="2024-03-03", speaker="Ana", session=4, text="I moved ...", turn_id="D5:3")`
    """

    subject: str
    """Whom it is about: one of the people, or a third person whom only the speaker knows."""
    attribute: str
    operation: Operation
    value: str
    """The value that holds from now on; for a deletion, the value that ends."""
    old: str | None = None
    """The value replaced by an update or a correction."""
    date: str | None = None
    """ISO date that the text states, in words, for the event."""
    fate: str = ""
    """Deletions: what became of it, word for word as in the text."""
    speaker: str
    session: int
    """Index of the session, from 0."""
    text: str
    turn_id: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, kept in `Conversation.metadata["facts"]`."""
        return asdict(self)


def facts_of(conversation: Conversation) -> tuple[Fact, ...]:
    """The ledger of a generated conversation, in order of utterance; empty for other sources."""
    return tuple(Fact(**row) for row in conversation.metadata.get("facts", ()))


def standing(thread: Iterable[Fact]) -> list[Fact]:
    """The facts of one (subject, attribute) that were ever true, in order.

    A correction takes the place of the fact it corrects; a deletion stays, as the last.
    """
    kept: list[Fact] = []
    for fact in thread:
        if fact.operation == "correct":
            kept[-1] = fact
        else:
            kept.append(fact)
    return kept
