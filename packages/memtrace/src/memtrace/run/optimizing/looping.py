"""From a `Plan` to a loop: the method with its settings, blame and gate."""

from __future__ import annotations

from collections.abc import Callable

from lmcommon.llm.base import ChatModel
from memtrace.optimizing.blaming import Blamer
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.gate import Gate
from memtrace.optimizing.methods import run_method
from memtrace.optimizing.sequential import SequentialGate
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

    Returns:
        What the loop came to.
    """
    blamer = Blamer(
        evaluator, method=plan.attribution, settings=plan.attribution_settings, model=attribution,
        proofs=plan.proofs, seed=plan.seed,
    )  # fmt: skip
    kind = SequentialGate if plan.is_sequential else Gate
    gate = kind(
        alpha=plan.alpha, max_drop=plan.max_drop, least_lost=plan.least_lost, seed=plan.seed
    )
    return run_method(
        plan.method, evaluator, splits, reflection, seed=plan.seed, settings=plan.settings,
        blamer=blamer, gate=gate, temperature=plan.temperature, max_tokens=plan.max_tokens,
        on_version=on_version,
    )  # fmt: skip
