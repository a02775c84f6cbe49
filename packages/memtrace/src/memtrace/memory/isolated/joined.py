"""The recordings of the parent that a worker takes part in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.recording import scope
from memtrace.graph.recording.recorder import Recorder
from memtrace.graph.recording.step import Step
from memtrace.memory.isolated.remote import Parent, RemoteExecution

__all__ = ["Joined"]


class Joined:
    """Joins a recording when the first call inside it comes, and stays until the parent closes it.

    Args:
        parent: Decides and redacts.
        memory: Says which memory's call is running.
    """

    def __init__(self, parent: Parent, memory: Callable[[], int]) -> None:
        self._parent, self._memory = parent, memory
        self._recorders: dict[str, tuple[Recorder, RemoteExecution]] = {}

    @contextmanager
    def recording(self, row: Mapping[str, Any] | None) -> Iterator[None]:
        """Record what runs inside below the parent's step; on disk when the block ends."""
        if row is None:
            yield
            return
        recorder, execution = self._recorders.get(row["run"]) or self._join(row)
        if "points" in row:
            points = row["points"]
            execution.points = None if points is None else frozenset(map(tuple, points))
        step = Step.elsewhere(recorder, row["step"]) if row["step"] else None
        outside = scope.swap((recorder, step))
        try:
            yield
        finally:
            scope.swap(outside)
            recorder.flush()

    def leave(self, run: str) -> None:
        """Close a recording here, if it was joined."""
        found = self._recorders.pop(run, None)
        if found is not None:
            found[0].close()

    def flush(self) -> None:
        """Bring what was recorded to the disk."""
        for recorder, _ in list(self._recorders.values()):
            recorder.flush()

    def close(self) -> None:
        """Leave all of them."""
        for run in list(self._recorders):
            self.leave(run)

    def _join(self, row: Mapping[str, Any]) -> tuple[Recorder, RemoteExecution]:
        redact = self._redacted if row["redacts"] else None
        outside = scope.swap(None)
        try:
            recorder = Recorder(row["path"], joins=True, redact=redact)
        finally:
            scope.swap(outside)
        if recorder.id != row["run"]:
            recorder.close()
            raise UserError(f"{row['path']}: expected the recording {row['run']}; it has ended")
        execution = RemoteExecution(self._parent, self._memory, recorder.flush)
        recorder.decider = execution
        self._recorders[row["run"]] = recorder, execution
        return recorder, execution

    def _redacted(self, text: str) -> str:
        return str(self._parent.ask("redact", text=text))
