"""A discriminator in processes of its own, on this machine's cores or on other GPUs.

In: how to load it, and one device a process. Out: a reader that shares pairs out to whoever is
free and gives the answers in order. A process that dies is started again, once for the same pairs;
then it is an error that says what to do.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing.connection import Connection, wait
from typing import Any

from lmcommon.errors import UserError
from rtt.discriminator.characters import Chars
from rtt.discriminator.encoding import Asked
from rtt.discriminator.serving.base import CharacterReader, ToldReader
from rtt.discriminator.serving.worker import answer_of, work

__all__ = ["ReaderPool"]

_LOG = logging.getLogger(__name__)
_TRIES = 2
_SHARE_CHARACTERS = 400_000
"""Characters of one share of the work at most, so that nobody waits long for the last."""
_START_S = 600.0


@dataclass(slots=True)
class _Worker:
    device: str
    process: Any
    pipe: Connection
    share: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class ReaderPool(ToldReader):
    """Processes with one reader each. They end with this one, whatever ends it.

    Args:
        load: Called in each process with its device; must be importable there (pickled).
        devices: One process each; a device may come several times.
        threads: Threads of each process on a CPU.

    Raises:
        UserError: No device, or a process could not load the discriminator.

    Example:
        `ReaderPool(partial(load_reader, folder), ["cuda:2", "cuda:3"])`
    """

    def __init__(
        self, load: Callable[[str], CharacterReader], devices: Sequence[str], *, threads: int = 1
    ) -> None:
        if not devices:
            raise UserError("relevance.devices: expected at least one device; got none")
        self._load, self._devices, self._threads = load, tuple(devices), threads
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._is_closed = False
        self._open()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of weights, tokenizer and precision."""
        return self._digest

    @cached_property
    def _facts(self) -> dict[str, Any]:
        self._open()
        return self._workers[0].facts

    @cached_property
    def _digest(self) -> str:
        self._open()
        worker = self._workers[0]
        worker.pipe.send(("digest", None))
        try:
            kind, told = worker.pipe.recv()
        except (EOFError, OSError) as error:
            raise self._lost(worker) from error
        return str(answer_of(kind, told))

    @property
    def pids(self) -> list[int]:
        """Process ids, in the order of the devices."""
        return [int(worker.process.pid) for worker in self._workers]

    def relevances(self, pairs: Sequence[tuple[str, ...]]) -> list[Chars]:
        """Relevance of every character; see `CharacterReader`.

        Raises:
            UserError: A criterion is too long, or a process died twice over the same pairs.
        """
        self._open()
        asked = [Asked(*pair) for pair in pairs]
        order = sorted(dict.fromkeys(asked), key=lambda one: (one.question, one.criterion))
        shares = _shares(order, len(self._workers))
        try:
            told, refused = self._read(shares)
        except BaseException:  # answers under way would be taken for those of the next call
            self._end()
            raise
        if refused is not None:
            raise refused
        return [told[one] for one in asked]

    def _read(
        self, shares: Sequence[Sequence[Asked]]
    ) -> tuple[dict[Asked, Chars], UserError | None]:
        told: dict[Asked, Chars] = {}
        left, tries = deque(range(len(shares))), [0] * len(shares)
        refused: UserError | None = None
        while left or any(worker.share is not None for worker in self._workers):
            for worker in self._workers:
                if worker.share is None and left:
                    worker.share = left.popleft()
                    tries[worker.share] += 1
                    self._send(worker, shares[worker.share])
            for worker, reply in self._replies():
                share = worker.share
                assert share is not None
                worker.share = None
                if reply is None:
                    self._replace(worker, is_last=tries[share] >= _TRIES)
                    left.append(share)
                elif isinstance(reply, UserError):
                    refused = reply
                    left.clear()
                else:
                    told |= dict(zip(shares[share], reply, strict=True))
        return told, refused

    def close(self) -> None:
        """End the processes."""
        self._is_closed = True
        self._end()

    def _open(self) -> None:
        """Start the processes, at first and after a failure has ended them: a server goes on."""
        if self._is_closed:
            raise ValueError("the pool is closed")
        if self._workers:
            return
        try:
            self._workers += [self._start(device) for device in self._devices]
            for worker in self._workers:
                self._greet(worker)
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(5)
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()
        self._workers = []

    def _start(self, device: str) -> _Worker:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(
            target=work, args=(self._load, device, self._threads, theirs), daemon=True,
            name=f"relevance on {device}",
        )  # fmt: skip
        process.start()
        theirs.close()  # or its end would never be seen
        return _Worker(device, process, mine)

    def _greet(self, worker: _Worker) -> None:
        """Wait until it has loaded the discriminator."""
        try:
            if not worker.pipe.poll(_START_S):
                raise UserError(
                    f"relevance: expected the discriminator on {worker.device} within "
                    f"{_START_S:.0f} s; got nothing; is the device free?"
                )
            worker.facts = answer_of(*worker.pipe.recv())
        except (EOFError, OSError) as error:
            raise self._lost(worker) from error

    def _send(self, worker: _Worker, pairs: Sequence[Asked]) -> None:
        with suppress(OSError):  # seen where its reply is awaited
            worker.pipe.send(("read", [tuple(one) for one in pairs]))

    def _replies(self) -> list[tuple[_Worker, Any]]:
        """Those who have something to say: relevances, a refusal, or None for a dead process."""
        busy = {worker.pipe: worker for worker in self._workers if worker.share is not None}
        found: list[tuple[_Worker, Any]] = []
        for pipe in wait(list(busy)):
            worker = busy[pipe]  # type: ignore[index]
            try:
                kind, told = worker.pipe.recv()
            except (EOFError, OSError):
                found.append((worker, None))
                continue
            if kind == "broken":
                raise RuntimeError(f"relevance on {worker.device}:\n{told}")
            found.append((worker, UserError(told) if kind == "refused" else told))
        return found

    def _replace(self, worker: _Worker, *, is_last: bool) -> None:
        error = self._lost(worker)
        if is_last:
            raise error
        _LOG.warning("%s; started again", error)
        fresh = self._start(worker.device)
        worker.process, worker.pipe = fresh.process, fresh.pipe
        self._greet(worker)

    def _lost(self, worker: _Worker) -> UserError:
        worker.pipe.close()
        worker.process.join(5)
        return UserError(
            f"relevance: expected an answer of the process on {worker.device}; it ended with exit "
            f"code {worker.process.exitcode} (-9: killed, often for want of memory); lower "
            "relevance.batch_tokens, or give fewer relevance.devices"
        )


def _shares(pairs: Sequence[Asked], workers: int) -> list[list[Asked]]:
    """Stretches of about equal work, several a worker; what begins alike stays together."""
    total = sum(len(one.response) + len(one.question) for one in pairs)
    most = max(min(_SHARE_CHARACTERS, total // (4 * workers) + 1), 2000)
    shares: list[list[Asked]] = []
    room = 0
    for one in pairs:
        size = len(one.response) + len(one.question)
        if not shares or size > room:
            shares.append([])
            room = most
        shares[-1].append(one)
        room -= size
    return shares
