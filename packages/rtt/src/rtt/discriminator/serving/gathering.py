"""Requests that come at once are read together.

In: pairs from many threads. Out: each thread's own relevances. One thread reads; while it does,
what comes in waits and is its next batch.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from rtt.discriminator.characters import Chars
from rtt.discriminator.encoding import Asked
from rtt.discriminator.serving.base import CharacterReader

__all__ = ["Gatherer"]


@dataclass(slots=True)
class _Waiting:
    pairs: list[Asked]
    answer: Future[list[Chars]] = field(default_factory=Future)


class Gatherer:
    """Shares one reader among threads.

    Args:
        reader: What reads; called from one thread only.
        most: Pairs that are read together at most, unless one request has more.
    """

    def __init__(self, reader: CharacterReader, *, most: int = 4096) -> None:
        self._reader, self._most = reader, most
        self._waiting: list[_Waiting] = []
        self._changed = threading.Condition()
        self._is_closing = False
        self.batches = 0
        """Batches read so far."""
        self.pairs = 0
        """Pairs asked about so far."""
        self._thread = threading.Thread(target=self._run, daemon=True, name="relevance")
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    def relevances(self, pairs: Sequence[Asked]) -> list[Chars]:
        """Relevances of these pairs; waits for them.

        Raises:
            UserError: As the reader.
            ConnectionAbortedError: It is closed.
        """
        mine = _Waiting(list(pairs))
        with self._changed:
            if self._is_closing:
                raise ConnectionAbortedError("the server is going down")
            self._waiting.append(mine)
            self._changed.notify()
        return mine.answer.result()

    def close(self) -> None:
        """Answer what waits, then stop."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            self.batches += 1
            self.pairs += sum(len(one.pairs) for one in batch)
            if not self._answer(batch) and len(batch) > 1:
                for one in batch:  # only the request that cannot be answered shall fail
                    self._answer([one], is_last=True)

    def _next(self) -> list[_Waiting]:
        with self._changed:
            while not self._waiting and not self._is_closing:
                self._changed.wait()
            batch: list[_Waiting] = []
            room = self._most
            while self._waiting and (not batch or len(self._waiting[0].pairs) <= room):
                batch.append(self._waiting.pop(0))
                room -= len(batch[-1].pairs)
            return batch

    def _answer(self, batch: Sequence[_Waiting], *, is_last: bool = False) -> bool:
        try:
            told = iter(self._reader.relevances([pair for one in batch for pair in one.pairs]))
        except Exception as error:  # the border to the threads: each gets it as its own
            if is_last or len(batch) == 1:
                for one in batch:
                    one.answer.set_exception(error)
            return False
        for one in batch:
            one.answer.set_result([next(told) for _ in one.pairs])
        return True
