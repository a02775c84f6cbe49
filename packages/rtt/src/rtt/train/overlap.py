"""Scoring while others are still being written: a judge's waiting time hides behind generation.

In: an engine's stream of finished responses. Out: the same scored groups as `Scorer.score` gives of
the whole batch. A response goes to the judge as soon as it ends; what ends while all workers are
busy goes with the next free one, so a fast judge gets single responses and a slow one gets batches.
Relevances follow at once, one batch at a time, unless their source runs the policy itself, which is
busy writing: then they wait for the end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Verdict
from rtt.engine.base import Finished, whole_groups
from rtt.relevance.sources import runs_policy
from rtt.train.scoring import Scorer, weigh
from rtt.types import Group, ScoredGroup, ScoredRollout
from rtt.verdicts import watched

__all__ = ["Overlap"]

_Key = tuple[int, str]
"""A prompt's place and a response's text: what is judged once."""


@dataclass
class Overlap:
    """Scores one batch while it is generated. A context: leaving it ends the workers.

    Example:
        ```
        with Overlap(scorer, prompts, samples=8) as overlap:
            overlap.feed(engine.stream(prompts, samples=8, seed=0))
            scored = overlap.finish()
        ```
    """

    scorer: Scorer
    prompts: Sequence[RubricPrompt]
    samples: int
    workers: int = 4
    """Batches at the judge at once; how many calls each makes at once is the judge's own matter."""
    verdict_busy_s: float = 0.0
    """Seconds that workers spent on verdicts, added up; hidden behind generation or not."""
    relevance_busy_s: float = 0.0
    _waiting: dict[_Key, list[Finished]] = field(default_factory=dict, repr=False)
    _asked: dict[_Key, list[Finished]] = field(default_factory=dict, repr=False)
    _verdicts: dict[_Key, tuple[Verdict, ...]] = field(default_factory=dict, repr=False)
    _scored: dict[tuple[int, int], ScoredRollout] = field(default_factory=dict, repr=False)
    _finished: list[Finished] = field(default_factory=list, repr=False)
    _futures: list[Future[None]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="score")
        self._lock = threading.Lock()
        self._weighing = threading.Lock()  # a relevance source is one model: one batch at a time
        self._busy = 0
        self._is_late = runs_policy(self.scorer.relevance)

    def __enter__(self) -> Overlap:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            with self._lock:  # nobody wants these verdicts any more, and a judge costs time
                self._waiting = {}
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def feed(self, stream: Iterable[Finished]) -> list[Group]:
        """Take finished responses as they come; returns when the last one has.

        Raises:
            Exception: Whatever scoring raised meanwhile, without waiting for the rest.
        """
        for one in stream:
            self._finished.append(one)
            with self._lock:
                key = one.prompt, one.rollout.text
                # A text that occurs twice is judged once, whether its twin waits or was asked.
                known = self._asked.get(key)
                (self._waiting.setdefault(key, []) if known is None else known).append(one)
                if self._busy < self.workers and self._waiting:
                    self._busy += 1
                    self._futures.append(self._pool.submit(self._work))
            self._raise_early()
        return whole_groups(self.prompts, self.samples, self._finished)

    def finish(self, *, lap: Callable[[str], None] | None = None) -> list[ScoredGroup]:
        """Wait for what is not scored yet.

        Args:
            lap: Told the name of each phase as it ends: "verdict" (what was left to wait for),
                "relevance".

        Raises:
            Exception: Whatever scoring raised.
            UserError: Too many unscored criteria, as `WatchedVerdicts` says.
        """
        for future in self._futures:
            future.result()
        if watch := watched(self.scorer.verdicts):
            watch.notice([self._verdicts[one.prompt, one.rollout.text] for one in self._finished])
        if lap:
            lap("verdict")
        self._weigh([one for one in self._finished if (one.prompt, one.sample) not in self._scored])
        if lap:
            lap("relevance")
        return [
            ScoredGroup(
                prompt=prompt,
                samples=tuple(self._scored[place, sample] for sample in range(self.samples)),
            )
            for place, prompt in enumerate(self.prompts)
        ]

    def _raise_early(self) -> None:
        for future in self._futures:
            if future.done():
                future.result()
        self._futures = [future for future in self._futures if not future.done()]

    def _work(self) -> None:
        """Judge what waits, until nothing does."""
        while batch := self._take():
            self._judge(batch)

    def _take(self) -> dict[_Key, list[Finished]]:
        with self._lock:
            batch, self._waiting = self._waiting, {}
            self._asked |= batch
            # Under the same lock as the look: nobody counts on a worker that has given up.
            self._busy -= not batch
            return batch

    def _judge(self, batch: dict[_Key, list[Finished]]) -> None:
        begun = time.perf_counter()
        source = self.scorer.verdicts
        watch = watched(source)
        told = (watch.source if watch else source).verdicts(
            [(self.prompts[place], text) for place, text in batch]
        )
        with self._lock:
            self.verdict_busy_s += time.perf_counter() - begun
            self._verdicts |= zip(batch, told, strict=True)
            mine = [one for twins in batch.values() for one in twins]
        if not self._is_late:
            self._weigh(mine)

    def _weigh(self, finished: Sequence[Finished]) -> None:
        if not finished:
            return
        with self._weighing:
            begun = time.perf_counter()
            rows = [(self.prompts[one.prompt], one.rollout) for one in finished]
            told = [self._verdicts[one.prompt, one.rollout.text] for one in finished]
            samples = weigh(self.scorer.relevance, rows, told)
            took = time.perf_counter() - begun
        with self._lock:
            self.relevance_busy_s += took
            self._scored |= {
                (one.prompt, one.sample): sample
                for one, sample in zip(finished, samples, strict=True)
            }
