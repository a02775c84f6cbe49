"""The frontier: operations that wait to be opened, the earliest first, bounded.

What is being explored is kept by name and not found by its place in the order, so an earlier
operation that comes in meanwhile waits its turn and hides nothing. When the frontier is full the
latest entries give way, and whoever asked is told which.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from memtrace.types import Operation

__all__ = ["Added", "Frontier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of operations that were put on the frontier."""

    waiting: tuple[Operation, ...] = ()
    """Those that wait now and did not before."""
    known: tuple[Operation, ...] = ()
    """Those that were opened already, or are open."""
    dropped: tuple[Operation, ...] = ()
    """Those that had to give way, old entries included."""


class Frontier:
    """Operations to open, by time.

    Args:
        cap: How many may wait. The one that is open does not count.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._waiting: dict[str, Operation] = {}
        self._opened: dict[str, Operation] = {}
        self.active: Operation | None = None
        """The operation that is being explored."""

    @property
    def waiting(self) -> tuple[Operation, ...]:
        """Earliest first."""
        return tuple(sorted(self._waiting.values(), key=lambda operation: operation.seq))

    @property
    def opened(self) -> tuple[Operation, ...]:
        """Everything that was opened so far, the active one included, in the order of opening."""
        return tuple(self._opened.values())

    def add(self, operations: Iterable[Operation]) -> Added:
        """Let operations wait; what was opened before is not opened again by itself."""
        fresh: dict[str, Operation] = {}
        known: dict[str, Operation] = {}
        for operation in operations:
            if operation.id in self._opened:
                known[operation.id] = operation
            elif operation.id not in self._waiting:
                fresh[operation.id] = operation
        self._waiting |= fresh
        dropped = self.waiting[self._cap :]
        for operation in dropped:
            del self._waiting[operation.id]
        return Added(
            waiting=tuple(op for op in fresh.values() if op.id in self._waiting),
            known=tuple(known.values()), dropped=dropped,
        )  # fmt: skip

    def open(self, operation: Operation) -> None:
        """Explore this one now; it need not have waited, and may have been opened before."""
        self._waiting.pop(operation.id, None)
        self._opened[operation.id] = operation
        self.active = operation

    def open_earliest(self) -> Operation | None:
        """Explore the earliest that waits; None when none does: then nothing is active."""
        self.active = None
        if self._waiting:
            self.open(self.waiting[0])
        return self.active
