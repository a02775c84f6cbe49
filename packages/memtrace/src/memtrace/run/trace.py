"""`memtrace-trace`: one memory system over a data set, traced, judged, failures attributed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.data.config import DATA_SCHEMAS
from lmcommon.embed.config import EMBED_SCHEMAS
from lmcommon.errors import UserError
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.llm.config import LLM_SCHEMAS
from memtrace.execution.calls import TracedModel
from memtrace.memory.config import MEMORY_SCHEMAS
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

__all__ = ["GROUPS", "TraceConfig", "main", "trace"]

GROUPS = {
    "llm": LLM_SCHEMAS, "data": DATA_SCHEMAS, "memory": MEMORY_SCHEMAS, "embed": EMBED_SCHEMAS,
}  # fmt: skip
_JUDGES = ("normalized", "llm")


@dataclass(kw_only=True)
class TraceConfig:
    """Which model, data and memory system."""

    llm: Any = None
    """Answers the questions."""
    data: Any = None
    """Conversations with questions."""
    embed: Any = None
    """Embedder of dense and hybrid retrieval."""
    memory: Any = None
    """The memory system."""
    judge: str = "normalized"
    """normalized compares answers by program; llm asks a model."""
    judge_llm: Any = None
    """The model of judge=llm; null: the one that answers."""
    batch_size: int = 32
    """Questions answered together; a killed run loses at most one batch."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.judge not in _JUDGES:
            raise UserError(f"judge: expected one of {', '.join(_JUDGES)}; got {self.judge!r}")
        if self.batch_size < 1:
            raise UserError(f"batch_size: expected at least 1; got {self.batch_size!r}")

    @contextmanager
    def open_judge(self, model: ChatModel) -> Iterator[AnswerJudge]:
        """The answer judge, ready to be asked; closes the model that was loaded for it."""
        from lmcommon.judge import LlmAnswerJudge, NormalizedAnswerJudge

        def traced(asked: ChatModel) -> ChatModel:
            return TracedModel(asked, name="judge_call", kind="judge")

        if self.judge == "normalized":
            yield NormalizedAnswerJudge()
        elif self.judge_llm is None:
            yield LlmAnswerJudge(traced(model))
        else:
            own = self.judge_llm.build()
            try:
                own.check()
                yield LlmAnswerJudge(traced(own))
            finally:
                own.close()


def trace(cfg: TraceConfig, run: Run) -> dict[str, Any]:
    """Trace a memory system over conversations and say which operations lost the answers."""
    started = time.perf_counter()
    check_chosen(cfg, "llm", "data", "memory")
    conversations = check_conversations(cfg.data.build(), type(cfg.data).__name__)
    model = cfg.llm.build()
    model.check()
    try:
        make = cfg.memory.build(model)
        name = make("").name
        with cfg.open_judge(model) as judge:
            results = record_episodes(
                run, conversations, {name: make}, judge, batch_size=cfg.batch_size, llm=cfg.llm
            )
    finally:
        model.close()
    attribute_failures(run, results)
    facts = {"model": model.name, "data": conversations[0].source, "seed": str(cfg.seed)}
    html = write_reports(run, results, [name], facts, f"{name} on {conversations[0].source}")
    example = worked_example(results)
    if example is not None:
        import memtrace

        with memtrace.open(run.folder / "trace.db") as recorded:
            run.console.print(explain(example[1], recorded))
    refuse_if_spent(run, results, "memtrace-trace")
    return {
        "system": name, "model": model.name, **headline(results),
        "wall_s": round(time.perf_counter() - started, 1), "report": str(html),
    }  # fmt: skip


main = entrypoint("memtrace/trace", TraceConfig, trace, groups=GROUPS)

if __name__ == "__main__":
    main()
