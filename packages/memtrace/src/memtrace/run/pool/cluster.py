"""Processes of a Ray cluster: actors that each build model and systems once.

In: a setup, tasks, a number. Out: events, as they come. With a shared folder every actor records
its parts there, so nothing is lost with whoever dies. Without one it records on its machine's own
disk, and a part comes back when its conversation is done: a kill costs the conversations under
way. A task whose actor dies is tried once more, then reported. One more actor keeps the books of
the budget.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import traceback
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.llm.budget import Budget, Meter
from lmcommon.llm.shared_budget import MeterHost, RemoteMeter
from lmcommon.llm.types import Usage
from lmcommon.runlog import Run
from memtrace.run.pipeline import answered
from memtrace.run.pool.types import Asked, Died, Event, Finished, Setup, Task
from memtrace.run.pool.workshop import Workshop, workshop

__all__ = ["Cluster", "run_on_ray"]

_FILES = ("trace.db", "episodes.jsonl", "costs.jsonl")
_WAIT_S = 1.0
_CONNECT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where to run, and what each worker takes. Example: `Cluster(workers=16)`."""

    workers: int
    address: str | None = None
    """None: the cluster this machine belongs to, else one is started on this machine."""
    shared_folder: Path | None = None
    """A folder that all machines see; parts are recorded below it."""
    gpus: float = 0.0
    """Of each worker; a model in its process sees no GPU without."""


@dataclass
class _Worker:
    """An actor, what it is at, and what comes from it."""

    name: str
    actor: Any
    task: Task
    messages: Any


def run_on_ray(
    setup: Setup, tasks: Sequence[Task], folder: Path, cluster: Cluster
) -> Iterator[Event]:
    """Do the tasks on a Ray cluster.

    Args:
        setup: What each worker builds.
        tasks: What to do.
        folder: Where each task gets a folder of its own, on this machine.
        cluster: Where to run.

    Raises:
        MissingExtraError: Without the package `ray`.
        UserError: No cluster at this address, or a worker met something the user can fix.
        RuntimeError: A worker broke down.
    """
    ray = require("ray", extra="memtrace-llm[ray]")
    if not tasks:
        return
    if cluster.shared_folder is not None:
        _link(folder, cluster.shared_folder)
    is_ours = not ray.is_initialized()
    if is_ours:
        _connect(ray, cluster)
    driver = _Driver(ray, setup, tasks, folder, cluster)
    try:
        yield from driver.run()
    finally:
        driver.dismiss()
        if is_ours:
            ray.shutdown()


