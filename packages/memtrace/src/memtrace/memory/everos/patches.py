"""Replacing names of somebody else's modules and objects, and putting back what was there."""

from __future__ import annotations

from typing import Any

__all__ = ["Patches"]

_ABSENT = object()


class Patches:
    """What was replaced, in order. Example: `patches.set(module, "now", frozen); patches.undo()`"""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def set(self, owner: Any, name: str, value: Any) -> Any:
        """Replace an attribute; returns what it was. A name that is not there is an error."""
        original = getattr(owner, name)
        self._before.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, value)
        return original

    def undo(self) -> None:
        """Put everything back, the latest first. Idempotent."""
        while self._before:
            owner, name, before = self._before.pop()
            if before is _ABSENT:  # it came from the class
                delattr(owner, name)
            else:
                setattr(owner, name, before)
