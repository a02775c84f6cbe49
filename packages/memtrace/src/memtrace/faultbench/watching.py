"""Watching a run: what every operation passes on, as JSON, at each of its points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest
from memtrace.execution.execution import Completed, Execution, Settled
from memtrace.execution.places import Place
from memtrace.faultbench.types import Observed
from memtrace.graph.reading.trace import Trace
from memtrace.replaying.resolving import points

__all__ = ["Watcher"]


class Watcher(Execution):
    """Changes nothing, and keeps what it was asked about."""

    points = None  # type: ignore[assignment]  # a worker asks about every point then

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[tuple[Place, str], Any] = {}

    def intervenes(self, place: Place, role: str) -> bool:
        """Always: it wants to see the value."""
        return True

    def settle(self, place: Place, role: str, value: Any) -> Settled:
        """The value as it is."""
        self._values[place, role] = value
        return Settled(value, False)

    def complete(
        self, model: ChatModel, requests: Sequence[ChatRequest], places: Sequence[Place | None]
    ) -> list[Completed]:
        """The model's replies as they are."""
        done = super().complete(model, requests, places)
        for place, one in zip(places, done, strict=True):
            if place is not None and one.response.ok:
                self._values[place, "reply"] = one.response.text
        return done

    def observed(self, trace: Trace) -> tuple[Observed, ...]:
        """What was seen, with the operations of the trace that was recorded meanwhile."""
        return tuple(
            Observed(
                operation=point.operation, name=point.name, kind=point.kind, place=point.place,
                role=point.role, value=self._values[point.place, point.role],
            )
            for point in points(trace)
            if (point.place, point.role) in self._values
        )  # fmt: skip
