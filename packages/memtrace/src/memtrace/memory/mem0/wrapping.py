"""Replacing methods of one object by wrappers, and putting everything back.

Only the object is touched, never its class, so other objects of the class stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

__all__ = ["Wrappers"]

Hook = Callable[..., Any]
"""Called as `hook(original, *args, **kwargs)` instead of the method."""
_ABSENT = object()


class Wrappers:
    """The wrappers of one attachment."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any]] = []

    def put(self, owner: Any, name: str, hook: Hook) -> None:
        """Let `hook` stand in front of a method of an object.

        Args:
            owner: The object.
            name: The method.
            hook: Gets the original method first, then the arguments of the call.
        """
        original = getattr(owner, name)

        @wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return hook(original, *args, **kwargs)

        self._undo.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, wrapper)

    def undo(self) -> None:
        """Put every method back, the newest first."""
        while self._undo:
            owner, name, before = self._undo.pop()
            if before is _ABSENT:
                vars(owner).pop(name, None)
            else:
                setattr(owner, name, before)
