"""A progress bar on standard error for work that says how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from memtrace.graph.checking.findings import Tick
from memtrace.graph.checking.verdicts import no_tick

__all__ = ["ticking"]


@contextmanager
def ticking() -> Iterator[Tick]:
    """A function to tell progress to; silent where standard error is no terminal."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    console = Console(stderr=True)
    if not console.is_terminal:
        yield no_tick
        return
    with Progress(console=console, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def tick(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total or None)
            if not total or done % 64 == 0 or done >= total - 1:
                progress.update(tasks[what], completed=done)

        yield tick
