"""From the configuration of a packaged system to memories in worker processes.

Memories of one factory share one worker, unless the system takes a process for each. A worker
that died is replaced for the next memory; those that lived in it are broken. A factory that is not
needed any more leaves its worker to the next one of the same environment, since starting one (and
importing what it needs) takes seconds: a replay is a factory, and there may be hundreds.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from itertools import count
from typing import TYPE_CHECKING, Any

from lmcommon.embed.base import Embedder
from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from memtrace.memory.base import MemorySystem
from memtrace.memory.isolated.environments import Environment, environment
from memtrace.memory.isolated.preparing import Prepared, prepared
from memtrace.memory.isolated.process import WorkerProcess
from memtrace.memory.isolated.proxy import IsolatedMemory
from memtrace.memory.isolated.serving import Served
from memtrace.memory.isolated.wire import to_wire
from memtrace.memory.specs import described

if TYPE_CHECKING:
    from memtrace.memory.packaged import PackagedConfig

__all__ = ["isolated_factory"]

_IDLE_AT_MOST = 4
_IDLE: dict[str, list[WorkerProcess]] = {}
"""Workers that wait for the next factory, by interpreter. Lists are changed atomically."""
_NUMBERS = count(1)
"""Of memories: a worker may have held those of other factories."""


def isolated_factory(
    config: PackagedConfig, model: ChatModel, embedder: Embedder
) -> Callable[[str], MemorySystem]:
    """A factory of memories in processes of their own.

    Args:
        config: Of the system; says which environment.
        model: Answers, extracts, decides: in this process.
        embedder: Makes the vectors of the system's store, in this process.

    Raises:
        UserError: The environment is not prepared; says how to.
    """
    row = environment(config.environment)
    found = prepared(row, python=config.python)
    if found is None:
        raise UserError(
            f"memory system {row.name!r}: expected {row.range} in this environment, or an "
            f"environment of its own; found neither; prepare one: memtrace-systems "
            f"prepare={row.name}{f' python={config.python}' if config.python else ''}"
        )
    workers = _Workers(row, found, config.timeout_s)
    served = Served(model, embedder)
    about = {
        "config": _described(config, embedder),
        "model": to_wire({"name": model.name, "identity": dict(model.identity)}),
        "embedder": to_wire({"name": embedder.name, "identity": dict(embedder.identity)}),
    }

    def make(scope: str) -> MemorySystem:
        worker = workers.take()
        number = next(_NUMBERS)
        return IsolatedMemory(
            worker, number, {**about, "scope": scope}, served, workers.release(worker, number)
        )

    vars(make)["needs_processes"] = True
    return make


class _Workers:
    """The workers of one factory; they end with it."""

    def __init__(self, row: Environment, found: Prepared, timeout_s: float) -> None:
        self._row, self._prepared, self._timeout_s = row, found, timeout_s
        self._running: list[WorkerProcess] = []
        kept_for = "" if row.one_per_process else found.python
        weakref.finalize(self, _leave, self._running, kept_for).atexit = False

    def take(self) -> WorkerProcess:
        """The worker for one more memory."""
        for worker in [one for one in self._running if one.is_dead]:
            self._running.remove(worker)
            worker.stop()
        if self._row.one_per_process or not self._running:
            self._running.append(
                self._idle() or WorkerProcess(self._prepared, timeout_s=self._timeout_s)
            )
        return self._running[-1]

    def _idle(self) -> WorkerProcess | None:
        """A worker that another factory left, if it is well."""
        waiting = [] if self._row.one_per_process else _IDLE.get(self._prepared.python, [])
        while waiting:
            with suppress(IndexError):  # another thread was faster
                worker = waiting.pop()
                if worker.is_well():
                    worker.timeout_s = self._timeout_s
                    return worker
                worker.stop()
        return None

    def release(self, worker: WorkerProcess, number: int) -> Callable[[], None]:
        """What to do when a memory is not needed any more. Keeps the workers until then."""

        def release() -> None:
            if not self._row.one_per_process:
                worker.later("memory", number)
            elif worker in self._running:
                self._running.remove(worker)
                worker.stop()

        return release


def _leave(workers: list[WorkerProcess], python: str) -> None:
    """Leave workers to the next factory, or stop them."""
    waiting = _IDLE.setdefault(python, [])
    while workers:
        worker = workers.pop()
        if python and len(waiting) < _IDLE_AT_MOST and worker.is_well():
            waiting.append(worker)
        else:
            worker.stop()


def _described(config: PackagedConfig, embedder: Embedder) -> dict[str, Any]:
    """A configuration by module, class and values; of its embedder only the name."""
    values = {field.name: described(getattr(config, field.name)) for field in fields(config)}
    values["embed"] = {"name": embedder.name}
    kind = type(config)
    return {"module": kind.__module__, "class": kind.__qualname__, "values": to_wire(values)}
