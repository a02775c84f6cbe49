"""What the tracer knows while one call of a memory runs, and what writes and dropped things are."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lmcommon.errors import UserError
from lmcommon.llm.types import ModelFailure
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle

if TYPE_CHECKING:
    from memtrace.memory.mem0.tracer import Tracer

__all__ = ["Call", "Found", "ModelCallError", "Parsed"]


class ModelCallError(Exception):
    """A model call of ours that failed, said to Mem0 the only way it knows: by raising."""

    def __init__(self, failure: ModelFailure) -> None:
        super().__init__(f"{failure.kind}: {failure.message}")
        self.failure = failure


@dataclass(slots=True)
class Found:
    """A memory that a search found. Example: `Found("5c0e...", "Ana lives in Lisbon.", handle)`."""

    id: str
    """Mem0's own id."""
    text: str
    handle: Handle[Any]
    hash: str | None = None
    """Mem0's digest of the text, by which the additive line drops duplicates."""
    score: float = 0.0
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What Mem0 reads in a reply. Example: `Parsed(["Ana moved."], ["no text: {...}"])`."""

    items: list[Any]
    dropped: list[str] = field(default_factory=list)
    """What it leaves out, and why."""
    error: str | None = None
    """Why it can read nothing."""


@dataclass(slots=True)
class Call:
    """A public call that is running."""

    tracer: Tracer
    name: str
    messages: list[Handle[Any]] = field(default_factory=list)
    """What is added."""
    turns: tuple[str, ...] = ()
    """Ids of the turns that the messages are."""
    question: Handle[str] | None = None
    """What is searched for."""
    step: Stage | None = None
    """The operation around the call, if store writes belong to it."""
    found: list[Found] = field(default_factory=list)
    """What a search came to."""
    # While messages are added:
    is_adding: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    last_messages: list[Handle[str]] = field(default_factory=list)
    facts: list[Handle[str]] = field(default_factory=list)
    similar: dict[str, Found] = field(default_factory=dict)
    """Memories shown to the model, by id, in the order Mem0 numbers them."""
    searches: int = 0
    replies: int = 0
    instructions: str = ""
    apply: Stage | None = None
    """The operation that the store writes belong to, while it is open."""
    open: ExitStack = field(default_factory=ExitStack)
    planned: int = 0
    """Writes that Mem0 was expected to make."""
    written: int = 0
    """Writes that it made."""
    beyond: list[Mapping[str, Any]] = field(default_factory=list)
    """Writes that no reply can make Mem0 do, done after its own."""
    swallowed: list[tuple[str, str]] = field(default_factory=list)
    refused: UserError | None = None
    """An intervention that makes no sense; raised when Mem0, which swallows errors, is done."""
