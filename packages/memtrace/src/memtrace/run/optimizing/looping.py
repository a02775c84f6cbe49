"""The loop by its method's name."""

from __future__ import annotations

from collections.abc import Callable

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from memtrace.optimizing.blaming import Blamer
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.gate import Gate
from memtrace.optimizing.greedy import GreedySettings, greedy
from memtrace.optimizing.proposing import Proposer
from memtrace.optimizing.types import Optimization, Splits, Version
from memtrace.run.optimizing.plan import Plan

__all__ = ["run_loop"]


def run_loop(
    plan: Plan, evaluator: Evaluator, splits: Splits, reflection: ChatModel,
    attribution: ChatModel | None, on_version: Callable[[Version], None],
) -> Optimization:  # fmt: skip
    """Improve the prompts.

    Args:
        plan: Method and settings.
        evaluator: Scores candidates, within a limit.
        splits: What to learn from and to decide by.
        reflection: Rewrites prompts.
        attribution: Asked by stages of attribution that ask a model; None: they are left out.
        on_version: Called with each version as it is decided.
    """
    if plan.method not in ("memtrace", "uniform"):
        raise UserError(f"method: expected memtrace or uniform; got {plan.method!r}")
    settings = GreedySettings(
        minibatch=plan.minibatch, kept=plan.kept, search=plan.search, patience=plan.patience,
        explore=plan.explore, seed=plan.seed,
        blame="uniform" if plan.method == "uniform" else "attribution",
    )  # fmt: skip
    blamer = Blamer(
        evaluator, method=plan.attribution, settings=plan.attribution_settings, model=attribution,
        proofs=plan.proofs, seed=plan.seed,
    )  # fmt: skip
    return greedy(
        evaluator, splits, Proposer(reflection, evaluator.prompts, evaluator.spending),
        blamer=blamer, gate=Gate(alpha=plan.alpha, max_drop=plan.max_drop, seed=plan.seed),
        settings=settings, on_version=on_version,
    )  # fmt: skip
