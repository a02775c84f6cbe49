"""The thread that brings a recording to the disk.

In: a function that cuts the queue (`take`). Out: batches in a store, in the order they were cut,
at least every `FLUSH_EVERY_S` seconds. A failure to write is kept and told to whoever records
next: recording on without a disk would lose what comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from lmcommon.errors import UserError
from memtrace.graph.store import Batch, Store

__all__ = ["FLUSH_EVERY_S", "Writer"]

FLUSH_EVERY_S = 0.4
_WAKE_AT_ROWS = 4_000
_WAIT_AT_ROWS = 60_000


class Writer:
    """Writes batches in the background until `stop`."""

    def __init__(self, store: Store, take: Callable[[], Batch]) -> None:
        self._store, self._take = store, take
        self._order = threading.Lock()
        """Held from the cut to the commit, so that batches reach the disk in order."""
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="memtrace-writer", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Return when everything queued so far is on disk.

        Raises:
            UserError: When the file cannot be written.
        """
        self._write()
        self.check()

    def press(self, pending: int) -> None:
        """Tell how many rows wait. Far behind, the caller writes too, so memory stays bounded."""
        if pending >= _WAIT_AT_ROWS:
            self.flush()
        elif pending >= _WAKE_AT_ROWS:
            self._wake.set()

    def check(self) -> None:
        """Raise `UserError` if writing has failed."""
        if self._failure is not None:
            raise UserError(
                f"{self._store.path}: writing the trace failed: {self._failure}; what was written "
                "before is intact; free the disk and resume"
            ) from self._failure

    def stop(self) -> None:
        """Write what is left and end the thread."""
        self._stopping.set()
        self._wake.set()
        self._thread.join()
        self._write()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(FLUSH_EVERY_S)
            self._wake.clear()
            self._write()

    def _write(self) -> None:
        with self._order:
            batch = self._take()
            if not len(batch):
                return
            try:
                self._store.write(batch)
            except Exception as error:  # the border of the thread: told to the next caller
                self._failure = error
