"""`memtrace-demo`: three memory systems on one conversation, and one wrong answer explained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import memtrace
from lmcommon.app import Run, entrypoint
from lmcommon.data.config import GeneratedConfig
from lmcommon.embed.config import EMBED_SCHEMAS
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.config import LLM_SCHEMAS
from memtrace.memory.config import LongContextConfig, MemoryConfig, RagConfig
from memtrace.run.pipeline import (
    attribute_failures,
    check_chosen,
    check_conversations,
    record_episodes,
    refuse_if_spent,
)
from memtrace.run.reporting import worked_example, write_reports
from memtrace.run.tables import headline
from memtrace.show.terminal import explain

__all__ = ["DemoConfig", "demo", "main"]


GROUPS: dict[str, Mapping[str, type]] = {
    "llm": LLM_SCHEMAS, "embed": EMBED_SCHEMAS, "data": {"generated": GeneratedConfig},
}  # fmt: skip


def _rag() -> RagConfig:
    return RagConfig(retriever="bm25")


@dataclass(kw_only=True)
class DemoConfig:
    """Which model, conversation and systems."""

    llm: Any = None
    embed: Any = None
    data: Any = None
    long_context: LongContextConfig = field(default_factory=LongContextConfig)
    rag_dense: RagConfig = field(default_factory=_rag)
    rag_bm25: RagConfig = field(default_factory=_rag)
    batch_size: int = 32
    seed: int = 0

    @property
    def systems(self) -> dict[str, MemoryConfig]:
        """The memory systems by name."""
        return {
            "long_context": self.long_context,
            "rag_dense": self.rag_dense,
            "rag_bm25": self.rag_bm25,
        }


def demo(cfg: DemoConfig, run: Run) -> dict[str, Any]:
    """Ask several memory systems the same questions, with a real model, and explain failures."""
    started = time.perf_counter()
    check_chosen(cfg, "llm", "data")
    conversations = check_conversations(cfg.data.build(), type(cfg.data).__name__)
    model = cfg.llm.build()
    model.check()
    try:
        systems = {name: config.build(model) for name, config in cfg.systems.items()}
        results = record_episodes(
            run,
            conversations,
            systems,
            NormalizedAnswerJudge(),
            batch_size=cfg.batch_size,
            llm=cfg.llm,
        )
    finally:
        model.close()
    attribute_failures(run, results)
    turns = sum(len(conversation.turns) for conversation in conversations)
    facts = {
        "model": model.name, "seed": str(cfg.seed),
        "data": f"{conversations[0].source}, {turns} turns",
    }  # fmt: skip
    html = write_reports(run, results, list(systems), facts, "Memory systems side by side")
    example = worked_example(results)
    if example is not None:
        with memtrace.open(run.folder / "trace.db") as recorded:
            run.console.print("\nOne wrong answer, explained:\n")
            run.console.print(explain(example[1], recorded))
    run.console.print(f"\nAll of them: {html}")
    figures = headline(results)
    spent = sum(results.seconds.values())
    tokens = figures["prompt_tokens"] + figures["completion_tokens"]
    refuse_if_spent(run, results, "memtrace-demo")
    return {
        "model": model.name, **figures, "tokens_per_s": round(tokens / spent, 1) if spent else None,
        "wall_s": round(time.perf_counter() - started, 1), "report": str(html),
    }  # fmt: skip


main = entrypoint("memtrace/demo", DemoConfig, demo, groups=GROUPS)

if __name__ == "__main__":
    main()
