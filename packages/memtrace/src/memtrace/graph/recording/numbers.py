"""The one counter of a recording that several processes write.

It is a small file beside the trace, mapped into every process and guarded by a file lock that the
system frees when a process dies. A draw costs about a microsecond (two system calls), so only
recordings with `processes=True` use it; any other counts in memory.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

__all__ = ["SharedNumbers", "numbers_path"]

_BYTES = 8


def numbers_path(path: Path) -> Path:
    """The file that carries the counter of a trace."""
    return path.with_name(f".{path.name}.numbers")


class SharedNumbers:
    """Draws the next number of a trace, whichever process asks.

    Args:
        path: The trace.
        above: Numbers up to this one are taken, whatever the file says.
        create: Make the file, or start over with the one a killed recording left.

    Raises:
        FileNotFoundError: If there is no such counter and it is not to be made.
    """

    def __init__(self, path: Path, *, above: int = 0, create: bool = False) -> None:
        import fcntl

        self._flock, self._take, self._give = fcntl.flock, fcntl.LOCK_EX, fcntl.LOCK_UN
        flags = os.O_RDWR | (os.O_CREAT | os.O_TRUNC if create else 0)
        self._descriptor = os.open(numbers_path(path), flags, 0o644)
        if create:
            os.truncate(self._descriptor, _BYTES)
        self._map = mmap.mmap(self._descriptor, _BYTES)
        self._cell = memoryview(self._map).cast("q")
        self._raise_to(above)

    def __call__(self) -> int:
        """The next number."""
        descriptor, cell = self._descriptor, self._cell
        self._flock(descriptor, self._take)
        number = cell[0] + 1
        cell[0] = number
        self._flock(descriptor, self._give)
        return number

    def close(self) -> None:
        """Let go of the file."""
        self._cell.release()
        self._map.close()
        os.close(self._descriptor)

    def _raise_to(self, above: int) -> None:
        self._flock(self._descriptor, self._take)
        self._cell[0] = max(self._cell[0], above)
        self._flock(self._descriptor, self._give)
