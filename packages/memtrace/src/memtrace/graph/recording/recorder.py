"""Recording a run: numbers things, keeps the table of live items, hands batches to the disk.

In: values and steps from any thread or task. Out: one trace file. The caller's thread only
encodes, numbers and queues; a background thread hashes, compresses and writes a consistent cut of
the queue at least every half second, so a killed process loses less than a second.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from lmcommon.errors import UserError
from memtrace.graph.ids import check_names, variable_number
from memtrace.graph.recording import scope
from memtrace.graph.recording.copying import copies
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.items import Items, Live
from memtrace.graph.recording.numbers import SharedNumbers, numbers_path
from memtrace.graph.recording.place import make_place
from memtrace.graph.recording.processes import is_worker, leave_with_process, lock_for
from memtrace.graph.recording.redact import Redact, redact_value, to_json
from memtrace.graph.recording.session import RESERVED_KEYS, Session
from memtrace.graph.recording.step import Step
from memtrace.graph.recording.writer import WAKE_AT_BYTES, Writer
from memtrace.graph.storage.store import Batch, InputRow, Store, VariableRow
from memtrace.graph.storage.values import Payload, queued
from memtrace.types import INTERRUPTED

__all__ = ["Recorder"]

T = TypeVar("T")

_ROW_BYTES = 500
"""What a row weighs in the queue besides its value."""
_STOPPED = "the recording stopped before the operation finished"


class Recorder:
    """An open recording. Made by `memtrace.record`; close it, or use it as a context manager.

    Safe to use from many threads and tasks at once. Item ids are global in one recording: when
    two memory systems share it, put the system's name in front of the id.
    """

    def __init__(
        self, path: str | Path, *, resume: bool = False, redact: Redact | None = None,
        metadata: Mapping[str, Any] | None = None, processes: bool = False, joins: bool = False,
    ) -> None:  # fmt: skip
        if scope.is_recording_here():
            raise RuntimeError(
                f"cannot record to {str(path)!r} inside another recording; close it first"
            )
        self.path = Path(path)
        self.redact = redact
        self.is_shared = processes or joins
        """Whether other processes may record here too."""
        self.interrupted = 0
        """Operations found unfinished when the file was reopened; now marked as interrupted."""
        self.decider: object | None = None
        """What decides model calls and interventions here; `memtrace.execution` owns it."""
        self.companions: list[Callable[[], None]] = []
        """Told before this recording closes: processes that take part leave first."""
        self._lock = threading.RLock()  # the garbage collector may close a generator inside it
        self._batch, self._weight = Batch(), 0
        self._steps: dict[int, Step] = {}
        self._placed: set[int] = set()
        self._is_closed = False
        self._is_worker = self.is_shared and is_worker()
        self._on_disk = 0
        self._prompts: dict[tuple[str | None, str], Handle[Any]] = {}
        lock = lock_for(self.path, joins=joins) if self.is_shared else None
        make_place(self.path)
        self._store = Store(self.path, resume=resume or joins, lock=lock)
        try:
            self._begin(metadata or {}, joins)
        except BaseException:
            self._store.close()
            raise
        self._writer: Writer | None = Writer(self._store, self._take)
        """None in a forked child, until it records something."""
        scope.register(self)
        if joins:
            leave_with_process(self.close)

    def _begin(self, metadata: Mapping[str, Any], joins: bool) -> None:
        """Take up numbers, items and sessions where the file leaves off."""
        last = self._store.last_number()
        if not joins:
            self.interrupted = self._store.close_interrupted()
        self._session = Session(
            self._store.meta(), first=None if joins else last + 1, redacts=self.redact is not None
        )
        self.id = self._session.id
        """Which run and session this is; handles carry it."""
        if not joins:
            self._batch.meta.update(self._session.rows())
        for key, value in metadata.items():
            self._batch.meta[key] = self._meta_json(key, value)
        self._store.write(self._take())
        if self.is_shared:
            self._items = Items({}, self.path)
            self._draw: Callable[[], int] = SharedNumbers(self.path, above=last, create=not joins)
            self._store.lock.share()
        else:
            numbers_path(self.path).unlink(missing_ok=True)  # of processes that were all killed
            self._items = Items(self._store.live_items(), None)
            self._draw = count(last + 1).__next__

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
            entry = self._items.latest(item)
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

    @property
    def queued_bytes(self) -> int:
        """About how much memory what is not yet on disk takes."""
        return self._weight

    def flush(self) -> None:
        """Return when everything recorded so far is on disk."""
        if self._writer is not None:
            self._writer.flush()

    def settle(self, number: int) -> None:
        """Return when what this process recorded under a number is on disk for all to see."""
        if number <= self._on_disk or self._writer is None or not self.is_shared:
            return
        with self._lock:
            until = self._draw()
        self.flush()
        self._on_disk = until

    def close(self) -> None:
        """Write what is left and release the file. Steps still open are marked interrupted.

        With several processes each closes for itself; the last one tidies up.
        """
        while self.companions:
            self.companions.pop()()
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._batch.operations.extend(
                step.row(None)._replace(error_type=INTERRUPTED, error_message=_STOPPED)
                for step in self._steps.values()
            )
        scope.unregister(self)
        try:
            if self._writer is not None:
                self._writer.stop()
                self._writer.check()
        finally:
            self._leave()

    def _leave(self) -> None:
        self._items.disconnect()
        is_last = self._store.lock.is_last()
        if self._writer is None:  # a forked child that recorded nothing
            if not is_last:
                self._store.lock.release()
                return
            self._store = Store(self.path, resume=True, lock=self._store.lock)
        try:
            if is_last:
                self._store.close_interrupted()
                numbers_path(self.path).unlink(missing_ok=True)
        finally:
            self._store.close()

    # Forks ----------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Bring everything to the disk and let go of it: no SQLite connection may cross a fork."""
        if not self.is_shared:
            return
        if self._writer is not None:
            self._writer.halt()
        self._lock.acquire()
        if self._writer is not None and not self._is_closed:
            self._writer.drain()
            self._store.disconnect()
        self._items.disconnect()
        if not self._is_closed:
            self._lock_for_child = self._store.lock.duplicate()

    def after_fork_here(self) -> None:
        """Go on in the process that forked."""
        if not self.is_shared:
            return
        if not self._is_closed:
            self._lock_for_child.forget()
        if self._writer is not None:
            store, failure = None, None
            if not self._is_closed:
                try:
                    store = self._store = Store(self.path, resume=True, lock=self._store.lock)
                except (UserError, sqlite3.Error) as error:
                    failure = error
            self._writer.go_on(store, failure)
        self._lock.release()

    def after_fork_in_child(self) -> bool:
        """Become a process of its own that records here too; False if it may not.

        Nothing is opened before something is recorded: most children only run a program.
        """
        self._lock = threading.RLock()
        if not self.is_shared or self._is_closed:
            self._is_closed = True  # the file belongs to the process this one was forked from
            return False
        self._store.lock.forget()
        self._store.lock = self._lock_for_child
        for step in self._steps.values():
            step.is_distant = True
        self._steps, self._placed = {}, set()
        self._batch, self._weight = Batch(), 0
        self._writer = None
        return True

    def _take_up(self) -> Writer:
        """Open the trace in a forked child."""
        self._store = Store(self.path, resume=True, lock=self._store.lock)
        self._draw = SharedNumbers(self.path)
        self._writer = Writer(self._store, self._take)
        self._is_worker = is_worker()
        leave_with_process(self.close)
        return self._writer

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
            number = self._draw()
            version = None
            if source is not None:
                item, version = source.item, source.version
            elif item is not None:
                previous = self._items.latest(item)
                version = 1 if previous is None else previous.version + 1
            handle = Handle(
                value, kind=kind, name=name, item=item, version=version, run=self.id,
                number=number,
            )  # fmt: skip
            if item is not None and source is None and version is not None:
                self._items.put(item, Live(number, version, is_deletion, handle))
            if step is not None and step.first_output is None:
                step.first_output = number
            self._batch.variables.append(VariableRow(
                number, kind, name, encoding, payload, producer, None if step is None else role,
                position, item, version, is_deletion,
                None if source is None else source.number, time.time_ns(), note,
            ))  # fmt: skip
            self._weight += _ROW_BYTES + (0 if payload is None else len(payload))
            weight = self._weight
        if weight >= WAKE_AT_BYTES and self._writer is not None:
            self._writer.press(weight)
        return handle

    def add_copies(
        self, step: Step, role: str, sources: Sequence[Handle[Any]], *, kind: str | None,
        notes: Sequence[Mapping[str, Any] | None], positions: Sequence[int],
    ) -> list[Handle[Any]]:  # fmt: skip
        """Number and queue a copy of every source, all of them inputs of the step already."""
        what = f"metadata of {role!r}"
        texts = [to_json(note, what, self.redact) if note else None for note in notes]
        check_names(kind, role)
        with self._lock:
            self.check_open()
            made, rows = copies(
                self._draw, self.id, step, role, sources, kind=kind, notes=texts,
                positions=positions,
            )  # fmt: skip
            if step.first_output is None and made:
                step.first_output = made[0].number
            self._batch.variables += rows
            self._weight += _ROW_BYTES * len(rows)
        return made

    def resolve(self, handle: Handle[Any]) -> int:
        """The number of a handle in this file; an unrecorded handle is recorded now.

        Raises:
            ValueError: For a handle of another recording, or one lost with a killed session.
        """
        if handle.run == self.id and handle.number is not None:
            return handle.number
        with self._lock:  # several threads may come with the same one
            if handle.run is None or handle.number is None:
                adopted = self.add(
                    handle.value, kind=handle.kind, name=handle.name, item=handle.item,
                    role="variable",
                )  # fmt: skip
                handle.run, handle.number = adopted.run, adopted.number
                handle.version = adopted.version
        if handle.run != self.id:
            self._session.check(handle)
        assert handle.number is not None
        return handle.number

    def open_step(self, step: Step, inputs: Sequence[tuple[int, str, int]]) -> None:
        """Number a step that starts, with its inputs as (place, role, variable number)."""
        with self._lock:
            self.check_open()
            number = step.number = self._draw()  # before the writer sees the step
            self._steps[number] = step
            self._batch.inputs += [InputRow(number, *edge) for edge in inputs]

    def link(self, step: Step, inputs: Sequence[tuple[int, str, int]]) -> None:
        """Queue input edges of a running step, as in `open_step`."""
        number = step.number
        with self._lock:
            self.check_open()
            self._batch.inputs += [InputRow(number, *edge) for edge in inputs]

    def close_step(self, step: Step) -> None:
        """Queue a finished step. After the recording has closed it stays marked interrupted."""
        with self._lock:
            if self._is_closed or self._steps.pop(step.number, None) is None:
                return  # or it runs in the process this one was forked from
            self.check_open()
            self._placed.discard(step.number)
            self._batch.operations.append(step.row(self._draw()))
        if self._is_worker and step.is_outermost and self._writer is not None:
            self._writer.hurry()  # a pool may kill its workers as soon as it has the result

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
        (self._writer or self._take_up()).check()

    # Inside ---------------------------------------------------------------------------------

    def _encode(self, value: object, role: str) -> tuple[str, Payload]:
        return queued(value if self.redact is None else redact_value(value, self.redact), role)

    def _meta_json(self, key: str, value: Any) -> str:
        if key in RESERVED_KEYS:
            raise ValueError(f"expected a metadata key of your own; {key!r} is taken")
        check_names(key)
        text = to_json({key: value}, f"metadata {key!r}", self.redact)
        assert text is not None
        (clean,) = json.loads(text).values()  # the hook may have changed the key
        return json.dumps(clean)

    def _load(self, number: int) -> Handle[Any]:
        self.flush()
        with self._lock:
            self.check_open()
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
            batch, self._batch, self._weight = self._batch, Batch(), 0
            for number, step in self._steps.copy().items():
                if number not in self._placed:
                    batch.operations.append(step.row(None))
                    self._placed.add(number)
        return batch
