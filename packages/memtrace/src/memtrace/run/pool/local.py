"""Processes on this machine. Each asks for its next task by a pipe, and for room in the budget.

In: a setup, tasks, a number. Out: events, as they come. A process that dies (killed, out of
memory) costs its task and nothing else; another one takes its place. When the process that started
them is gone, they leave.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.llm.budget import Budget, Meter
from lmcommon.llm.shared_budget import MeterHost, RemoteMeter
from memtrace.run.pool.types import Asked, Died, Event, Finished, Setup, Task
from memtrace.run.pool.workshop import workshop

__all__ = ["run_local"]

_LEAVE_S = 30.0
"""How long a process may take to close its model."""
_GRACE_S = 3.0
"""How long it may take to leave when the run is over before its time."""


@dataclass
class _Worker:
    """A process, the way to talk to it, and what it is at."""

    name: str
    process: SpawnProcess
    line: Connection
    task: Task | None = None
    has_started: bool = False


def run_local(
    setup: Setup, tasks: Sequence[Task], folder: Path, *, workers: int
) -> Iterator[Event]:
    """Do the tasks in processes of this machine.

    Args:
        setup: What each process builds.
        tasks: What to do.
        folder: Where each task gets a folder of its own.
        workers: How many processes.

    Raises:
        UserError: One of the processes met something the user can fix.
        RuntimeError: One of them broke down, or died before it began.
    """
    host = _Host(setup, tasks, folder)
    try:
        for _ in range(min(workers, len(tasks))):
            host.hire()
        while host.crew:
            for line in connection.wait(list(host.crew)):
                assert isinstance(line, Connection)
                yield from host.hear(line)
    finally:
        host.dismiss()


class _Host:
    """The side that starts processes and answers them."""

    def __init__(self, setup: Setup, tasks: Sequence[Task], folder: Path) -> None:
        self._setup, self._tasks, self._folder = setup, deque(tasks), folder
        self._meters = {name: MeterHost(limit) for name, limit in setup.budgets.items()}
        self._context = get_context("spawn")
        self._hired = 0
        self.crew: dict[Connection, _Worker] = {}

    def hire(self) -> None:
        """Start another process."""
        ours, theirs = self._context.Pipe()
        name = f"memtrace-worker-{self._hired}"
        self._hired += 1
        process = self._context.Process(
            target=_work, args=(theirs, self._setup, self._folder), name=name
        )
        process.start()
        theirs.close()  # so that its death ends our side
        self.crew[ours] = _Worker(name, process, ours)

    def hear(self, line: Connection) -> Iterator[Event]:
        """Take one message, and do what it asks."""
        worker = self.crew[line]
        try:
            what, *rest = line.recv()
            if what == "next":
                worker.has_started = True
                worker.task = self._tasks.popleft() if self._tasks else None
                line.send(worker.task)
            elif what == "meter":
                meter, method, arguments = rest
                line.send(self._meters[meter].answer(worker.name, method, arguments))
        except (EOFError, OSError):
            yield from self._lost(worker)
            return
        if what == "refused":
            raise UserError(rest[0])
        if what == "broken":
            raise RuntimeError(f"a worker broke down:\n{rest[0]}")
        if what == "asked" and worker.task is not None:
            yield Asked(worker.task)
        if what == "finished" and worker.task is not None:
            task, worker.task = worker.task, None
            yield Finished(task)

    def dismiss(self) -> None:
        """End all that are left."""
        for worker in self.crew.values():
            worker.line.close()  # it notices when it next has something to say
        until = time.monotonic() + _GRACE_S
        for worker in self.crew.values():
            worker.process.join(max(0.0, until - time.monotonic()))
            worker.process.kill()
            worker.process.join()
        self.crew.clear()

    def _lost(self, worker: _Worker) -> Iterator[Event]:
        """A process has ended: as it should, or over a task."""
        del self.crew[worker.line]
        worker.line.close()
        worker.process.join(_LEAVE_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        for meter in self._meters.values():
            meter.bury(worker.name)
        if not worker.has_started:
            raise RuntimeError(
                f"a worker died before it began ({_how(worker.process.exitcode)}); is there enough "
                "memory for one model a worker? Use fewer workers"
            )
        if worker.task is None:
            return
        if self._tasks:
            self.hire()
        yield Died(worker.task, f"its worker died: {_how(worker.process.exitcode)}")


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


class _Dismissed(Exception):  # noqa: N818  (no error: the run is over)
    """Nobody listens any more."""


class _Line:
    """A worker's side of the pipe. Threads of the model may ask the meter meanwhile."""

    def __init__(self, line: Connection) -> None:
        self._line, self._lock = line, threading.Lock()

    def tell(self, *message: Any) -> None:
        try:
            with self._lock:
                self._line.send(message)
        except OSError as error:
            raise _Dismissed from error

    def ask(self, *message: Any) -> Any:
        try:
            with self._lock:
                self._line.send(message)
                return self._line.recv()
        except (EOFError, OSError) as error:
            raise _Dismissed from error

    def meters(self, budgets: Mapping[str, Budget]) -> dict[str, Meter]:
        """A meter for each budget, whose books the host keeps."""

        def meter(name: str, budget: Budget) -> Meter:
            return RemoteMeter(
                budget, lambda method, arguments: self.ask("meter", name, method, arguments)
            )

        return {name: meter(name, budget) for name, budget in budgets.items()}


def _work(connection_: Connection, setup: Setup, folder: Path) -> None:
    """What a process does: build, then one task after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    line = _Line(connection_)
    with suppress(_Dismissed):
        _serve(line, setup, folder)


def _serve(line: _Line, setup: Setup, folder: Path) -> None:
    try:
        with workshop(setup, line.meters(setup.budgets)) as shop:
            while (task := line.ask("next")) is not None:
                for _ in shop.run(task, folder / task.part):
                    line.tell("asked")
                line.tell("finished")
    except _Dismissed:
        raise
    except UserError as error:
        line.tell("refused", str(error))
    except Exception:  # the border of the process: told to whoever started it
        line.tell("broken", traceback.format_exc())


def _leave_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
