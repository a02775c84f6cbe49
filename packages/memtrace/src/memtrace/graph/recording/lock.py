"""Who may write a trace: one recording alone, or the processes of one recording together.

The lock lies on a file beside the trace (opening and closing the trace itself a second time would
drop SQLite's own locks). The system frees it when a process dies, however it dies.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from lmcommon.errors import UserError

__all__ = ["WriteLock", "is_locked", "lock_path"]

_PATIENCE_S = 3.0
"""The last process to leave holds the lock alone while it tidies up: whoever joins waits for it."""


def lock_path(path: Path) -> Path:
    """The file that carries the lock of a trace."""
    return path.with_name(f".{path.name}.lock")


class WriteLock:
    """The right to write a trace, held alone or shared among the processes of a recording.

    Args:
        path: The trace.
        shared: Share it with the processes that record there already.

    Raises:
        UserError: When another recording has it.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._trace, self._path = path, lock_path(path)
        self._descriptor: int | None = None
        self._is_shared = shared
        self._is_last: bool | None = None
        try:
            import fcntl
        except ImportError:  # not a POSIX system: SQLite's own locks must do
            return
        self._flock = fcntl.flock
        self._alone, self._together = fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_SH | fcntl.LOCK_NB
        until = time.monotonic() + (_PATIENCE_S if shared else 0.0)
        while not self._try():
            if time.monotonic() >= until:
                raise UserError(
                    f"{path}: another recording is writing this trace; wait for it, or choose "
                    "another path"
                )
            time.sleep(0.005)

    def share(self) -> None:
        """Let other processes of this recording in."""
        self._is_shared = True
        if self._descriptor is not None:
            self._flock(self._descriptor, self._together)

    def duplicate(self) -> WriteLock:
        """A share of its own for a process about to be forked: held from now on, without a gap."""
        return WriteLock(self._trace, shared=True)

    def is_last(self) -> bool:
        """Whether no other process records; then it is held alone from here.

        Ask only when leaving: a share is gone once the answer was no.
        """
        if not self._is_shared or self._descriptor is None:
            return True
        if self._is_last is None:
            try:
                self._flock(self._descriptor, self._alone)
                self._is_last = True
            except OSError:
                self._is_last = False
        return self._is_last

    def release(self) -> None:
        """Let the next writer in."""
        if self._descriptor is not None and self.is_last():
            self._path.unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """Drop this process's copy only: a fork shares the lock with whom it was forked from."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _try(self) -> bool:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._flock(descriptor, self._together if self._is_shared else self._alone)
        except OSError:
            os.close(descriptor)
            return False
        if self._path.exists() and os.fstat(descriptor).st_ino == self._path.stat().st_ino:
            self._descriptor = descriptor
            return True
        os.close(descriptor)  # the last holder removed the file between our open and our lock
        return self._try()


def is_locked(path: Path) -> bool:
    """Whether a recording holds the lock of a trace now. Makes no file and waits for nobody."""
    try:
        import fcntl

        descriptor = os.open(lock_path(path), os.O_RDONLY)
    except (ImportError, OSError):  # no lock file: nobody records
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
