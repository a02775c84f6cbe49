"""Messages over a pair of pipes: `MTW1`, the length (8 bytes, big-endian), then JSON in ASCII.

Pipes of their own carry them, so nothing a library prints can get between. Whoever reads knows a
pipe that was closed, a stranger that writes into it, and one that says nothing for too long.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Callable
from typing import Any

__all__ = ["Garbage", "Pipes"]

_HEAD = struct.Struct(">4sQ")
_MAGIC = b"MTW1"
_MOST = 1 << 34
_SLICE_MS = 500
_CHUNK = 1 << 20


class Garbage(Exception):  # noqa: N818
    """What came is no message."""


class Pipes:
    """Sends and receives JSON objects. Not safe to use from several threads at once.

    Args:
        reads: File descriptor to read from; closed with this object.
        writes: File descriptor to write to; likewise.
        is_alive: Whether the other side still runs: a child of it may hold the pipes open.
    """

    def __init__(
        self, reads: int, writes: int, is_alive: Callable[[], bool] = lambda: True
    ) -> None:
        self._reads, self._writes, self._is_alive = reads, writes, is_alive
        self._is_closed = False
        for descriptor in (reads, writes):
            os.set_blocking(descriptor, False)

    def send(self, message: Any, timeout_s: float | None = None) -> None:
        """Send one message.

        Raises:
            EOFError: The other side is gone.
            TimeoutError: It does not read.
        """
        data = json.dumps(message).encode("ascii")
        rest = memoryview(_HEAD.pack(_MAGIC, len(data)) + data)
        deadline = _deadline(timeout_s)
        while rest:
            self._wait(self._writes, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._writes, rest[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise EOFError(str(error)) from None

    def receive(self, timeout_s: float | None = None) -> Any:
        """The next message.

        Raises:
            EOFError: The other side is gone.
            TimeoutError: Nothing came.
            Garbage: What came is no message.
        """
        deadline = _deadline(timeout_s)
        magic, length = _HEAD.unpack(self._read(_HEAD.size, deadline))
        if magic != _MAGIC or length > _MOST:
            raise Garbage(f"expected a message that starts with {_MAGIC!r}; got {magic!r}")
        data = self._read(length, deadline)
        try:
            return json.loads(data)
        except ValueError as error:
            raise Garbage(f"expected JSON; got {bytes(data[:80])!r}: {error}") from None

    def close(self) -> None:
        """Close both pipes."""
        if not self._is_closed:
            self._is_closed = True
            os.close(self._reads)
            os.close(self._writes)

    def _read(self, size: int, deadline: float | None) -> bytearray:
        data = bytearray()
        while len(data) < size:
            self._wait(self._reads, select.POLLIN, deadline)
            try:
                part = os.read(self._reads, min(size - len(data), _CHUNK))
            except BlockingIOError:
                continue
            if not part:
                raise EOFError("the pipe was closed")
            data += part
        return data

    def _wait(self, descriptor: int, event: int, deadline: float | None) -> None:
        """Return when the pipe is ready (or closed, which the next call then notices)."""
        if self._is_closed:
            raise EOFError("the pipe was closed here")
        poll = select.poll()
        poll.register(descriptor, event)
        while not poll.poll(_SLICE_MS):
            if not self._is_alive():
                raise EOFError("the process has ended")
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError


def _deadline(timeout_s: float | None) -> float | None:
    return None if timeout_s is None else time.monotonic() + timeout_s
