"""`memtrace-trace`: one memory system over a data set, traced, judged, failures attributed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import memtrace
from lmcommon.app import Run, entrypoint
from lmcommon.data.config import DATA_SCHEMAS
from lmcommon.data.types import Conversation
from lmcommon.embed.config import EMBED_SCHEMAS
from lmcommon.errors import UserError
from lmcommon.llm.config import LLM_SCHEMAS
from memtrace.memory.config import MEMORY_SCHEMAS
from memtrace.run.pipeline import (
    Results,
    attribute_failures,
    check_chosen,
    check_conversations,
    record_episodes,
    refuse_if_spent,
)
from memtrace.run.pool import Cluster, Setup, record_in_pool, take_in, workshop
from memtrace.run.reporting import worked_example, write_reports
from memtrace.run.tables import cost_line, cost_of, headline
from memtrace.show.terminal import explain

__all__ = ["GROUPS", "TraceConfig", "main", "trace"]

GROUPS = {
    "llm": LLM_SCHEMAS, "data": DATA_SCHEMAS, "memory": MEMORY_SCHEMAS, "embed": EMBED_SCHEMAS,
}  # fmt: skip
_JUDGES, _BACKENDS = ("normalized", "llm"), ("local", "ray")


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
    systems: dict[str, Any] = field(default_factory=dict)
    """Several of them instead, by name; see experiment/memtrace/side_by_side."""
    judge: str = "normalized"
    """normalized compares answers by program; llm asks a model."""
    judge_llm: Any = None
    """The model of judge=llm; null: the one that answers."""
    batch_size: int = 32
    """Questions answered together; a killed run loses at most one batch."""
    workers: int = 0
    """Processes that take whole conversations; 0 or 1: this process alone."""
    backend: str = "local"
    """Where they run: local (this machine) or ray (a cluster)."""
    shared_folder: str | None = None
    """With backend=ray: a folder that all machines see. null: see --help."""
    ray_address: str | None = None
    """With backend=ray: of the cluster; null takes the one of this machine, or starts one."""
    ray_gpus: float = 0.0
    """With backend=ray: GPUs of each worker, for a model in its process."""
    seed: int = 0

    def __post_init__(self) -> None:
        for key, options in (("judge", _JUDGES), ("backend", _BACKENDS)):
            if getattr(self, key) not in options:
                raise UserError(
                    f"{key}: expected one of {', '.join(options)}; got {getattr(self, key)!r}"
                )
        for key, least in (("batch_size", 1), ("workers", 0), ("ray_gpus", 0)):
            if getattr(self, key) < least:
                raise UserError(f"{key}: expected at least {least}; got {getattr(self, key)!r}")
        if "/" in "".join(self.systems):
            raise UserError(f"systems: expected names without '/'; got {list(self.systems)}")

    @property
    def setup(self) -> Setup:
        """What a process needs to answer questions."""
        return Setup(
            llm=self.llm, systems=self.systems or {self.memory.label: self.memory},
            judge=self.judge, judge_llm=self.judge_llm, batch_size=self.batch_size, seed=self.seed,
        )  # fmt: skip

    @property
    def cluster(self) -> Cluster | None:
        """The Ray cluster to run on; None: this machine."""
        if self.backend == "local":
            return None
        folder = None if self.shared_folder is None else Path(self.shared_folder).expanduser()
        return Cluster(
            workers=max(1, self.workers), address=self.ray_address, shared_folder=folder,
            gpus=self.ray_gpus,
        )  # fmt: skip


def trace(cfg: TraceConfig, run: Run) -> dict[str, Any]:
    """Trace a memory system over conversations and say which operations lost the answers."""
    started = time.perf_counter()
    check_chosen(cfg, "llm", "data", *(() if cfg.systems else ("memory",)))
    conversations = check_conversations(cfg.data.build(), type(cfg.data).__name__)
    model, results = _record(cfg, run, conversations)
    attribute_failures(run, results)
    names = list(cfg.setup.systems)
    title = f"{', '.join(names)} on {conversations[0].source}"
    facts = {"model": model, "data": conversations[0].source, "seed": str(cfg.seed)}
    html = write_reports(run, results, names, facts, title)
    example = worked_example(results)
    if example is not None:
        with memtrace.open(run.folder / "trace.db") as recorded:
            run.console.print(explain(example[1], recorded))
    wall_s = round(time.perf_counter() - started, 1)
    cost = cost_of(results, wall_s)
    run.console.print(cost_line(cost), highlight=False)
    refuse_if_spent(run, results, "memtrace-trace")
    return {
        "system": names[0] if len(names) == 1 else names, "model": model,
        "data": conversations[0].source, **headline(results), "cost": cost, "wall_s": wall_s,
        "report": str(html),
    }  # fmt: skip


def _record(
    cfg: TraceConfig, run: Run, conversations: Sequence[Conversation]
) -> tuple[str, Results]:
    """Answer everything that is open; returns the model's name too."""
    if cfg.backend == "local" and cfg.workers <= 1:
        with workshop(cfg.setup) as shop:
            take_in(run, conversations, cfg.setup)
            return shop.model.name, record_episodes(
                run, conversations, shop.systems, shop.judge, batch_size=cfg.batch_size,
                tally=shop.tally, llm=cfg.llm,
            )  # fmt: skip
    model = cfg.llm.build()  # its weights are loaded where it is used
    model.close()
    return model.name, record_in_pool(
        run, conversations, cfg.setup, workers=cfg.workers, cluster=cfg.cluster
    )  # fmt: skip


main = entrypoint("memtrace/trace", TraceConfig, trace, groups=GROUPS)

if __name__ == "__main__":
    main()
