"""Questions that come one by one, answered together: what waits while a batch is worked on is next.

verl asks for the score of each response as it is finished. Judges and discriminators are fastest in
batches, and blocking; so one thread works, and each time it is free it takes all that has come in
meanwhile. Nothing waits for a batch to fill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["Gathering"]

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Gathering(Generic[Question, Answer]):
    """Awaitable answers of a blocking function over batches.

    Example:
        `await Gathering(score_many).ask(response)`

    Args:
        work: Answers a batch, in its order. Never runs twice at once.
        largest: Most questions of a batch.
    """

    def __init__(
        self, work: Callable[[Sequence[Question]], Sequence[Answer]], *, largest: int = 256
    ) -> None:
        self._work, self._largest = work, largest
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scoring")
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        """The answer; an error of the work reaches everyone whose question was in its batch."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((question, answer))
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._answer_all())
        return await answer

    async def _answer_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._waiting[: self._largest]
            del self._waiting[: self._largest]
            questions = [question for question, _ in batch]
            try:
                answers = await loop.run_in_executor(self._thread, self._work, questions)
                if len(answers) != len(batch):
                    raise ValueError(f"expected {len(batch)} answers; got {len(answers)}")
            except Exception as error:  # the border: whoever asked is told
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, answer), told in zip(batch, answers, strict=True):
                if not answer.done():
                    answer.set_result(told)
