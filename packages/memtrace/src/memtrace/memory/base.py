"""The protocol of a memory system: what memtrace can feed, question, trace and compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from lmcommon.data.types import Session
from lmcommon.prompt import Prompt
from memtrace.execution.places import Scope
from memtrace.memory.types import Answer, Hit, Query

__all__ = ["MemorySystem"]


@runtime_checkable
class MemorySystem(Protocol):
    """Remembers sessions and answers questions about them.

    Everything it does inside `memtrace.record(...)` is traced: messages, writes, searches, the
    context, the literal prompt and the answer; every operation is a `Stage` with a place below
    `add <session>` or `ask <question>`, so that a replay finds it again. Outside a recording it
    works the same, untraced.
    One object holds the memory of one conversation.
    """

    @property
    def name(self) -> str:
        """A short name for tables, such as `rag_bm25`."""
        ...

    @property
    def version(self) -> str:
        """Version of the implementation: changes whenever its behaviour does."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Names and versions of the packages whose code runs inside, for reports and replays."""
        ...

    @property
    def scope(self) -> Scope:
        """The memory's name in a trace, and the places of its operations."""
        ...

    @property
    def prompts(self) -> Mapping[str, Prompt]:
        """Every prompt it uses, by name. Each is a variable of the trace."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON-able settings that decide its behaviour."""
        ...

    def add(self, session: Session) -> None:
        """Remember a session, or the next part of one (a single message, say).

        Raises:
            BrokenMemoryError: The system broke down; it cannot be used any more.
        """
        ...

    def search(self, query: Query) -> list[Hit]:
        """What it would show the model for this query, best first.

        Calls a model only where retrieval itself does (a rewritten query, a reranker).
        """
        ...

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer a batch of independent queries, in order. Changes nothing in the memory."""
        ...

    def snapshot(self) -> object:
        """The memory's state, to come back to with `restore`. Cheap; valid in this process."""
        ...

    def restore(self, state: object) -> None:
        """Go back to a state that `snapshot` returned."""
        ...

    def close(self) -> None:
        """Free what it holds (files, a worker process). Idempotent."""
        ...
