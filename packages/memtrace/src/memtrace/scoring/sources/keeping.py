"""Keeping the last bundle open: cases of one trace are loaded one after the other.

A bundle (a trace with its reader and laboratory) is opened when the first of its cases is loaded
and closed when a case of another bundle is. Nothing of it travels to another process.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Generic, TypeVar

__all__ = ["Keeper", "Reopening"]

Bundle = TypeVar("Bundle")


class Keeper(Generic[Bundle]):
    """Holds one open bundle.

    Args:
        open_bundle: Opens a bundle by name.
    """

    def __init__(self, open_bundle: Callable[[str], AbstractContextManager[Bundle]]) -> None:
        self._open = open_bundle
        self._stack = ExitStack()
        self._name: str | None = None
        self._bundle: Bundle | None = None

    def get(self, name: str) -> Bundle:
        """The bundle, opened if it is not the one that is open."""
        if self._name != name or self._bundle is None:
            self.close()
            self._bundle = self._stack.enter_context(self._open(name))
            self._name = name
        return self._bundle

    def close(self) -> None:
        """Close what is open."""
        self._name, self._bundle = None, None
        self._stack.close()


class Reopening(Generic[Bundle]):
    """A source that keeps a bundle open, and travels to other processes without it."""

    _keeper: Keeper[Bundle]

    def __getstate__(self) -> dict[str, Any]:
        """Without what is open."""
        return {key: value for key, value in vars(self).items() if key != "_keeper"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As it was, with nothing open."""
        vars(self).update(state)
        self._keeper = Keeper(self._open)

    def _open(self, name: str) -> AbstractContextManager[Bundle]:
        """Open a bundle."""
        raise NotImplementedError
