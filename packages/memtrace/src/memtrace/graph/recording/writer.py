"""The thread that brings a recording to the disk.

In: a function that cuts the queue (`take`). Out: batches in a store, in the order they were cut,
at least every `FLUSH_EVERY_S` seconds. A failure to write is kept and told to whoever records
next: recording on without a disk would lose what comes. The batch that failed is kept too, nothing
is written past it, and the end of the recording tries it once more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from lmcommon.errors import UserError
from memtrace.graph.storage.store import Batch, Store

__all__ = ["FLUSH_EVERY_S", "WAKE_AT_BYTES", "Writer"]

FLUSH_EVERY_S = 0.4
WAKE_AT_BYTES = 2 << 20
"""Weight of the queue from which it is worth telling the writer."""
_WAIT_AT_BYTES = 64 << 20
_PATIENCE_S = 1.0


class Writer:
    """Writes batches in the background until `stop`."""

    def __init__(self, store: Store, take: Callable[[], Batch]) -> None:
        self._store, self._take = store, take
        self._order = threading.Lock()
        """Held from the cut to the commit, so that batches reach the disk in order."""
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._failure: Exception | None = None
        self._stuck: Batch | None = None
        """What could not be written. Later batches may refer to it, so they wait behind it."""
        self._start()

    def flush(self) -> None:
        """Return when everything queued so far is on disk.

        Raises:
            UserError: When the file cannot be written.
        """
        self._write()
        self.check()

    def press(self, weight: int) -> None:
        """Tell how heavy the queue is. Far behind, the caller writes too: memory stays bounded."""
        self._wake.set()
        if weight >= _WAIT_AT_BYTES:
            self.hurry()

    def hurry(self) -> None:
        """Write now, unless that takes too long to begin.

        Without that limit a generator could block for ever that records while the garbage
        collector closes it, which may be in the middle of writing.
        """
        if self._order.acquire(timeout=_PATIENCE_S):
            try:
                self._write_in_order()
            finally:
                self._order.release()

    def halt(self) -> None:
        """End the thread and keep from writing until `go_on`: the process is about to fork."""
        self._end()
        self._order.acquire()

    def drain(self) -> None:
        """Write what is queued; only while halted."""
        self._write_in_order()

    def go_on(self, store: Store | None, failure: Exception | None = None) -> None:
        """Write again, to a store opened anew; without one, tell the next caller why."""
        self._failure = failure or self._failure
        if store is not None:
            self._store = store
            self._start()
        self._order.release()

    def check(self) -> None:
        """Raise `UserError` if writing has failed."""
        if self._failure is not None:
            raise UserError(
                f"{self._store.path}: writing the trace failed: {self._failure}; what was written "
                "before is intact; free the disk and resume"
            ) from self._failure

    def stop(self) -> None:
        """Write what is left and end the thread."""
        self._end()
        with self._order:
            if self._stuck is not None:
                stuck, self._stuck = self._stuck, None
                self._put(stuck)
            self._write_in_order()

    def _start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="memtrace-writer", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(FLUSH_EVERY_S)
            self._wake.clear()
            self._write()

    def _write(self) -> None:
        with self._order:
            self._write_in_order()

    def _write_in_order(self) -> None:
        if self._stuck is None:
            self._put(self._take())

    def _put(self, batch: Batch) -> None:
        if not len(batch):
            return
        try:
            self._store.write(batch)
        except Exception as error:  # the border of the thread: told to the next caller
            self._failure, self._stuck = error, batch
