"""Recording from several processes: who may join, and how a process leaves when it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from lmcommon.errors import UserError
from memtrace.graph.recording.lock import WriteLock
from memtrace.graph.recording.numbers import numbers_path

__all__ = ["is_worker", "leave_with_process", "lock_for"]


def lock_for(path: Path, *, joins: bool) -> WriteLock | None:
    """The lock of a process that joins; one that starts the recording makes its own.

    Raises:
        UserError: When there is nothing to join, or the system cannot share a file.
    """
    if sys.platform == "win32":
        raise UserError(
            "expected a POSIX system to record from several processes; this one has no file locks "
            "that a killed process gives back; record one trace a process"
        )
    if not joins:
        return None
    if not path.is_file() or not numbers_path(path).is_file():
        raise UserError(
            f"{path}: expected a recording to join; none with processes=True is open here; start "
            "it first by memtrace.record(path, processes=True)"
        )
    lock = WriteLock(path, shared=True)
    if not numbers_path(path).is_file():  # the last one left while we waited
        lock.release()
        raise UserError(f"{path}: the recording to join has just ended; start another")
    return lock


def is_worker() -> bool:
    """Whether this process is a child of `multiprocessing`."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def leave_with_process(close: Callable[[], None]) -> None:
    """Close when a child of `multiprocessing` ends: it skips what `atexit` would run."""
    if is_worker():
        from multiprocessing.util import Finalize

        Finalize(None, close, exitpriority=100)
