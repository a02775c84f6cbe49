"""The laboratory: where the system of a trace can be run again with one thing changed.

Attribution sees no more of the system under test than this. `memtrace.replaying.Replayer` is one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lmcommon.llm.budget import Budget
    from memtrace.execution.interventions import Intervention
    from memtrace.replaying.outcome import Replay

__all__ = ["Laboratory"]


class Laboratory(Protocol):
    """Runs the recorded run again."""

    def run(
        self, interventions: Sequence[Intervention] = (), *, budget: Budget | None = None,
        scopes: Collection[str] | None = None, questions: Collection[str] | None = None,
    ) -> Replay:  # fmt: skip
        """One replay; the caller closes it."""
        ...
