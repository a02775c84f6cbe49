"""Processes on this machine that share out tasks. Each asks for its next one by a pipe.

In: what a process does (a picklable function), tasks, a number. Out: events, as they come. A
process that dies (killed, out of memory, over its time) costs its task and nothing else; another
one takes its place. Budgets are kept here, for all processes together. When the process that
started them is gone, they leave.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, TypeVar

from lmcommon.errors import UserError
from lmcommon.llm.budget import Budget, Meter
from lmcommon.llm.shared_budget import MeterHost, RemoteMeter

__all__ = ["Crew", "CrewEvent", "Line", "Lost", "Ready", "Said"]

Task = TypeVar("Task")

_LEAVE_S = 30.0
"""How long a process may take to close its model."""
_GRACE_S = 3.0
"""How long it may take to leave when the run is over before its time."""


@dataclass(frozen=True, slots=True)
class Said(Generic[Task]):
    """A process told something of the task it is at."""

    task: Task
    message: Any


@dataclass(frozen=True, slots=True)
class Ready(Generic[Task]):
    """A task is done."""

    task: Task


@dataclass(frozen=True, slots=True)
class Lost(Generic[Task]):
    """The process that worked on the task is gone."""

    task: Task
    reason: str


CrewEvent = Said[Task] | Ready[Task] | Lost[Task]


@dataclass
class _Worker(Generic[Task]):
    """A process, the way to talk to it, and what it is at."""

    name: str
    process: SpawnProcess
    line: Connection
    task: Task | None = None
    has_started: bool = False
    heard: float = 0.0
    """When it last said something."""
    reason: str | None = None
    """Why it was ended."""


class Crew(Generic[Task]):
    """The side that starts processes and answers them.

    Args:
        serve: What a process does, with its `Line`: build what it needs, take tasks by
            `line.tasks()`, tell what came of them. Anything it raises ends the whole run.
        tasks: What to do; `add` adds more on the way.
        workers: How many processes.
        budgets: Limits that hold over all of them together, by name; see `Line.meters`.
        limit_s: Most seconds between two things a process says of its task; None: no limit.
    """

    def __init__(
        self, serve: Callable[[Line], None], tasks: Iterable[Task], *, workers: int,
        budgets: Mapping[str, Budget] | None = None, limit_s: float | None = None,
    ) -> None:  # fmt: skip
        self._serve, self._tasks, self._workers = serve, deque(tasks), workers
        self._budgets, self._limit_s = dict(budgets or {}), limit_s
        self._meters = {name: MeterHost(limit) for name, limit in self._budgets.items()}
        self._context = get_context("spawn")
        self._hired = 0
        self._crew: dict[Connection, _Worker[Task]] = {}

    def add(self, task: Task) -> None:
        """One more task, done before those that wait."""
        self._tasks.appendleft(task)

    def events(self) -> Iterator[CrewEvent[Task]]:
        """Do the tasks.

        Raises:
            UserError: One of the processes met something the user can fix.
            RuntimeError: One of them broke down, or died before it began.
        """
        try:
            for _ in range(min(self._workers, len(self._tasks))):
                self._hire()
            while self._crew:
                wait_s = None if self._limit_s is None else min(1.0, self._limit_s)
                for line in connection.wait(list(self._crew), timeout=wait_s):
                    assert isinstance(line, Connection)
                    yield from self._hear(line)
                self._end_the_slow()
        finally:
            self._dismiss()

    def _hire(self) -> None:
        ours, theirs = self._context.Pipe()
        name = f"memtrace-worker-{self._hired}"
        self._hired += 1
        process = self._context.Process(
            target=_work, args=(theirs, self._serve, self._budgets), name=name
        )
        process.start()
        theirs.close()  # so that its death ends our side
        self._crew[ours] = _Worker(name, process, ours)

    def _hear(self, line: Connection) -> Iterator[CrewEvent[Task]]:
        """Take one message, and do what it asks."""
        worker = self._crew[line]
        try:
            what, *rest = line.recv()
            worker.heard = time.monotonic()
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
        if what == "said" and worker.task is not None:
            yield Said(worker.task, rest[0])
        if what == "finished" and worker.task is not None:
            task, worker.task = worker.task, None
            yield Ready(task)

    def _end_the_slow(self) -> None:
        if self._limit_s is None:
            return
        for worker in self._crew.values():
            is_slow = time.monotonic() - worker.heard > self._limit_s
            if worker.task is not None and is_slow and worker.reason is None:
                worker.reason = f"it took more than {self._limit_s:g} s"
                worker.process.kill()

    def _dismiss(self) -> None:
        """End all that are left."""
        for worker in self._crew.values():
            worker.line.close()  # it notices when it next has something to say
        until = time.monotonic() + _GRACE_S
        for worker in self._crew.values():
            worker.process.join(max(0.0, until - time.monotonic()))
            worker.process.kill()
            worker.process.join()
        self._crew.clear()

    def _lost(self, worker: _Worker[Task]) -> Iterator[CrewEvent[Task]]:
        """A process has ended: as it should, or over a task."""
        del self._crew[worker.line]
        worker.line.close()
        worker.process.join(_LEAVE_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        for meter in self._meters.values():
            meter.bury(worker.name)
        how = worker.reason or _how(worker.process.exitcode)
        if not worker.has_started:
            raise RuntimeError(
                f"a worker died before it began ({how}); is there enough memory for one model a "
                "worker? Use fewer workers"
            )
        if worker.task is not None:
            yield Lost(worker.task, f"its worker died: {how}")
            if self._tasks:
                self._hire()


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


class _Dismissed(Exception):  # noqa: N818  (no error: the run is over)
    """Nobody listens any more."""


class Line:
    """A worker's side of the pipe. Threads of the model may ask the meter meanwhile."""

    def __init__(self, connection_: Connection, budgets: Mapping[str, Budget]) -> None:
        self._line, self._lock, self._budgets = connection_, threading.Lock(), budgets

    def tasks(self) -> Iterator[Any]:
        """The tasks of this process; each is done when the next one is asked for."""
        while (task := self._ask("next")) is not None:
            yield task
            self._tell("finished")

    def say(self, message: Any = None) -> None:
        """Tell something of the present task."""
        self._tell("said", message)

    def meters(self) -> dict[str, Meter]:
        """A meter for each budget, whose books are kept by whoever started this process."""

        def meter(name: str, budget: Budget) -> Meter:
            return RemoteMeter(
                budget, lambda method, arguments: self._ask("meter", name, method, arguments)
            )

        return {name: meter(name, budget) for name, budget in self._budgets.items()}

    def _tell(self, *message: Any) -> None:
        try:
            with self._lock:
                self._line.send(message)
        except OSError as error:
            raise _Dismissed from error

    def _ask(self, *message: Any) -> Any:
        try:
            with self._lock:
                self._line.send(message)
                return self._line.recv()
        except (EOFError, OSError) as error:
            raise _Dismissed from error


def _work(
    connection_: Connection, serve: Callable[[Line], None], budgets: Mapping[str, Budget]
) -> None:
    """What a process does: build, then one task after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    line = Line(connection_, budgets)
    with suppress(_Dismissed):
        try:
            serve(line)
        except _Dismissed:
            raise
        except UserError as error:
            line._tell("refused", str(error))
        except Exception:  # the border of the process: told to whoever started it
            line._tell("broken", traceback.format_exc())


def _leave_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
