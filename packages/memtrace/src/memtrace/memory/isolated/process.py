"""One worker process, as its parent holds it: started, called, watched, stopped.

In: calls of the protocol (see `worker`), from any thread, one at a time. Out: their results. A
worker that ends, talks nonsense or says nothing for too long is a `BrokenMemoryError` that tells
how it ended and what it said last; it is not used again.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any

from lmcommon.errors import UserError
from memtrace.graph.recording.recorder import Recorder
from memtrace.memory.isolated.failures import from_wire_error, to_wire_error
from memtrace.memory.isolated.framing import Garbage, Pipes
from memtrace.memory.isolated.linking import lent_packages, our_version
from memtrace.memory.isolated.preparing import Prepared, systems_root
from memtrace.memory.isolated.serving import Served, answered
from memtrace.memory.isolated.wire import from_wire, to_wire
from memtrace.memory.isolated.worker import PROTOCOL
from memtrace.memory.types import BrokenMemoryError

__all__ = ["WorkerProcess"]

_STARTS_WITHIN_S = 120.0
_LEAVES_WITHIN_S = 10.0
_ENDS_WITHIN_S = 1.0
_LINES_KEPT = 40
_LINES_TOLD = 5
_ASKED = "memtrace_asked"
"""Marks an error that came from here, so that the error itself can be raised again."""


class WorkerProcess:
    """A running worker.

    Args:
        prepared: The environment it runs in.
        timeout_s: How long it may compute without a word.
        command: What to start instead of the worker, for tests of what strangers do.
    """

    def __init__(
        self, prepared: Prepared, *, timeout_s: float, command: list[str] | None = None
    ) -> None:
        self.name, self.timeout_s = prepared.name, timeout_s
        self._lock, self._holder = threading.Lock(), 0
        self._words: deque[str] = deque(maxlen=_LINES_KEPT)
        self._dropped: list[list[Any]] = []
        self._points: dict[str, list[list[str]] | None] = {}
        self._owner = os.getpid()
        self._death: str | None = None
        reads, theirs = os.pipe()
        mine, writes = os.pipe()
        module = ["-P", "-m", "memtrace.memory.isolated.worker"]
        started = [*(command or [prepared.python, *module]), str(mine), str(theirs)]
        try:
            self._process = subprocess.Popen(
                started, env=_environment(), pass_fds=(mine, theirs), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            for descriptor in (reads, writes):
                os.close(descriptor)
            raise BrokenMemoryError(f"cannot start a worker of {self.name!r}: {error}") from None
        finally:
            os.close(mine)
            os.close(theirs)
        self.pid = self._process.pid
        self._pipes = Pipes(reads, writes, lambda: self._process.poll() is None)
        assert self._process.stdout is not None
        self._listener = threading.Thread(
            target=_listen, args=(self._process.stdout, self._words), daemon=True,
            name=f"worker {self.pid} says",
        )  # fmt: skip
        self._listener.start()
        self.hello = self._greeted()
        atexit.register(self.stop)

    @property
    def is_dead(self) -> bool:
        """Whether it cannot be called any more."""
        return self._death is not None or os.getpid() != self._owner

    def is_well(self) -> bool:
        """Whether it runs and can be called."""
        return not self.is_dead and self._process.poll() is None

    def call(
        self, what: Mapping[str, Any], served: Served | None, recorder: Recorder | None = None
    ) -> Any:
        """Make a call and answer what it asks meanwhile.

        Args:
            what: The call; see `worker`.
            served: What the memory uses here.
            recorder: The recording it runs in.

        Raises:
            BrokenMemoryError: The worker is no more.
        """
        with self._turn(str(what["do"])):
            dropped, self._dropped = self._dropped, []
            message = {**what, "dropped": dropped}
            if recorder is not None:
                message["recording"] = self._known_points(recorder, dict(what["recording"]))
            done, error = self._exchange(message, served)
        if error is not None:  # of the memory, not of the exchange
            raise error
        return done

    def later(self, sort: str, *names: Any) -> None:
        """Tell it with the next call that nobody needs this any more. Safe in finalizers."""
        self._dropped.append([sort, *names])

    def leave(self, run: str) -> None:
        """Let it close its part of a recording, now if it is idle."""
        self._points.pop(run, None)
        if self.is_dead or self._holder == threading.get_ident():
            return
        self.later("recording", run)
        if not self._lock.acquire(timeout=_LEAVES_WITHIN_S):
            return  # busy in another thread: it leaves with its next call
        self._lock.release()
        with suppress(BrokenMemoryError):
            self.call({"do": "leave", "run": run}, None)

    def stop(self) -> None:
        """End it: kindly, and if that does not help, otherwise. Idempotent."""
        atexit.unregister(self.stop)
        if os.getpid() != self._owner:
            return
        if self._death is None and self._holder == 0:
            with suppress(EOFError, TimeoutError):  # a forked child may hold the pipes open
                self._pipes.send({"do": "end"}, _ENDS_WITHIN_S)
        self._death = self._death or f"the worker of {self.name!r} was stopped"
        self._pipes.close()
        try:
            self._process.wait(_LEAVES_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._kill()
        self._listener.join(1.0)

    def _greeted(self) -> dict[str, Any]:
        with self._turn("start"):
            message = self._pipes.receive(_STARTS_WITHIN_S)
            hello = message.get("hello") if isinstance(message, dict) else None
            if not isinstance(hello, dict):
                raise Garbage(f"expected a greeting; got {message!r}")
        ours = {"protocol": PROTOCOL, "memtrace": our_version()}
        theirs = {key: hello.get(key) for key in ours}
        if theirs != ours:
            self.stop()
            raise UserError(
                f"the worker of {self.name!r} speaks another version: expected {ours}; got "
                f"{theirs}; a memtrace is installed in that environment: remove it "
                f"(memtrace-systems remove={self.name}) and prepare it again"
            )
        return hello

    def _exchange(
        self, message: Mapping[str, Any], served: Served | None
    ) -> tuple[Any, Exception | None]:
        """Send a call, answer its questions, return what came out: a value or an error."""
        self._pipes.send(message, self.timeout_s)
        raised: dict[int, Exception] = {}
        while True:
            reply = self._pipes.receive(self.timeout_s)
            if not isinstance(reply, dict) or not {"ask", "done", "error"} & reply.keys():
                raise Garbage(f"expected a question or a result; got {str(reply)[:200]}")
            if "done" in reply:
                return from_wire(reply["done"]), None
            if "error" in reply:
                error = from_wire_error(reply["error"])
                return None, raised.get(reply["error"]["facts"].get(_ASKED), error)
            self._pipes.send(_answer(reply, served, raised), self.timeout_s)

    @contextmanager
    def _turn(self, doing: str) -> Iterator[None]:
        """Have the worker to oneself; whatever breaks the exchange is its end."""
        if os.getpid() != self._owner:
            raise BrokenMemoryError(
                f"the worker of {self.name!r} belongs to process {self._owner}, which this one was "
                "forked from; build memories after forking"
            )
        if self._holder == threading.get_ident():
            raise RuntimeError(
                f"the worker of {self.name!r} is busy with the call that asked for this one"
            )
        with self._lock:
            if self._death is not None:
                raise BrokenMemoryError(self._death)
            self._holder = threading.get_ident()
            try:
                yield
            except TimeoutError:
                self._dies(
                    doing, f"said nothing for {self.timeout_s:g} s (timeout_s) and was killed"
                )
            except Garbage as error:
                self._dies(doing, f"broke the protocol ({error}) and was killed")
            except EOFError:
                self._dies(doing, None)
            except BaseException as error:
                if not isinstance(error, Exception):  # interrupted in the middle of an exchange
                    self._death = f"the worker of {self.name!r} was stopped: {error!r}"
                    self._kill()
                raise
            finally:
                self._holder = 0

    def _dies(self, doing: str, how: str | None) -> None:
        """Note its end and raise `BrokenMemoryError`."""
        if how is not None:
            self._process.kill()
        try:
            self._process.wait(_LEAVES_WITHIN_S)
        except subprocess.TimeoutExpired:  # it closed its pipes and lives on
            self._process.kill()
            self._process.wait()
        self._listener.join(1.0)
        words = " | ".join(list(self._words)[-_LINES_TOLD:])
        self._death = (
            f"the worker of {self.name!r} (process {self.pid}) {how or _ended(self._process)} "
            f"during {doing!r}; it said last: {words or 'nothing'}"
        )
        self._pipes.close()
        raise BrokenMemoryError(self._death)

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._pipes.close()

    def _known_points(self, recorder: Recorder, recording: dict[str, Any]) -> dict[str, Any]:
        """The recording with its points, if they are not what the worker knows already."""
        run, points = recorder.id, recording.pop("points")
        if run not in self._points:
            mine = weakref.ref(self)
            recorder.companions.append(lambda: _leave(mine, run))
            self._points[run] = []
        if self._points[run] != points:
            self._points[run] = recording["points"] = points
        return recording


def _leave(worker: weakref.ref[WorkerProcess], run: str) -> None:
    found = worker()
    if found is not None:
        found.leave(run)


def _answer(
    question: Mapping[str, Any], served: Served | None, raised: dict[int, Exception]
) -> dict[str, Any]:
    """The reply to a question, an error included."""
    if served is None:
        raise Garbage(f"expected no question now; got {question['ask']!r}")
    try:
        return {"reply": to_wire(answered(question, served))}
    except Garbage:
        raise
    except Exception as error:  # the border: it is raised in the memory, as if it ran here
        row = to_wire_error(error)
        row["facts"][_ASKED] = len(raised)
        raised[len(raised)] = error
        return {"error": row}


def _environment() -> dict[str, str]:
    """The worker's environment variables: ours, but its own packages only."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {
        **kept, "PYTHONPATH": str(lent_packages(systems_root())), "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", "PYTHONUTF8": "1",
    }  # fmt: skip


def _listen(stream: IO[bytes], words: deque[str]) -> None:
    """Keep the last lines that the worker or its libraries printed."""
    with stream:
        for line in stream:
            if text := line.decode("utf-8", "replace").rstrip():
                words.append(text[:500])


def _ended(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
