"""`memtrace.optimize`: the optimisation of `memtrace-optimize`, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

from lmcommon.data.types import Conversation
from lmcommon.errors import UserError
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.runlog import Run
from memtrace.memory.config import MemoryConfig
from memtrace.run.optimizing.benching import bench_of
from memtrace.run.optimizing.ledger import Ledger
from memtrace.run.optimizing.material import check_judge, read_material, recorded_llm
from memtrace.run.optimizing.optimized import Optimized
from memtrace.run.optimizing.plan import Plan
from memtrace.run.optimizing.recording import record_once
from memtrace.run.optimizing.working import facts_of, work

__all__ = ["optimize"]


def optimize(
    source: str | Path | MemoryConfig, *, reflection_model: ChatModel, folder: str | Path,
    model: ChatModel | None = None, conversations: Sequence[Conversation] = (),
    judge: AnswerJudge | None = None, attribution_model: ChatModel | None = None,
    system: str | None = None, scopes: Sequence[str] | None = None, **options: Any,
) -> Optimized:  # fmt: skip
    """Improve the prompts of a memory system, and keep only what is measurably better.

    Args:
        source: A recorded run (its trace or folder), or the configuration of a system, which is
            recorded over `conversations` first.
        reflection_model: Rewrites prompts.
        folder: Where everything is kept. What lies there is used again: a loop that was killed
            goes on, and nothing is paid twice.
        model: The system's; for a recorded run None takes the one it was made with.
        conversations: Histories with questions and right answers, for a configuration.
        judge: Judges answers; None: the recorded judge, or a comparison by program.
        attribution_model: Asked by stages of attribution that ask a model.
        system: Of a trace of several systems: which.
        scopes: Only these memories.
        **options: Fields of `memtrace.run.optimizing.Plan`: `method`, `components`,
            `max_metric_calls`, `shares`, `split_by`, `advice_calls`, `seed`, ...

    Returns:
        The best prompts with their measures: `.prompts`, `.held_out`, `.apply(target)`,
        `.report_path`.

    Raises:
        UserError: An option is unknown or wrong, or the source cannot be replayed.
        BudgetError: The system's model ran out of its budget; go on with a larger one.
    """
    plan = _plan(options)
    run = Run(Path(folder).expanduser(), seed=plan.seed)
    ledger = Ledger(run)
    with ExitStack() as stack:
        if isinstance(source, MemoryConfig):
            if model is None or not any(one.questions for one in conversations):
                raise UserError(
                    "optimize: expected model=... and conversations=... with questions beside a "
                    "configuration, or a recorded run in its place"
                )
            path = record_once(
                run, conversations, source, ledger.counted(model, "system"),
                judge or NormalizedAnswerJudge(),
            )  # fmt: skip
            material = read_material(path)
        else:
            material = read_material(source, system=system, scopes=scopes)
            if model is None:
                model = recorded_llm(material).build()
                stack.callback(model.close)
        if judge is None:
            check_judge(material, model)
        bench = stack.enter_context(bench_of(
            run, ledger, material, model=model, reflection=reflection_model, judge=judge,
            attribution=attribution_model,
        ))  # fmt: skip
        return work(run, bench, plan, facts_of(bench, plan, {"trace": material.path}))


def _plan(options: dict[str, Any]) -> Plan:
    known = [one.name for one in fields(Plan)]
    if unknown := [name for name in options if name not in known]:
        raise UserError(f"optimize: expected options {', '.join(known)}; got {unknown[0]!r}")
    return Plan(**options)
