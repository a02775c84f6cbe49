"""A memory for the length of a `with` block, also where it breaks down at the ends of it.

In: a factory and a scope. Out: the memory, or one that says why it could not be built, so that a
worker that dies while it starts costs the questions of one conversation and not the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from lmcommon.data.types import Session
from lmcommon.prompt import Prompt
from memtrace.execution.places import Scope
from memtrace.memory.base import MemorySystem
from memtrace.memory.types import Answer, BrokenMemoryError, Hit, Query

__all__ = ["Unbuilt", "opened"]


class Unbuilt:
    """Stands for a memory that broke down while it was built: whatever is asked of it says so.

    Args:
        scope: What it would have been called.
        error: What happened.
    """

    version = ""
    versions: Mapping[str, str] = {}
    prompts: Mapping[str, Prompt] = {}
    parameters: Mapping[str, Any] = {}

    def __init__(self, scope: str, error: BrokenMemoryError) -> None:
        self.name, self.scope, self.error = scope.partition("/")[0], Scope(scope), error

    def add(self, session: Session) -> None:
        """Nothing is remembered."""
        self._refuse()

    def search(self, query: Query) -> list[Hit]:
        """Nothing is found."""
        self._refuse()

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """Nothing is answered."""
        self._refuse()

    def snapshot(self) -> object:
        """There is no state."""
        self._refuse()

    def restore(self, state: object) -> None:
        """There is no state."""
        self._refuse()

    def close(self) -> None:
        """Nothing is held."""

    def _refuse(self) -> NoReturn:
        raise BrokenMemoryError(str(self.error)) from self.error


@contextmanager
def opened(make: Callable[[str], MemorySystem], scope: str) -> Iterator[MemorySystem]:
    """Build a memory, and close it at the end.

    Args:
        make: Builds it. What it raises besides `BrokenMemoryError` is raised.
        scope: Its name.
    """
    try:
        memory = make(scope)
    except BrokenMemoryError as error:
        memory = Unbuilt(scope, error)
    try:
        yield memory
    finally:
        with suppress(BrokenMemoryError):  # all was asked; what it still had to say is lost
            memory.close()
