"""One row a memory system: versions, operations and calls a message, own time, price of a change.

Task, fixed beforehand: each conversation (LoCoMo's first two with `--locomo FILE`, else generated
ones) up to `--turns` turns, its questions about those turns (at most `--questions`), one model.
Own time is the wall time of the run less what was spent inside the model and the embedder. Three
interventions, each replayed once on each conversation: an extraction (or what the system has in its
place: chunks, lines) of the turn in the middle loses its first item; another answer prompt; the
first question's retrieval loses its best hit. Counted: model calls the replay made.

    python bench/systems_table.py --systems long_context,rag_bm25,mem0_classic --locomo FILE \\
        --model qwen2.5-coder-0.5b --wheels FOLDER
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from replay_cost import first_turns
from replay_runs import config_of

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.data.types import Conversation
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.llm.config import LlamaCppConfig
from memtrace.evaluate import evaluate
from memtrace.execution import Oracle, SwapPrompt
from memtrace.replaying import Replayer, points
from memtrace.testing import rule_model

_EXTRACTIONS = ("facts", "chunks", "lines")


class Clocked:
    """Anything whose calls are timed by method."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.seconds = inner, 0.0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in ("generate", "embed"):
            return found

        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return found(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


class Given:
    """Stands for an embedder's configuration where the embedder is at hand."""

    def __init__(self, original: Any, embedder: Any) -> None:
        self.original, self._embedder = original, embedder

    def build(self) -> Any:
        return self._embedder


def conversations(options: argparse.Namespace) -> list[Conversation]:
    """The conversations of the task."""
    if options.locomo is None:
        rows = [
            generate_conversation(
                seed, num_sessions=options.turns // 6 + 1, num_people=3,
                num_questions=2 * options.questions,
            )
            for seed in (101, 102)
        ]  # fmt: skip
    else:
        from lmcommon.data.config import DATA_SCHEMAS

        rows = DATA_SCHEMAS["locomo"](path=options.locomo, max_conversations=2).build()
    cut = [first_turns(row, options.turns) for row in rows]
    return [replace(row, questions=row.questions[: options.questions]) for row in cut]


def without_first(items: list[Any]) -> list[Any]:
    """The list without its first item."""
    return items[1:]


def one_run(
    path: Path, name: str, conversation: Conversation, model: ChatModel, options: Any
) -> dict[str, Any]:
    """Record one memory, then replay it four times."""
    clocked, config = Clocked(model), config_of(name, embed=options.embed)
    embedder = None
    if getattr(config, "embed", None) is not None:
        embedder = Clocked(config.embed.build())
        embedder.embed(["warm up"])
        embedder.seconds = 0.0
        config.embed = Given(config.embed, embedder)
    make = config.build(clocked)
    shared = bool(getattr(make, "needs_processes", False))
    added_s = waited_s = 0.0

    def waited() -> float:
        return clocked.seconds + (embedder.seconds if embedder else 0.0)

    with memtrace.record(path, processes=shared):
        system = make(f"{name}/{conversation.id}")
        add = system.add

        def timed(session: Any) -> None:
            nonlocal added_s, waited_s
            started, before = time.perf_counter(), waited()
            add(session)
            added_s += time.perf_counter() - started
            waited_s += waited() - before

        system.add = timed
        episodes = list(evaluate(system, conversation, NormalizedAnswerJudge()))
        system_versions = dict(system.versions)
        system.close()
    with memtrace.open(path) as trace:
        adding = [
            operation for operation in trace.operations()
            if str(operation.metadata.get("place", ["", ""])[1]).startswith("add ")
        ]  # fmt: skip
        calls = sum("call" in operation.metadata for operation in adding)
        failed = sum(operation.error is not None for operation in adding)
    messages = len(conversation.turns)
    row = {
        "messages": messages, "versions": system_versions,
        "operations_a_message": round(len(adding) / messages, 2),
        "calls_a_message": round(calls / messages, 2), "failed_operations": failed,
        "own_ms_a_message": round(1e3 * (added_s - waited_s) / messages, 2),
        "model_s": round(clocked.seconds, 1),
    }  # fmt: skip
    right = sum(episode.verdict.satisfied is True for episode in episodes)
    row |= {"questions": len(episodes), "right": right}
    return row | {"replay_calls": replays(path, model)}


def replays(path: Path, model: ChatModel) -> dict[str, int]:
    """What a factual replay and three changes cost, in model calls."""
    with Replayer(path, model=model) as replayer:
        with replayer.run() as factual:
            counted = {"factual": factual.calls, "calls": factual.ledger.recorded}
        every = list(points(replayer.trace))
        changes: dict[str, Sequence[Any]] = {
            "answer_prompt": [
                SwapPrompt(name="qa", text="### user\nNotes:\n{context}\n\nQuestion: {question}")
            ],
        }
        extractions = [
            point for point in every
            if point.role in _EXTRACTIONS and replayer.trace.operation(point.operation).output_ids
        ]  # fmt: skip
        hits = [point for point in every if point.role == "hits" and point.place.path[:4] == "ask "]
        if extractions:
            middle = extractions[len(extractions) // 2]
            changes["extraction"] = [
                Oracle(at=middle.operation, role=middle.role, function=without_first)
            ]
        if hits:
            changes["retrieval"] = [
                Oracle(at=hits[0].operation, role="hits", function=without_first)
            ]
        for label, change in changes.items():
            with replayer.run(change) as done:
                counted[label] = done.calls
    return counted


def main() -> None:
    """Print one JSON line a system and conversation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", default="long_context,rag_bm25,rag_hybrid")
    parser.add_argument("--locomo")
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--questions", type=int, default=10)
    parser.add_argument("--embed", default="bundled", choices=["bundled", "hash"])
    parser.add_argument("--model", default="rules", help="rules, or a bundled name for llama.cpp")
    parser.add_argument("--wheels")
    parser.add_argument("--context", type=int, default=12000)
    options = parser.parse_args()
    options.llm = None
    model: Any = rule_model()
    if options.model != "rules":
        options.llm = LlamaCppConfig(
            model=options.model, wheels=options.wheels, parallel=2, context=options.context
        )
        model = options.llm.build()
        model.check()
    print(json.dumps({"model": model.name, "python": sys.version.split()[0]}))
    with tempfile.TemporaryDirectory() as folder:
        for name in options.systems.split(","):
            for number, conversation in enumerate(conversations(options)):
                path = Path(folder) / f"{name}-{number}.db"
                row = one_run(path, name, conversation, model, options)
                print(json.dumps({"system": name, "conversation": conversation.id, **row}),
                      flush=True)  # fmt: skip
    model.close()


if __name__ == "__main__":
    main()
