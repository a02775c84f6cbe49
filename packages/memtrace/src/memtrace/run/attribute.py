"""`memtrace-attribute`: which operation is to blame, over cases of any source, by any methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from lmcommon.llm.config import LLM_SCHEMAS
from memtrace.attribution.methods import method_needs, stages_of
from memtrace.faultbench.llm import SimulatedConfig
from memtrace.run.attributing.plan import EVIDENCE, Plan, Tried
from memtrace.run.attributing.report import report
from memtrace.run.attributing.settings import StageSettings
from memtrace.run.attributing.sources import SOURCE_SCHEMAS
from memtrace.run.attributing.working import attribute_all, outcomes_of
from memtrace.run.pipeline import check_chosen
from memtrace.scoring.types import CaseRef
from memtrace.show.proof import proof

__all__ = ["GROUPS", "AttributeConfig", "attribute", "main"]

GROUPS = {"source": SOURCE_SCHEMAS, "llm": {**LLM_SCHEMAS, "simulated": SimulatedConfig}}


@dataclass(kw_only=True)
class AttributeConfig:
    """Which cases, which methods, what they are told and may spend."""

    source: Any = None
    """Where cases come from."""
    methods: list[str] = field(default_factory=lambda: ["full"])
    """Methods, side by side on the same cases. full: validity, survival, tracing, causal, as far as
    they can run; llm_free: validity and survival by program; replayed: these and causal; survival;
    tracing; baselines: random, last, always_retrieval, always_response, whole_trace, flat_log."""
    stages: list[str] | None = None
    """Stages of `full`, in order; null: its own."""
    settings: StageSettings = field(default_factory=StageSettings)
    """Options of stages, such as settings.causal.max_replays=20."""
    evidence: str = "gold"
    """What attribution is told: gold (right answer and where it was said), answer (the right
    answer), none (neither, as with a live system)."""
    llm: Any = None
    """Asked by stages that need a model; null: they are left out."""
    replay_llm: Any = None
    """Answers what replays ask anew, chosen with llm@replay_llm=...; null: the model each run was
    recorded with."""
    cases: list[str] = field(default_factory=list)
    """Ids of the cases to take; empty: all."""
    max_cases: int | None = None
    """Only the first so many."""
    workers: int = 0
    """Processes; 0 or 1: this process alone."""
    timeout_s: float | None = None
    """With workers=2 or more: most seconds a case may take by one method; a worker that takes
    longer is ended."""
    keep_paths: bool = False
    """Keep the whole path of each fact in the rows."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.evidence not in EVIDENCE:
            raise UserError(
                f"evidence: expected one of {', '.join(EVIDENCE)}; got {self.evidence!r}"
            )
        if not self.methods or len(set(self.methods)) != len(self.methods):
            raise UserError(f"methods: expected names, each once; got {self.methods}")
        if self.stages is not None and "full" not in self.methods:
            raise UserError(f"stages: expected them with the method full; got {self.methods}")
        if self.max_cases is not None and self.max_cases < 1:
            raise UserError(f"max_cases: expected at least 1; got {self.max_cases!r}")
        if self.timeout_s is not None and self.timeout_s <= 0:
            raise UserError(f"timeout_s: expected a time above 0; got {self.timeout_s!r}")
        if self.workers < 0:
            raise UserError(f"workers: expected at least 0; got {self.workers!r}")
        if self.timeout_s is not None and self.workers < 2:
            raise UserError(
                f"timeout_s: expected processes that can be ended; got workers={self.workers}; "
                "give workers=2 or more"
            )
        for key, option in (("llm", "llm"), ("replay_llm", "llm@replay_llm")):
            if isinstance(getattr(self, key), str):
                raise UserError(
                    f"{key}: expected a model; got the word {getattr(self, key)!r}; choose one "
                    f"with {option}={getattr(self, key)}"
                )

    def plan(self) -> Plan:
        """What to do to each case.

        Raises:
            UserError: A method is not known, or lacks its model; the source is not there.
        """
        check_chosen(self, "source")
        methods = {name: stages_of(name, self.stages) for name in self.methods}
        for name, stages in methods.items():
            if self.llm is None and method_needs(stages) == {"model"}:
                raise UserError(f"llm: expected a model, method {name!r} asks one; choose llm=...")
        return Plan(
            source=self.source.build(self.replay_llm), methods=methods, evidence=self.evidence,
            llm=self.llm, settings=self.settings.by_stage(), keeps_paths=self.keep_paths,
            seed=self.seed,
        )  # fmt: skip


def attribute(cfg: AttributeConfig, run: Run) -> dict[str, Any]:
    """Say which operations are to blame, and score that where the cases have labels."""
    plan = cfg.plan()
    refs = _chosen(cfg, plan.source.refs())
    tried = _attributed(cfg, run, replace(plan, explains=len(refs) == 1), refs)
    if len(refs) == 1:
        for one in tried:
            _show(run, one)
    wanted = {ref.id for ref in refs}
    outcomes = [
        one for one in outcomes_of(run) if one.case in wanted and one.method in plan.methods
    ]
    figures = report(run, outcomes, list(plan.methods), {
        "source": f"{plan.source.name} {getattr(cfg.source, 'path', '')}".strip(),
        "told": cfg.evidence, "seed": str(cfg.seed),
        "model": "none" if cfg.llm is None else str(getattr(cfg.llm, "name", None)
                                                    or getattr(cfg.llm, "model", "?")),
    })  # fmt: skip
    return {"source": plan.source.name, **figures}


def _attributed(cfg: AttributeConfig, run: Run, plan: Plan, refs: Sequence[CaseRef]) -> list[Tried]:
    """Everything that is open; of many cases nothing is held."""
    done = attribute_all(run, plan, refs, workers=cfg.workers, timeout_s=cfg.timeout_s)
    if len(refs) == 1:
        return list(done)
    for _ in done:
        pass
    return []


def _chosen(cfg: AttributeConfig, refs: Sequence[CaseRef]) -> Sequence[CaseRef]:
    if cfg.cases:
        known = {ref.id: ref for ref in refs}
        if unknown := [one for one in cfg.cases if one not in known]:
            raise UserError(
                f"cases: expected ids such as {next(iter(known), '(none)')}; got {unknown[0]!r}"
            )
        refs = [known[one] for one in dict.fromkeys(cfg.cases)]
    return refs[: cfg.max_cases]


def _show(run: Run, tried: Tried) -> None:
    """The verdict on the one case, whole: that is what it was asked for."""
    outcome = tried.outcome
    run.console.print(f"{outcome.case}, method {outcome.method}", style="bold", highlight=False)
    if tried.shown is not None:
        run.console.print(tried.shown, soft_wrap=True)
    if tried.attribution is not None:
        run.console.print(proof(tried.attribution), soft_wrap=True)
    if outcome.failure is not None:
        run.console.print(f"unscored: {outcome.failure}", markup=False, highlight=False)


def is_refusal(figures: Mapping[str, Any]) -> bool:
    """Whether nothing at all came out."""
    tried = figures["cases"] * len(figures["methods"])
    return bool(tried) and figures["failed"] == tried


main = entrypoint(
    "memtrace/attribute", AttributeConfig, attribute, groups=GROUPS, is_refusal=is_refusal
)

if __name__ == "__main__":
    main()
