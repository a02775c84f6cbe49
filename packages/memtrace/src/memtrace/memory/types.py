"""What a memory system is asked and what it says: query, hit, answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lmcommon.errors import LmCommonError
from lmcommon.llm.types import ChatResponse
from memtrace.graph.recording.handle import Handle

__all__ = ["Answer", "BrokenMemoryError", "Hit", "Query"]


class BrokenMemoryError(LmCommonError):
    """A memory system broke down (its process died, its store is gone).

    Its conversation goes on without it: what is still to be asked is unscored.
    """


@dataclass(frozen=True, slots=True)
class Query:
    """A question as a memory system sees it. Example: `Query("Where does Ana live?", id="q1")`."""

    text: str
    id: str = ""
    time: datetime | None = None
    """When it is asked, if that is known."""

    @property
    def key(self) -> str:
        """How places name what goes on for it."""
        return f"ask {self.id or self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One retrieved memory item. Example: `Hit(item="s1/0", text="Ana: Hi.", score=0.7)`."""

    item: str
    text: str
    score: float
    turns: tuple[str, ...] = ()
    """Ids of the turns the item was made from, where the system knows them."""
    variable: str | None = None
    """Id of the hit in the trace; None outside a recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The reply to one query. Example: `Answer(text="Lisbon", response=response)`."""

    text: str
    response: ChatResponse
    """With `failure` set, `text` is empty and the item must be counted as unscored."""
    hits: tuple[Hit, ...] = ()
    question_handle: Handle[str] | None = None
    handle: Handle[str] | None = None
    """The answer in the trace; None for a failed call."""

    @property
    def variable(self) -> str | None:
        """Id of the answer in the trace; None outside a recording or for a failed call."""
        return None if self.handle is None else self.handle.id
