"""Handles: how a value carries its identity through a program that is being recorded."""

from __future__ import annotations

from typing import Any, Generic, NoReturn, TypeVar

from memtrace.graph.ids import variable_id
from memtrace.graph.recording import scope

__all__ = ["Handle", "value_of"]

T = TypeVar("T")


class Handle(Generic[T]):
    """A value together with the variable it was recorded as.

    `handle.value` is the plain value. Give handles, not plain values, as inputs of later
    operations: that is what draws the edges. Outside a recording a handle has no id and only
    carries the value, so code reads the same with tracing on and off. A handle refuses to be
    formatted into text (an f-string would silently insert its `repr`): write `{handle.value}`.

    Example:
        >>> handle = Handle("I moved to Lisbon.", kind="message", name="D1:3")
        >>> handle.value, handle.id
        ('I moved to Lisbon.', None)
    """

    __slots__ = ("item", "kind", "name", "number", "run", "value", "version")

    def __init__(
        self, value: T, *, kind: str = "value", name: str | None = None, item: str | None = None,
        version: int | None = None, run: str | None = None, number: int | None = None,
    ) -> None:  # fmt: skip
        self.value = value
        self.kind = kind
        self.name = name
        self.item = item
        self.version = version
        self.run = run
        """Id of the recording that knows it; None when nothing was recorded."""
        self.number = number
        """Its place in the total order; None when nothing was recorded."""

    @property
    def id(self) -> str | None:
        """The id of the variable (`var-12`); None when nothing was recorded."""
        return None if self.number is None else variable_id(self.number)

    @property
    def is_recorded(self) -> bool:
        """Whether there is a variable behind it."""
        return self.number is not None

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """What pickling keeps: everything. Another process may use the handle as an input.

        So what it names is brought to the disk first, where the other process can see it.
        """
        if self.number is not None:
            for recorder in scope.recordings(self.run):
                recorder.settle(self.number)
        return None, {name: getattr(self, name) for name in Handle.__slots__}

    def __repr__(self) -> str:
        shown = repr(self.value)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        return f"<Handle {self.id or 'unrecorded'} {self.kind} {shown}>"

    def __str__(self) -> str:
        return self._refuse()

    def __format__(self, spec: str) -> str:
        return self._refuse()

    def _refuse(self) -> NoReturn:
        raise TypeError(f"expected a plain value inside text; got {self!r}; write handle.value")


def value_of(value: Any) -> Any:
    """The plain value of a handle, or of every handle in a list or tuple; else `value` itself."""
    if isinstance(value, Handle):
        return value.value
    if type(value) in (list, tuple) and any(isinstance(part, Handle) for part in value):
        return type(value)(value_of(part) for part in value)
    return value
