"""Tracing an object of somebody else's: one line, and every call on it is recorded.

In: a memory object of a package this knows (`ATTACHABLE`). Out: an `Attachment`; until it is
detached, calls made inside a recording are traced, and calls outside pass untouched. Nothing else
about the object changes: its ids, its time, its errors and what it returns stay as they are.

    memory = mem0.Memory()
    memtrace.attach(memory, name="support-bot")
    with memtrace.record("runs/bot/trace.db"):
        memory.add("I moved to Lisbon.", user_id="ana")
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import TracebackType
from typing import Protocol, Self

from lmcommon.errors import UserError
from memtrace.execution.places import Scope

__all__ = ["ATTACHABLE", "Attachment", "attach"]

ATTACHABLE: dict[str, str] = {
    "mem0": "memtrace.memory.mem0.attaching",
    "fastapi": "memtrace.memory.everos.attaching",  # the app of EverOS; others are refused
}
"""Top-level package of an object's class to the module that attaches to it: its function
`attach(obj, name)` checks version and names, and gives an `Attachment`."""


class Attachment(Protocol):
    """An object whose calls are traced. Also a context manager that detaches."""

    @property
    def scope(self) -> Scope:
        """The memory's name in a trace, and the places of its operations."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Names and versions of the packages that were recognised."""
        ...

    def detach(self) -> None:
        """Leave the object as it was before. Idempotent."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...  # fmt: skip


def attach(obj: object, name: str | None = None) -> Attachment:
    """Trace every call on a memory object that is made inside a recording.

    Args:
        obj: A memory object of a supported package, such as `mem0.Memory`.
        name: What traces call this memory; the package's name by default. Two memories in one
            trace need two names.

    Raises:
        UserError: For an object, a version or a variant that is not supported; says what is.
    """
    for base in type(obj).__mro__:
        module = ATTACHABLE.get(base.__module__.partition(".")[0])
        if module is not None:
            made: Attachment = import_module(module).attach(obj, name)
            return made
    kind = f"{type(obj).__module__}.{type(obj).__qualname__}"
    raise UserError(
        f"attach: expected a memory object of one of {', '.join(ATTACHABLE)}; got a {kind}. Other "
        "systems are traced with memtrace.step and memtrace.operation"
    )
