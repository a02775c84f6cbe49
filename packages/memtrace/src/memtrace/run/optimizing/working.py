"""An optimisation from start to end: loop, held-out questions, advice, files.

In: a recorded run, models, a `Plan`. Out: an `Optimized`, and the run folder that tells of it.
Held-out questions are asked once, at the end, under the first and the best version; neither they
nor the advice count among the metric calls of the loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.runlog import Run
from memtrace.optimizing.advising import Advice, advise
from memtrace.optimizing.comparing import Compared, compare, compare_types
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.examples import split
from memtrace.optimizing.types import Optimization, Splits
from memtrace.run.optimizing.ledger import Ledger
from memtrace.run.optimizing.looping import run_loop
from memtrace.run.optimizing.material import Material
from memtrace.run.optimizing.optimized import Optimized
from memtrace.run.optimizing.plan import Plan
from memtrace.run.optimizing.watching import Watch
from memtrace.run.optimizing.writing import write_results

__all__ = ["Bench", "facts_of", "work"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What an optimisation has at hand.

    Example: `Bench(material=material, model=model, reflection=model, ledger=Ledger(run))`
    """

    material: Material
    model: ChatModel
    reflection: ChatModel
    ledger: Ledger
    judge: AnswerJudge | None = None
    """None: the recorded one."""
    attribution: ChatModel | None = None

    def evaluator(self, run: Run, plan: Plan, limit: int | None, watch: Watch) -> Evaluator:
        """An evaluator of its own account over the same scores."""
        made: Evaluator | None = None

        def tell(_: int) -> None:
            self.ledger.write()
            if made is not None:
                watch.spent(made.spending.metric_calls)

        made = Evaluator(
            self.material.path, model=self.model, folder=run.folder / "loop", judge=self.judge,
            scopes=self.material.scopes, components=plan.components, max_metric_calls=limit,
            on_evaluated=tell,
        )  # fmt: skip
        return made


def work(run: Run, bench: Bench, plan: Plan, facts: Mapping[str, str]) -> Optimized:
    """Do it.

    Args:
        run: Where everything is kept; what lies there is used again.
        bench: Recording and models.
        plan: How.
        facts: Label to text, for the head of the reports.

    Raises:
        UserError: The recording does not fit the plan.
        BudgetError: The system's model ran out of its budget before the loop had ended.
    """
    with Watch(run, plan) as watch:
        watch.stage("loop", plan.max_metric_calls)
        with bench.evaluator(run, plan, plan.max_metric_calls, watch) as evaluator:
            seed = plan.seed if plan.split_seed is None else plan.split_seed
            splits = split(
                evaluator.examples, shares=plan.shares, seed=seed, by=plan.split_by
            )  # fmt: skip
            watch.parts(splits, evaluator.components)
            done = run_loop(
                plan, evaluator, splits, bench.reflection, bench.attribution, watch.version
            )
            system = evaluator.system
        bench.ledger.write()
        advice = _advised(run, bench, plan, done, splits, watch)
        held_out, by_type, calls = _held_out(run, bench, plan, done, splits, watch)
    made = Optimized(
        optimization=done, splits=splits, folder=run.folder, system=system,
        trace=bench.material.path, held_out=held_out, by_type=by_type, held_out_calls=calls,
        advice=advice, spent=bench.ledger.spent,
    )  # fmt: skip
    write_results(run, made, facts)
    return made


def _held_out(
    run: Run, bench: Bench, plan: Plan, done: Optimization, splits: Splits, watch: Watch
) -> tuple[Compared | None, Mapping[str, Compared], int]:
    if not splits.held_out:
        return None, {}, 0
    is_changed = bool(done.changed)
    watch.stage("held-out", len(splits.held_out) * (1 + is_changed))
    with bench.evaluator(run, plan, None, watch) as evaluator:
        before = evaluator.evaluate(done.seed, splits.held_out)
        after = evaluator.evaluate(done.best, splits.held_out) if is_changed else before
        calls = evaluator.spending.metric_calls
    return (
        compare(before, after, seed=plan.seed), compare_types(before, after, seed=plan.seed), calls
    )  # fmt: skip


def _advised(
    run: Run, bench: Bench, plan: Plan, done: Optimization, splits: Splits, watch: Watch
) -> Advice | None:
    if not plan.advice_calls:
        return None
    watch.stage("advice", plan.advice_calls)
    with bench.evaluator(run, plan, plan.advice_calls, watch) as evaluator:
        return advise(evaluator, done.best, done.blames, splits.validation, seed=plan.seed)


def facts_of(bench: Bench, plan: Plan, more: Mapping[str, Any]) -> dict[str, str]:
    """What the reports say of the run in their first line."""
    return {
        "method": plan.method, "model": bench.model.name, "reflection": bench.reflection.name,
        "seed": str(plan.seed), **{key: str(value) for key, value in more.items()},
    }  # fmt: skip
