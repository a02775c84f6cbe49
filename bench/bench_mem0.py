"""What tracing the real Mem0 costs, without a model.

Task: a user's own `mem0.Memory` (Qdrant in memory, SQLite in memory, vectors cached) is given 120
short messages, one `add` each; replies come from a table made before, so that no time is a model's.
Metric: milliseconds of an `add`, attached inside a recording minus not attached at all: the median
over the messages of a round, then median and range over the rounds. Wanted: at most 0.5 ms.
Traced and untraced rounds take turns, the order changes every round, and each has a new memory.
Second metric, for a machine that others use too: of each message the least time over the rounds,
then the median over the messages of traced minus untraced.

    python bench/bench_mem0.py [rounds]      # in an environment with mem0ai 1.0.x or 2.2.x
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import memtrace
from lmcommon.llm.types import ChatRequest, Message
from lmcommon.testing.hash_embedder import HashEmbedder
from memtrace.memory.mem0.building import build_memory, mem0_main
from memtrace.testing import RuleModel, mem0_rules

MESSAGES = 120
TOPICS = ("tea", "boats", "chess", "running", "maps", "bread", "birds", "old films")
TEXTS = [
    f"Ana: In week {number} I thought a lot about {TOPICS[number % len(TOPICS)]}. "
    f"Person {number % 17} told me about place {number % 23}."
    for number in range(MESSAGES)
]


class Table:
    """A model that has said it all before."""

    def __init__(self) -> None:
        self._model, self._said = RuleModel(mem0_rules()), dict[str, str]()

    def generate_response(self, messages: Any, **kwargs: Any) -> str:
        asked = messages[-1]["content"]
        if asked not in self._said:
            request = ChatRequest(
                messages=tuple(Message(one["role"], one["content"]) for one in messages)
            )
            self._said[asked] = self._model.generate([request])[0].text
        return self._said[asked]


class Vectors:
    """Vectors that are known."""

    def __init__(self) -> None:
        self._embedder, self._known = HashEmbedder(128), dict[str, list[float]]()

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        if text not in self._known:
            self._known[text] = self._embedder.embed([text])[0].tolist()
        return self._known[text]

    def embed_batch(self, texts: Any, memory_action: str | None = None) -> list[list[float]]:
        return [self.embed(text) for text in texts]


def one_round(table: Table, vectors: Vectors, folder: Path | None) -> list[float]:
    """Milliseconds of each `add`."""
    memory = build_memory(HashEmbedder(128))
    memory.llm, memory.embedding_model = table, vectors
    taken = []
    gc.collect()
    with ExitStack() as stack:
        if folder is not None:
            stack.enter_context(memtrace.attach(memory))
            stack.enter_context(memtrace.record(folder / "t.db"))
        for text in TEXTS:
            started = time.perf_counter_ns()
            memory.add([{"role": "user", "content": text}], user_id="ana")
            taken.append((time.perf_counter_ns() - started) / 1e6)
    if folder is not None:
        with memtrace.open(folder / "t.db") as trace:
            print(f"  {sum(1 for _ in trace.operations())} operations recorded", file=sys.stderr)
    return taken


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    mem0_main()
    table, vectors = Table(), Vectors()
    one_round(table, vectors, None)  # fills table and vectors
    plain, traced, extra = [], [], []
    every: dict[bool, list[list[float]]] = {False: [], True: []}
    for number in range(rounds):
        results: dict[bool, list[float]] = {}
        for is_traced in (False, True) if number % 2 == 0 else (True, False):
            with tempfile.TemporaryDirectory() as folder:
                results[is_traced] = one_round(table, vectors, Path(folder) if is_traced else None)
        plain.append(statistics.median(results[False]))
        traced.append(statistics.median(results[True]))
        extra.append(traced[-1] - plain[-1])
        for is_traced, taken in results.items():
            every[is_traced].append(taken)
    print(f"mem0ai {version('mem0ai')}, {MESSAGES} messages, {rounds} rounds, ms an add")
    for name, values in (("untraced", plain), ("attached", traced), ("extra", extra)):
        print(
            f"{name:9} median {statistics.median(values):6.3f}  "
            f"range {min(values):6.3f} to {max(values):6.3f}"
        )
    least = {key: list(map(min, zip(*rows, strict=True))) for key, rows in every.items()}
    between = [after - before for before, after in zip(*least.values(), strict=True)]
    print(f"least     median {statistics.median(between):6.3f}  (extra, second metric)")


if __name__ == "__main__":
    main()
