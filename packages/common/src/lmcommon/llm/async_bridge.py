"""One event loop in a thread of its own, so that async code can be called from anywhere.

A client with one pool of connections, one rate limit and one concurrency limit must live on one
event loop, while its callers may be plain code, several threads, or coroutines on a loop of their
own. `LoopThread.run` serves the first two (also inside a running loop, which it blocks), `arun`
the last.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["LoopThread"]

T = TypeVar("T")
Cleanup = Callable[[], Coroutine[Any, Any, None]]


class LoopThread:
    """A daemon thread that runs an event loop, started on first use."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = os.getpid()
        self._stop: weakref.finalize[Any, Any] | None = None
        self._cleanups: list[Cleanup] = []

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to the end and return the result. Interrupting the wait cancels the work."""
        future = self._submit(coroutine)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def arun(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await the result from another loop. Cancelling the wait cancels the work."""
        return await asyncio.wrap_future(self._submit(coroutine))

    def at_stop(self, cleanup: Cleanup) -> None:
        """Await this on the loop before it stops, also when `close` is never called."""
        self._cleanups.append(cleanup)

    def close(self) -> None:
        """Stop the loop and its thread. Idempotent; a later call starts a new one."""
        with self._lock:
            if self._stop is not None and self._pid == os.getpid():
                self._stop()
            self._loop = self._stop = None

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._running_loop())

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._pid != os.getpid():  # Threads do not survive a fork.
                self._loop, self._pid = None, os.getpid()
                if self._stop is not None:
                    self._stop.detach()
            if self._loop is None:
                loop = asyncio.new_event_loop()
                self._cleanups = []
                thread = threading.Thread(
                    target=_serve, args=(loop, self._cleanups), name=self._name, daemon=True
                )
                thread.start()
                self._loop = loop
                self._stop = weakref.finalize(self, _stop, loop, thread)
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop, cleanups: list[Cleanup]) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for cleanup in cleanups:
            loop.run_until_complete(cleanup())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    if thread.is_alive():
        loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():
            thread.join(timeout=5)
