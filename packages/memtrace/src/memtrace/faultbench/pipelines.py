"""The pipelines that come with FaultBench: every memory system, under settings that make it work.

A history of size tiny or small is answered right for the most part, and yet top-k, windows and
budgets are felt. Others join through the entry point group `memtrace.pipelines`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lmcommon.llm.base import ChatModel
from memtrace.faultbench.types import Pipeline
from memtrace.memory.config import LongContextConfig, MemoryConfig, RagConfig
from memtrace.replaying.sharing import SharedEmbedders

__all__ = ["CONFIGS", "PIPELINES", "pipeline_of"]

_EMBEDDERS = SharedEmbedders(None)
"""A text is embedded once in a process."""


def pipeline_of(name: str, system: str, make: Callable[[], MemoryConfig]) -> Pipeline:
    """A pipeline of a memory system.

    Args:
        name: Its name.
        system: The option of the group `memory` that it belongs to.
        make: Its settings.
    """

    def build(model: ChatModel) -> Callable[[str], Any]:
        factory: Callable[[str], Any] = _EMBEDDERS.sharing(make()).build(model)
        return factory

    return Pipeline(name=name, system=system, build=build)


def _long_context() -> MemoryConfig:
    return LongContextConfig(budget_tokens=900)


def _summary() -> MemoryConfig:
    return LongContextConfig(budget_tokens=500, trim="summarise", summary_tokens=240)


def _rag_bm25() -> MemoryConfig:
    return RagConfig(retriever="bm25", top_k=4)


def _rag_dense() -> MemoryConfig:
    return RagConfig(retriever="dense", embed=_embed(), top_k=5)


def _rag_hybrid() -> MemoryConfig:
    return RagConfig(
        retriever="hybrid", embed=_embed(), top_k=3, rewrite=True, rerank="llm",
        rerank_candidates=6,
    )  # fmt: skip


def _mem0() -> MemoryConfig:
    from memtrace.memory.mem0.config import Mem0Config

    return Mem0Config(embed=_embed(), top_k=8)


def _mem0_classic() -> MemoryConfig:
    from memtrace.memory.mem0.config import Mem0ClassicConfig

    return Mem0ClassicConfig(embed=_embed(), top_k=8)


def _everos() -> MemoryConfig:
    from memtrace.memory.everos.config import EverosConfig

    return EverosConfig(embed=_embed(), add_by="session")


def _embed() -> Any:
    from lmcommon.embed.config import HashEmbedConfig

    return HashEmbedConfig()


CONFIGS: dict[str, tuple[str, Callable[[], MemoryConfig]]] = {
    "long_context": ("long_context", _long_context),
    "long_context_summary": ("long_context", _summary),
    "rag_bm25": ("rag", _rag_bm25),
    "rag_dense": ("rag", _rag_dense),
    "rag_hybrid": ("rag", _rag_hybrid),
    "mem0": ("mem0", _mem0),
    "mem0_classic": ("mem0_classic", _mem0_classic),
    "everos": ("everos", _everos),
}
"""System and settings of each pipeline, by its name."""

PIPELINES: dict[str, Pipeline] = {
    name: pipeline_of(name, system, make) for name, (system, make) in CONFIGS.items()
}
"""By name."""
