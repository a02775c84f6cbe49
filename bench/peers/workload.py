"""The tasks that every recorder is given. Written down before anything was measured.

**record** N operations: each has three inputs (handles of recorded values) and two outputs of 512
characters of fresh text, so 1 KB of new payload. Operations come in episodes of twenty: the first
reads three fresh values from outside, each next one reads the kept output of the one before, a
value of the episode and an output of an earlier episode's first operation. So the lineage of an
answer is tens to hundreds of operations, as in a memory system, not the whole trace.

**growing** a context: each of S steps appends one message of 1 KB, and the operation's output is
the whole context so far. 500 steps end in 500 KB.

What is timed: each call of the recorder (`p50_us`, `p99_us`), all of them together (`record_s`),
and until a file holds everything (`saved_s`, which includes `record_s`). The texts are made
beforehand. The last tenth of the operations over the first gives `slowdown`.
"""

from __future__ import annotations

import random
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

EPISODE = 20
_LINES = 4_000


class Recorder(Protocol):
    """What a contestant has to do."""

    suffix: str

    def open(self, path: Path) -> None:
        """Start recording; the file may be written now or at `close`."""

    def value(self, text: str) -> Any:
        """Record a value from outside and return what names it."""

    def operation(self, inputs: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
        """Record one operation; return what names its outputs."""

    def name_of(self, made: Any) -> str:
        """The id by which another process finds a recorded value."""

    def close(self) -> None:
        """Return when the file holds everything."""


class Texts:
    """Fresh texts of 512 characters: English-like words, never the same text twice."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        letters = "etaoinshrdlucmfwypvbgkjqxz"
        weights = range(len(letters), 0, -1)
        words = [
            "".join(draw.choices(letters, weights, k=draw.randint(2, 10))) for _ in range(3_000)
        ]
        self._lines = [" ".join(draw.choices(words, k=60))[:240] for _ in range(_LINES)]
        self._draw, self._count = draw, 0

    def __call__(self) -> str:
        """One more text."""
        first, second = self._draw.randrange(_LINES), self._draw.randrange(_LINES)
        self._count += 1
        return f"{self._lines[first]} {self._count:014d} {self._lines[second]}".ljust(512, ".")


@dataclass
class Timing:
    """What one run of a task took."""

    p50_us: float
    p99_us: float
    record_s: float
    saved_s: float
    slowdown: float
    slowdown_p50: float
    file_mb: float
    rss_mb: float
    answer: str = ""
    text: str = ""


def record(recorder: Recorder, path: Path, operations: int, seed: int) -> Timing:
    """Task *record*."""
    texts, draw = Texts(seed), random.Random(seed + 1)
    fresh = [[texts(), texts()] for _ in range(min(operations, 100_000))]
    outside = [texts() for _ in range(3 * min(operations, 100_000) // EPISODE + 3)]
    firsts: list[Any] = []
    took = [0] * operations
    clock = time.perf_counter_ns
    recorder.open(path)
    started = clock()
    kept: Any = None
    values: list[Any] = []
    for place in range(operations):
        outputs = fresh[place % len(fresh)]
        if place >= len(fresh):  # a second lap: still fresh, made outside the timed call
            outputs = [texts(), texts()]
        is_first = place % EPISODE == 0
        if is_first:
            values = [recorder.value(outside[(place + i) % len(outside)]) for i in range(3)]
            inputs = values
        else:
            earlier = firsts[draw.randrange(max(0, len(firsts) - 50), len(firsts))]
            inputs = [kept, values[place % 3], earlier]
        before = clock()
        kept, other = recorder.operation(inputs, outputs)
        took[place] = clock() - before
        if is_first:
            firsts.append(other)
    recorded = clock()
    answer = recorder.name_of(kept)
    closing = clock()
    recorder.close()
    saved = recorded + clock() - closing
    timing = _timing(took, (recorded - started) / 1e9, (saved - started) / 1e9, path)
    timing.answer, timing.text = answer, " ".join(outputs[0].split()[:3])
    return timing


def growing(recorder: Recorder, path: Path, steps: int, seed: int) -> Timing:
    """Task *growing*."""
    texts = Texts(seed)
    messages = [f"{texts()}\n{texts()[:511]}\n" for _ in range(steps)]
    took = [0] * steps
    clock = time.perf_counter_ns
    recorder.open(path)
    context = ""
    kept = recorder.value("start of the context")
    started = clock()
    for place, message in enumerate(messages):
        context += message
        before = clock()
        (kept,) = recorder.operation([kept, recorder.value(message)], [context])
        took[place] = clock() - before
    recorded = clock()
    recorder.close()
    saved = clock()
    timing = _timing(took, (recorded - started) / 1e9, (saved - started) / 1e9, path)
    return timing


def timed(function: Callable[[], Any], repeats: int = 1) -> tuple[Any, float]:
    """Result of the last call, and the median seconds of all."""
    seconds, result = [], None
    for _ in range(repeats):
        started = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - started)
    return result, statistics.median(seconds)


def rss_mb() -> float:
    """The most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _timing(took: list[int], record_s: float, saved_s: float, path: Path) -> Timing:
    tenth = max(1, len(took) // 10)
    ordered = sorted(took)
    files = [path, *path.parent.glob(f"{path.name}-*")]
    return Timing(
        p50_us=ordered[len(ordered) // 2] / 1e3,
        p99_us=ordered[int(len(ordered) * 0.99)] / 1e3,
        record_s=record_s,
        saved_s=saved_s,
        slowdown=statistics.fmean(took[-tenth:]) / statistics.fmean(took[:tenth]),
        slowdown_p50=statistics.median(took[-tenth:]) / statistics.median(took[:tenth]),
        file_mb=sum(file.stat().st_size for file in files if file.exists()) / 1e6,
        rss_mb=rss_mb(),
    )
