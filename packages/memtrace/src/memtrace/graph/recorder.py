"""Recording a run: numbers things, keeps the table of live items, hands batches to the disk.

In: values and steps from any thread or task. Out: one trace file. The caller's thread only
encodes, numbers and queues; a background thread hashes, compresses and writes a consistent cut of
the queue at least every half second, so a killed process loses less than a second.
"""

from __future__ import annotations

import json
import platform
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from memtrace.graph import scope
from memtrace.graph.handle import Handle
from memtrace.graph.ids import check_names, variable_number
from memtrace.graph.redact import Redact, redact_value, to_json
from memtrace.graph.step import Step
from memtrace.graph.store import Batch, InputRow, Store, VariableRow
from memtrace.graph.values import encode
from memtrace.graph.writer import Writer

__all__ = ["Recorder"]

T = TypeVar("T")


@dataclass(slots=True)
class _Live:
    """The latest version of a memory item."""

    number: int
    version: int
    is_deleted: bool
    handle: Handle[Any] | None


class Recorder:
    """An open recording. Made by `memtrace.record`; close it, or use it as a context manager.

    Safe to use from many threads and tasks at once. Item ids are global in one recording: when
    two memory systems share it, put the system's name in front of the id.
    """

    def __init__(
        self, path: str | Path, *, resume: bool = False, redact: Redact | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        if scope.is_recording_here():
            raise RuntimeError(
                f"cannot record to {str(path)!r} inside another recording; close it first"
            )
        self.path = Path(path)
        self.redact = redact
        self._lock = threading.RLock()
        self._batch = Batch()
        self._steps: dict[int, Step] = {}
        self._placed: set[int] = set()
        self._is_closed = False
        self._prompts: dict[tuple[str | None, str], Handle[Any]] = {}
        self._store = Store(self.path, resume=resume)
        try:
            self._begin(metadata or {})
        except BaseException:
            self._store.close()
            raise
        self._writer = Writer(self._store, self._take)
        scope.register(self)

    def _begin(self, metadata: Mapping[str, Any]) -> None:
        """Take up numbers, items and sessions where the file leaves off."""
        self._next = self._store.last_number() + 1
        self.interrupted = self._store.close_interrupted()
        """Operations found unfinished when the file was reopened; now marked as interrupted."""
        self._live = {
            item: _Live(number, item_version, gone, None)
            for item, (number, item_version, gone) in self._store.live_items().items()
        }
        meta = self._store.meta()
        self._run_id = str(meta.get("run") or uuid.uuid4().hex)
        sessions = [*meta.get("sessions", []), {"first": self._next, "versions": _versions()}]
        self._firsts = [int(session["first"]) for session in sessions]
        self.id = f"{self._run_id}/{len(sessions) - 1}"
        self._batch.meta.update(run=json.dumps(self._run_id), sessions=json.dumps(sessions))
        for key, value in metadata.items():
            self._batch.meta[key] = self._meta_json(key, value)
        self._store.write(self._take())

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    # What callers use -----------------------------------------------------------------------

    def variable(
        self, value: T, *, kind: str = "value", name: str | None = None, item: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Handle[T]:  # fmt: skip
        """Record a value that comes from outside; see `memtrace.variable`."""
        return self.add(value, kind=kind, name=name, item=item, metadata=metadata, role="variable")

    def live(self, item: str) -> Handle[Any] | None:
        """The latest version of a memory item; None if it is unknown or deleted.

        This is how a read links to the write it sees: give the handle as an input.
        """
        with self._lock:
            entry = self._live.get(item)
        if entry is None or entry.is_deleted:
            return None
        if entry.handle is None:
            entry.handle = self._load(entry.number)
        return entry.handle

    def handle(self, identifier: str) -> Handle[Any]:
        """The handle of a variable that is in this file, value included (after a resume).

        Raises:
            ValueError: If the file holds no such variable.
        """
        return self._load(variable_number(identifier))

    def annotate(self, key: str, value: Any) -> None:
        """Store a JSON value in the metadata of the trace, over what the key held."""
        text = self._meta_json(key, value)
        with self._lock:
            self.check_open()
            self._batch.meta[key] = text

    def flush(self) -> None:
        """Return when everything recorded so far is on disk."""
        self._writer.flush()

    def close(self) -> None:
        """Write what is left and release the file. Steps still open are marked interrupted."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        scope.unregister(self)
        self._writer.stop()
        try:
            self._writer.check()
            self._store.close_interrupted()
        finally:
            self._store.close()

    def abandon(self) -> None:
        """Give up without touching the file: it belongs to the process this one was forked from."""
        self._is_closed = True
        self._lock = threading.RLock()  # another thread may have held the old one at the fork

    # What steps use -------------------------------------------------------------------------

    def add(
        self, value: T, *, kind: str, name: str | None = None, item: str | None = None,
        metadata: Mapping[str, Any] | None = None, step: Step | None = None, role: str,
        position: int = 0, source: Handle[Any] | None = None, is_deletion: bool = False,
    ) -> Handle[T]:  # fmt: skip
        """Number a variable and queue it. A copy keeps item and version of its `source`."""
        encoding, payload = ("", None) if source is not None else self._encode(value, role)
        note = to_json(metadata, f"metadata of {role!r}", self.redact) if metadata else None
        check_names(kind, name, item, role)
        producer = None if step is None else step.number
        with self._lock:
            self.check_open()
            number = self._next
            self._next = number + 1
            item_version = None
            if source is not None:
                item, item_version = source.item, source.version
            elif item is not None:
                previous = self._live.get(item)
                item_version = 1 if previous is None else previous.version + 1
            handle = Handle(
                value, kind=kind, name=name, item=item, version=item_version, run=self.id,
                number=number,
            )  # fmt: skip
            if item is not None and source is None and item_version is not None:
                self._live[item] = _Live(number, item_version, is_deletion, handle)
            if step is not None and step.first_output is None:
                step.first_output = number
            self._batch.variables.append(VariableRow(
                number, kind, name, encoding, payload, producer, None if step is None else role,
                position, item, item_version, is_deletion,
                None if source is None else source.number, time.time_ns(), note,
            ))  # fmt: skip
            pending = len(self._batch.variables)
        self._writer.press(pending)
        return handle

    def resolve(self, handle: Handle[Any]) -> int:
        """The number of a handle in this file; an unrecorded handle is recorded now.

        Raises:
            ValueError: For a handle of another recording, or one lost with a killed session.
        """
        if handle.run == self.id and handle.number is not None:
            return handle.number
        if handle.run is None or handle.number is None:
            adopted = self.add(
                handle.value, kind=handle.kind, name=handle.name, item=handle.item, role="variable"
            )
            handle.run, handle.number, handle.version = adopted.run, adopted.number, adopted.version
            return self.resolve(handle)
        run, _, session = handle.run.rpartition("/")
        if run != self._run_id:
            raise ValueError(f"expected a handle of this recording; {handle!r} belongs to another")
        if handle.number >= self._firsts[int(session) + 1]:
            raise ValueError(
                f"{handle!r} was lost when the recording was interrupted; record it anew"
            )
        return handle.number

    def open_step(self, step: Step, inputs: Sequence[tuple[int, str, int]]) -> int:
        """Number a step that starts, with its inputs as (place, role, variable number)."""
        with self._lock:
            self.check_open()
            number = self._next
            self._next = number + 1
            self._steps[number] = step
            self._batch.inputs.extend(
                InputRow(number, place, role, variable) for place, role, variable in inputs
            )
        return number

    def link(self, step: Step, place: int, role: str, variable: int) -> None:
        """Queue an input edge of a running step."""
        with self._lock:
            self.check_open()
            self._batch.inputs.append(InputRow(step.number, place, role, variable))

    def close_step(self, step: Step) -> None:
        """Queue a finished step. After the recording has closed it stays marked interrupted."""
        with self._lock:
            if self._is_closed:
                return
            self._writer.check()
            end = self._next
            self._next = end + 1
            del self._steps[step.number]
            self._placed.discard(step.number)
            self._batch.operations.append(step.row(end))

    def prompt(self, name: str | None, text: str) -> Handle[str]:
        """The variable of a prompt template, recorded once a run and wording."""
        with self._lock:
            known = self._prompts.get((name, text))
        if known is None:
            known = self.add(text, kind="prompt", name=name, role="prompt")
            self._prompts[name, text] = known
        return known

    def check_open(self) -> None:
        """Raise unless things can be recorded."""
        if self._is_closed:
            raise RuntimeError(f"the recording to {str(self.path)!r} is closed")
        self._writer.check()

    # Inside ---------------------------------------------------------------------------------

    def _encode(self, value: object, role: str) -> tuple[str, str | bytes]:
        return encode(value if self.redact is None else redact_value(value, self.redact), role)

    def _meta_json(self, key: str, value: Any) -> str:
        if key in ("schema", "run", "sessions"):
            raise ValueError(f"expected a metadata key of your own; {key!r} is taken")
        text = to_json({key: value}, f"metadata {key!r}", self.redact)
        assert text is not None
        return json.dumps(json.loads(text)[key])

    def _load(self, number: int) -> Handle[Any]:
        self.flush()
        found = self._store.load(number)
        if found is None:
            raise ValueError(f"expected a variable of {self.path}; there is no var-{number}")
        value, kind, name, item, item_version = found
        return Handle(
            value, kind=kind, name=name, item=item, version=item_version, run=self.id, number=number
        )

    def _take(self) -> Batch:
        """Cut the queue here: all rows so far, and a placeholder for every step still running."""
        with self._lock:
            batch, self._batch = self._batch, Batch()
            for number, step in self._steps.copy().items():
                if number not in self._placed:
                    batch.operations.append(step.row(None))
                    self._placed.add(number)
        return batch


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for distribution in ("memtrace-llm", "lmcommon"):
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            continue
    return found