def _connect(ray: Any, cluster: Cluster) -> None:
    if cluster.address is not None:
        _check_reachable(cluster.address)
    quiet = {"log_to_driver": False, "configure_logging": False}
    try:
        ray.init(address=cluster.address or "auto", **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        if cluster.address is not None:
            raise UserError(
                f"ray_address={cluster.address!r}: expected a Ray cluster there; {error}"
            ) from error
        cpus = max(cluster.workers, os.cpu_count() or 1)
        # Started for this run alone: no machine but this one has to reach it.
        ray.init(num_cpus=cpus, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)


def _check_reachable(address: str) -> None:
    """Refuse an address where nobody listens: Ray itself would try for many minutes.

    Raises:
        UserError: Says so. Addresses that are no host and port are left to Ray.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
    except OSError as error:
        raise UserError(
            f"ray_address={address!r}: expected a Ray cluster there; {error}; `ray start --head` "
            "prints the address of a cluster it starts"
        ) from error


def _link(folder: Path, shared: Path) -> None:
    """Let `folder` be a folder below the shared one, so that a resumed run finds the parts."""
    target = shared.resolve() / f"{folder.parent.name}-parts"
    target.mkdir(parents=True, exist_ok=True)
    if not folder.is_symlink():
        folder.symlink_to(target, target_is_directory=True)


class _Driver:
    """The side that hands out tasks."""

    def __init__(
        self, ray: Any, setup: Setup, tasks: Sequence[Task], folder: Path, cluster: Cluster
    ) -> None:
        self._ray, self._setup, self._folder, self._cluster = ray, setup, folder, cluster
        self._tasks = deque(tasks)
        self._hired = 0
        self._books = (
            ray.remote(_Books).options(num_cpus=0).remote(setup.budgets) if setup.budgets else None
        )
        self._crew: dict[Any, _Worker] = {}
        """By what comes from them."""

    def run(self) -> Iterator[Event]:
        """Events, until all is done."""
        for _ in range(min(self._cluster.workers, len(self._tasks))):
            self._hire()
        while self._crew:
            ready, _ = self._ray.wait(list(self._crew), num_returns=1, timeout=_WAIT_S)
            for messages in ready:
                yield from self._hear(self._crew[messages])

    def dismiss(self) -> None:
        """End all that are left."""
        for worker in self._crew.values():
            self._ray.kill(worker.actor)
        self._crew.clear()
        if self._books is not None:
            self._ray.kill(self._books)

    def _hire(self) -> None:
        name = f"worker-{self._hired}"
        self._hired += 1
        actor = (
            self._ray.remote(_Actor)
            .options(num_cpus=1, num_gpus=self._cluster.gpus, scheduling_strategy="SPREAD")
            .remote(name, self._setup, self._books)
        )
        self._assign(name, actor)

    def _assign(self, name: str, actor: Any) -> None:
        """The next task for a worker, if there is one; else it is let go."""
        if not self._tasks:
            self._ray.kill(actor)
            return
        task = self._tasks.popleft()
        where = None if self._cluster.shared_folder is None else self._folder.resolve()
        messages = actor.run.options(num_returns="streaming").remote(task, where)
        self._crew[messages] = _Worker(name, actor, task, messages)

    def _hear(self, worker: _Worker) -> Iterator[Event]:
        try:
            what, value = self._ray.get(next(worker.messages))
        except StopIteration:
            del self._crew[worker.messages]
            self._assign(worker.name, worker.actor)
            return
        except (
            self._ray.exceptions.RayActorError, self._ray.exceptions.RaySystemError,
            self._ray.exceptions.WorkerCrashedError, self._ray.exceptions.ObjectLostError,
        ) as error:  # fmt: skip
            yield from self._lost(worker, error)
            return
        if what == "asked":
            yield Asked(worker.task)
            return
        self._keep(worker.task, value.pop("files"))
        if what == "refused":
            raise UserError(value["why"])
        if what == "broken":
            raise RuntimeError(f"a worker broke down:\n{value['why']}")
        yield Finished(worker.task)

    def _lost(self, worker: _Worker, error: Exception) -> Iterator[Event]:
        """An actor is gone: its task is tried once more by another one."""
        del self._crew[worker.messages]
        self._ray.kill(worker.actor)  # it may be out of reach only
        if self._books is not None:
            self._ray.get(self._books.bury.remote(worker.name))
        task = worker.task
        if task.tried == 0:
            part = self._folder / task.part
            known = {episode.question for episode in answered(Run(part))} if part.is_dir() else ()
            self._tasks.append(replace(
                task, tried=1, suffix=f"{task.suffix or '#1'}.2",
                answered=task.answered.union(known),
            ))  # fmt: skip
        else:
            yield Died(task, f"its worker died twice: {str(error).splitlines()[0]}")
        if self._tasks:
            self._hire()

    def _keep(self, task: Task, files: Mapping[str, bytes]) -> None:
        """Write a part that came back as bytes; it appears as a whole."""
        if not files:
            return
        target = self._folder / task.part
        aside = self._folder / f".{task.part}"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir(parents=True)
            for name, data in files.items():
                (aside / name).write_bytes(data)
            aside.rename(target)
        except OSError as error:
            raise UserError(
                f"{target}: writing failed: {error.strerror or error}; free the disk and resume"
            ) from error


class _Books:
    """The actor that keeps the books of all budgets."""

    def __init__(self, budgets: Mapping[str, Budget]) -> None:
        self._hosts = {name: MeterHost(budget) for name, budget in budgets.items()}

    def answer(self, owner: str, meter: str, method: str, arguments: tuple[Usage, ...]) -> Any:
        """What a worker asks the meter."""
        return self._hosts[meter].answer(owner, method, arguments)

    def bury(self, owner: str) -> None:
        """A worker is gone."""
        for host in self._hosts.values():
            host.bury(owner)


class _Actor:
    """A worker: the same function as in any other process, and a way to bring the part back."""

    def __init__(self, name: str, setup: Setup, books: Any) -> None:
        self._name, self._setup, self._books = name, setup, books
        self._open = ExitStack()
        self._shop: Workshop | None = None

    def run(self, task: Task, folder: Path | None) -> Iterator[tuple[str, Any]]:
        """Do a task; gives a message for each question, and one at the end with the part."""
        with tempfile.TemporaryDirectory(prefix="memtrace-") as own:
            part = (folder or Path(own)) / task.part
            what, why = "finished", ""
            try:
                if self._shop is None:
                    self._shop = self._open.enter_context(workshop(self._setup, self._meters()))
                for _ in self._shop.run(task, part):
                    yield "asked", None
            except UserError as error:
                what, why = "refused", str(error)
            except Exception:  # the border of the process: told to whoever started it
                what, why = "broken", traceback.format_exc()
            files = {} if folder is not None else _read(part)
            yield what, {"why": why, "files": files}

    def _meters(self) -> dict[str, Meter]:
        import ray

        def meter(name: str, budget: Budget) -> Meter:
            return RemoteMeter(
                budget,
                lambda method, arguments: ray.get(
                    self._books.answer.remote(self._name, name, method, arguments)
                ),
            )

        return {name: meter(name, budget) for name, budget in self._setup.budgets.items()}


def _read(part: Path) -> dict[str, bytes]:
    return {name: (part / name).read_bytes() for name in _FILES if (part / name).is_file()}
