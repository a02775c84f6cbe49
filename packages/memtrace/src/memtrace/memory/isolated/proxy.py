"""A memory that lives in a worker, as the parent sees it: one more `MemorySystem`."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmcommon.data.types import Session
from lmcommon.errors import UserError
from lmcommon.prompt import Prompt
from memtrace.execution.execution import current_execution
from memtrace.execution.places import Scope, here_in, within
from memtrace.execution.stage import Stage
from memtrace.graph.recording import scope as recording
from memtrace.graph.recording.recorder import Recorder
from memtrace.memory.isolated.process import WorkerProcess
from memtrace.memory.isolated.serving import Served
from memtrace.memory.isolated.wire import to_wire
from memtrace.memory.types import Answer, BrokenMemoryError, Hit, Query

__all__ = ["IsolatedMemory"]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Snapshot:
    """A state that the worker keeps, by number."""

    memory: int
    number: int
    counts: dict[str, int]


class IsolatedMemory:
    """The memory of one conversation, in another process.

    Args:
        worker: Where it lives.
        number: What the worker calls it.
        build: The call that builds it there.
        served: The model and embedder it uses, here.
        release: Called once, when nobody can use the memory any more.
    """

    def __init__(
        self, worker: WorkerProcess, number: int, build: Mapping[str, Any], served: Served,
        release: Callable[[], None],
    ) -> None:  # fmt: skip
        self._worker, self._number, self._served = worker, number, served
        self._release = weakref.finalize(self, release)
        self._is_closed = False
        self.scope = Scope(str(build["scope"]))
        about = self._call("build", **build)
        self.name, self.version = str(about["name"]), str(about["version"])
        self.versions: Mapping[str, str] = about["versions"]
        self.prompts: Mapping[str, Prompt] = about["prompts"]
        self.parameters: Mapping[str, Any] = about["parameters"]
        self.scope = Scope(about["scope"])

    @property
    def pid(self) -> int:
        """The process it lives in."""
        return self._worker.pid

    def add(self, session: Session) -> None:
        """Remember a session."""
        self._call("add", arguments=[session])

    def search(self, query: Query) -> list[Hit]:
        """What it would show the model for this query, best first."""
        hits: list[Hit] = self._call("search", arguments=[query])
        return hits

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer a batch, in order."""
        answers: list[Answer] = self._call("answer", arguments=[list(queries)])
        return answers

    def snapshot(self) -> object:
        """A state that stays in the worker, until nobody here holds what this returns."""
        number = int(self._call("snapshot", arguments=[]))
        snapshot = _Snapshot(self._number, number, self.scope.snapshot())
        weakref.finalize(snapshot, self._worker.later, "snapshot", self._number, number)
        return snapshot

    def restore(self, state: Any) -> None:
        """Take an older state."""
        if not isinstance(state, _Snapshot) or state.memory != self._number:
            raise ValueError(f"expected a state of this memory; got {state!r}")
        self._call("restore", arguments=[state.number])
        self.scope.restore(state.counts)

    def close(self) -> None:
        """Let the worker forget it."""
        if self._is_closed:
            return
        self._is_closed = True
        if not self._worker.is_dead:
            self._call("close", arguments=[])
        self._release()

    def _call(self, name: str, **details: Any) -> Any:
        if self._is_closed and name != "close":
            raise BrokenMemoryError(f"{self.scope.name}: the memory was closed")
        here = recording.current_scope()
        call: dict[str, Any] = {"do": name, "memory": self._number, **details}
        if "arguments" in call:
            call["arguments"] = to_wire(call["arguments"])
        if (place := here_in(self.scope)) is not None:
            path, time = place
            call["here"] = {"path": path, "time": time.isoformat() if time else None}
        if here is not None:
            call["recording"] = _recording(*here)
        try:
            return self._worker.call(call, self._served, None if here is None else here[0])
        except BrokenMemoryError as error:
            if self._worker.is_dead:
                self._record_death(name, error)
            raise

    def _record_death(self, call: str, error: BrokenMemoryError) -> None:
        """What the worker was doing stays unfinished in the trace; this says why."""
        with (
            within("worker", scope=self.scope),
            Stage("worker", kind="operation", parameters={"call": call}) as op,
        ):
            op.failed(type(error).__name__, str(error))


def _recording(recorder: Recorder, step: Any) -> dict[str, Any]:
    """What a worker must know to record below the step that runs here.

    Raises:
        UserError: The recording takes one process only.
    """
    if not recorder.is_shared:
        raise UserError(
            f"{recorder.path}: expected a recording of several processes, since this memory runs "
            "in one of its own; open it by memtrace.record(path, processes=True)"
        )
    number = 0 if step is None else step.number
    recorder.settle(number)
    decider = current_execution()
    points = getattr(decider, "points", None)
    return {
        "path": str(recorder.path.resolve()), "run": recorder.id, "step": number,
        "redacts": recorder.redact is not None,
        "points": None if points is None
        else sorted([place.scope, place.path, role] for place, role in points),
    }  # fmt: skip
