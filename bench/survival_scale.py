"""How long validity and survival take on a long history.

Task: a generated history of size "large" (500 sessions), taken in by Long-Context (window of 4,096
approximate tokens) and by RAG with BM25 (top 5), 40 questions answered by a model that always says
"Timbuktu": every answer is wrong, so nothing is cut short. Metric: seconds a question for the
stages `validity` and `survival`, median and largest, after the reader is built (reading the graph
and the words of all messages once). Bar: at most 1 s a question. Time of the processor is told too:
the wall clock says little on a machine that has other work.

    python bench/survival_scale.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.data.generated import SIZES
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.scripted import ScriptedModel
from memtrace.attribution import Question, TraceReader, examine
from memtrace.evaluate import evaluate
from memtrace.memory.config import LongContextConfig, MemoryConfig, RagConfig

QUESTIONS = 40
SEED = 7


def measure(name: str, config: MemoryConfig, folder: Path) -> None:
    """Record one system, attribute every answer, print one line."""
    row = generate_conversation(SEED, **{**asdict(SIZES["large"]), "num_questions": QUESTIONS})
    path = folder / f"{name}.db"
    with memtrace.record(path):
        system = config.build(ScriptedModel({"": "Timbuktu"}))(f"memory/{row.id}")
        episodes = list(evaluate(system, row, NormalizedAnswerJudge()))
        system.close()
    with memtrace.open(path) as trace:
        started = time.perf_counter()
        reader = TraceReader(trace)
        reader.graph.upstream(episodes[0].answer or "")
        reader.messages_with(frozenset({"timbuktu"}))
        known = len(reader.names), len(reader.speakers)
        built = time.perf_counter() - started
        seconds: list[float] = []
        cpu: list[float] = []
        blamed = 0
        for episode in episodes:
            assert episode.answer is not None
            asked = Question(
                answer=episode.answer, gold=episode.gold, evidence=episode.evidence, judged=False
            )
            started, worked = time.perf_counter(), time.process_time()
            verdict = examine(reader, asked)
            seconds.append(time.perf_counter() - started)
            cpu.append(time.process_time() - worked)
            blamed += verdict.operation is not None
        counts = trace.counts
    print(
        f"{name}: {len(row.sessions)} sessions, {counts['operations']} operations, "
        f"{counts['variables']} variables, {known[0]} names; reader {built:.2f} s; "
        f"{len(seconds)} questions: median {statistics.median(seconds):.3f} s, "
        f"largest {max(seconds):.3f} s (of the processor {statistics.median(cpu):.3f} s, "
        f"{max(cpu):.3f} s); {blamed} blamed on an operation"
    )


def main() -> None:
    """Measure both systems."""
    with tempfile.TemporaryDirectory() as folder:
        measure("long_context", LongContextConfig(budget_tokens=4096), Path(folder))
        measure("rag_bm25", RagConfig(retriever="bm25", top_k=5), Path(folder))


if __name__ == "__main__":
    main()
