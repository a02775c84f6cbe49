"""`memtrace-optimize`: prompts of a memory system, rewritten where they are proved to be guilty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.data.config import DATA_SCHEMAS
from lmcommon.embed.config import EMBED_SCHEMAS
from lmcommon.errors import UserError
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.llm.config import LLM_SCHEMAS
from memtrace.faultbench.llm import SimulatedConfig
from memtrace.memory.config import MEMORY_SCHEMAS
from memtrace.run.optimizing.benching import bench_of, kept_judge
from memtrace.run.optimizing.ledger import Ledger
from memtrace.run.optimizing.material import Material, check_judge, read_material, recorded_llm
from memtrace.run.optimizing.plan import Plan
from memtrace.run.optimizing.recording import record_once
from memtrace.run.optimizing.settings import (
    AdviceConfig,
    AttributionConfig,
    GateConfig,
    LimitConfig,
    LoopConfig,
    ReflectionConfig,
    SplitConfig,
)
from memtrace.run.optimizing.working import facts_of, work
from memtrace.run.optimizing.writing import cost_told
from memtrace.run.pipeline import check_chosen, check_conversations

__all__ = ["GROUPS", "OptimizeConfig", "main", "optimize"]

GROUPS = {
    "llm": {**LLM_SCHEMAS, "simulated": SimulatedConfig}, "data": DATA_SCHEMAS,
    "memory": MEMORY_SCHEMAS, "embed": EMBED_SCHEMAS,
}  # fmt: skip
_JUDGES = (None, "normalized", "llm")


@dataclass(kw_only=True)
class OptimizeConfig:
    """What to improve, how, and what it may cost."""

    trace: str | None = None
    """A finished memtrace-trace run (its folder or its trace.db); or memory=... and data=..."""
    system: str | None = None
    """Of a trace of several systems: which."""
    scopes: list[str] | None = None
    """Only these memories of the trace; null: all."""
    memory: Any = None
    """The memory system, recorded first where no trace is given."""
    data: Any = None
    """Conversations with questions, for memory=..."""
    embed: Any = None
    """Embedder of the memory."""
    llm: Any = None
    """The system's model; null: the one the trace was made with."""
    reflection_llm: Any = None
    """Rewrites prompts: llm@reflection_llm=..."""
    judge: str | None = None
    """normalized compares answers by program, llm asks a model; null: the recorded judge."""
    judge_llm: Any = None
    """The model of judge=llm; null: the system's."""
    attribution_llm: Any = None
    """Asked by stages of attribution that ask a model; null: they are left out."""
    method: str = "memtrace"
    """memtrace; gepa: the same credit in GEPA's search; baselines: gepa_blind (round robin), paper
    (no gate), uniform (any prompt as guilty as any other)."""
    components: list[str] | None = None
    """Prompts that may change; null: all that the system has."""
    split: SplitConfig = field(default_factory=SplitConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    budget: LimitConfig = field(default_factory=LimitConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    reflection: ReflectionConfig = field(default_factory=ReflectionConfig)
    attribution: AttributionConfig = field(default_factory=AttributionConfig)
    advice: AdviceConfig = field(default_factory=AdviceConfig)
    batch_size: int = 32
    """Questions answered together while a recording is made."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.judge not in _JUDGES:
            raise UserError(f"judge: expected normalized, llm or null; got {self.judge!r}")
        if self.batch_size < 1:
            raise UserError(f"batch_size: expected at least 1; got {self.batch_size!r}")
        for role in ("reflection_llm", "judge_llm", "attribution_llm"):
            if isinstance(getattr(self, role), str):
                raise UserError(
                    f"{role}: expected a model; got the word {getattr(self, role)!r}; choose one "
                    f"with llm@{role}={getattr(self, role)}"
                )
        self.plan()

    def plan(self) -> Plan:
        """The same as one checked plan."""
        return Plan(
            method=self.method, components=self.components, shares=tuple(self.split.shares),
            split_by=self.split.by, split_seed=self.split.seed, gate=self.gate.kind,
            alpha=self.gate.alpha,
            max_drop=self.gate.max_drop, least_lost=self.gate.least_lost,
            max_metric_calls=self.budget.metric_calls,
            settings=self.loop.given, temperature=self.reflection.temperature,
            max_tokens=self.reflection.max_tokens,
            attribution=self.attribution.method,
            attribution_settings={"causal": {"max_replays": self.attribution.max_replays}},
            proofs=self.attribution.proofs,
            advice_calls=self.advice.metric_calls if self.advice.enabled else 0, seed=self.seed,
        )  # fmt: skip


def optimize(cfg: OptimizeConfig, run: Run) -> dict[str, Any]:
    """Improve the prompts of a memory system; only what is measurably better is kept."""
    plan = cfg.plan()
    _check(cfg)
    ledger = Ledger(run)
    with ExitStack() as stack:
        material = None
        if cfg.trace is not None:
            material = read_material(cfg.trace, system=cfg.system, scopes=cfg.scopes)
        llm = cfg.llm
        if llm is None:
            assert material is not None, "checked before"
            llm = recorded_llm(material)
        model = stack.enter_context(_opened(llm))
        reflection = stack.enter_context(_opened(cfg.reflection_llm))
        attribution = None
        if cfg.attribution_llm is not None:
            attribution = stack.enter_context(_opened(cfg.attribution_llm))
        judge = stack.enter_context(_judge(cfg, run, ledger, model))
        if material is None:
            material = _recorded(cfg, run, ledger, model, judge)
        elif judge is None:
            check_judge(material, model)
        _tell_left_out(run, material)
        bench = stack.enter_context(bench_of(
            run, ledger, material, model=model, reflection=reflection, judge=judge,
            attribution=attribution,
        ))  # fmt: skip
        made = work(run, bench, plan, facts_of(bench, plan, {"trace": material.path}))
    run.console.print(f"stopped: {made.optimization.stopped}", markup=False, highlight=False)
    run.console.print(cost_told(made), markup=False, highlight=False, soft_wrap=True)
    return {**made.figures, "report": str(made.report_path)}


def _check(cfg: OptimizeConfig) -> None:
    """Refuse what lacks a part, before anything is loaded."""
    if cfg.reflection_llm is None:
        raise UserError(
            "reflection_llm: expected the model that rewrites prompts; got none; choose one with "
            "llm@reflection_llm=openai (or local, ...)"
        )
    if (cfg.trace is None) == (cfg.memory is None):
        got = "neither" if cfg.trace is None else "both"
        raise UserError(
            f"trace: expected a finished run, or memory=... with data=... in its place; got {got}"
        )
    if cfg.trace is None:
        check_chosen(cfg, "llm", "data")
        if cfg.system is not None or cfg.scopes is not None:
            raise UserError("system, scopes: expected them with trace=..., to choose from it")


def _recorded(
    cfg: OptimizeConfig, run: Run, ledger: Ledger, model: ChatModel, judge: AnswerJudge | None
) -> Material:
    conversations = check_conversations(cfg.data.build(), type(cfg.data).__name__)
    path = record_once(
        run, conversations, cfg.memory, ledger.counted(model, "system"),
        judge or NormalizedAnswerJudge(), llm=cfg.llm, batch_size=cfg.batch_size,
    )  # fmt: skip
    ledger.write()
    return read_material(path)


@contextmanager
def _opened(config: Any) -> Iterator[ChatModel]:
    model: ChatModel = config.build()
    try:
        model.check()
        yield model
    finally:
        model.close()


@contextmanager
def _judge(
    cfg: OptimizeConfig, run: Run, ledger: Ledger, model: ChatModel
) -> Iterator[AnswerJudge | None]:
    """The judge that was chosen; None: the recorded one will do."""
    if cfg.judge == "normalized" and cfg.trace is not None:
        yield NormalizedAnswerJudge()
    elif cfg.judge != "llm":
        yield None
    else:
        with ExitStack() as stack:
            asked = model
            if cfg.judge_llm is not None:
                asked = stack.enter_context(_opened(cfg.judge_llm))
            yield stack.enter_context(kept_judge(run, ledger, asked))


def _tell_left_out(run: Run, material: Material) -> None:
    if material.left_out:
        run.console.print(
            f"left out: {', '.join(material.left_out)} (of attempts that were killed)",
            markup=False, highlight=False,
        )  # fmt: skip


main = entrypoint(
    "memtrace/optimize", OptimizeConfig, optimize, groups=GROUPS, positional=("trace",)
)  # fmt: skip

if __name__ == "__main__":
    main()
