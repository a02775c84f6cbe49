"""What the replay benchmarks share: systems by name, a recorded base run, intervals."""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import memtrace
from lmcommon.data.types import Conversation
from lmcommon.embed.config import BundledEmbedConfig, HashEmbedConfig
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.base import ChatModel
from memtrace.evaluate import evaluate
from memtrace.memory.config import MEMORY_SCHEMAS
from memtrace.memory.packaged import PackagedConfig
from memtrace.testing import rule_model

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "long_context": {"budget_tokens": 300},
    "rag_bm25": {"retriever": "bm25", "top_k": 2},
    "rag_hybrid": {"retriever": "hybrid", "top_k": 2},
}
"""Settings under which every operation of the system comes up."""


def config_of(name: str, *, embed: str = "hash", **settings: Any) -> Any:
    """The configuration of a system under its option name."""
    schema = MEMORY_SCHEMAS[name]
    known: dict[str, Any] = {**SETTINGS.get(name, {}), **settings}
    if name in ("rag_dense", "rag_hybrid") or issubclass(schema, PackagedConfig):
        known["embed"] = HashEmbedConfig() if embed == "hash" else BundledEmbedConfig()
    return schema(**known)


def record_run(
    path: Path, name: str, conversation: Conversation, model: ChatModel | None = None,
    **settings: Any,
) -> int:  # fmt: skip
    """Record one memory over one conversation; returns how many model calls it took."""
    from memtrace.execution import RecordedReplies

    make = config_of(name, **settings).build(model or rule_model())
    shared = bool(getattr(make, "needs_processes", False))
    with memtrace.record(path, processes=shared):
        system = make(f"{name}/{conversation.id}")
        try:
            list(evaluate(system, conversation, NormalizedAnswerJudge()))
        finally:
            system.close()
    with memtrace.open(path) as trace:
        return len(RecordedReplies(trace))


def bootstrap(values: Sequence[float], *, seed: int = 0, draws: int = 2000) -> tuple[float, float]:
    """95 % interval of the median over resamples."""
    draw = random.Random(seed)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(draws))
    return medians[int(0.025 * draws)], medians[int(0.975 * draws)]
