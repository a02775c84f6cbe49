"""The tasks of a run in processes of this machine.

In: a setup, tasks, a number. Out: events, as they come; see `memtrace.run.crew` for what happens
when a process dies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from memtrace.run.crew import Crew, Line, Lost, Said
from memtrace.run.pool.types import Asked, Died, Event, Finished, Setup, Task
from memtrace.run.pool.workshop import workshop

__all__ = ["run_local"]


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
    crew = Crew(_Serve(setup, folder), tasks, workers=workers, budgets=setup.budgets)
    for event in crew.events():
        if isinstance(event, Said):
            yield Asked(event.task)
        elif isinstance(event, Lost):
            yield Died(event.task, event.reason)
        else:
            yield Finished(event.task)


@dataclass(frozen=True, slots=True)
class _Serve:
    """What each process does."""

    setup: Setup
    folder: Path

    def __call__(self, line: Line) -> None:
        with workshop(self.setup, line.meters()) as shop:
            for task in line.tasks():
                for _ in shop.run(task, self.folder / task.part):
                    line.say()
