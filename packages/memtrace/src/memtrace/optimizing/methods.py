"""Methods of optimisation by name: ours, on our loop and on GEPA, and the baselines.

All of them get the same: an evaluator that counts and limits, the same division into examples, the
same reflection model with the same decoding, the same rules for templates. They return the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from memtrace.optimizing.blaming import Blamer
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.gate import Gate
from memtrace.optimizing.gepa import blind_gepa, guided_gepa
from memtrace.optimizing.greedy import greedy
from memtrace.optimizing.paper import paper_loop
from memtrace.optimizing.proposing import Proposer
from memtrace.optimizing.settings import BlindSettings, GreedySettings, PaperSettings
from memtrace.optimizing.types import Optimization, Splits, Version

__all__ = ["METHODS", "Method", "run_method"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of optimisation.

    Example: `Method(run=greedy, settings=GreedySettings, is_guided=True, about="our own loop")`
    """

    run: Callable[..., Optimization]
    settings: type[BlindSettings | GreedySettings | PaperSettings]
    is_guided: bool
    """Whether it takes a `Blamer` and a `Gate`."""
    about: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Settings that make it what it is."""


METHODS: Mapping[str, Method] = {
    "memtrace": Method(
        run=greedy, settings=GreedySettings, is_guided=True, fixed={"blame": "attribution"},
        about="attribution chooses, the gate decides: our own loop",
    ),
    "gepa": Method(
        run=guided_gepa, settings=GreedySettings, is_guided=True, fixed={"blame": "attribution"},
        about="attribution chooses, the gate decides, GEPA keeps a pool of versions",
    ),
    "gepa_blind": Method(
        run=blind_gepa, settings=BlindSettings, is_guided=False,
        about="GEPA as it comes, without attribution",
    ),
    "paper": Method(
        run=paper_loop, settings=PaperSettings, is_guided=False,
        about="the paper's loop: feedback on every failure, one rewrite a round, no gate",
    ),
    "uniform": Method(
        run=greedy, settings=GreedySettings, is_guided=True, fixed={"blame": "uniform"},
        about="our own loop with any prompt as guilty as any other",
    ),
}  # fmt: skip
"""By name."""


def run_method(
    name: str, evaluator: Evaluator, splits: Splits, reflection_model: ChatModel, *,
    seed: int = 0, settings: Mapping[str, Any] | None = None, blamer: Blamer | None = None,
    gate: Gate | None = None, temperature: float = 1.0, max_tokens: int = 8192,
    on_version: Callable[[Version], None] | None = None,
) -> Optimization:  # fmt: skip
    """Improve the prompts of a system by a method.

    Args:
        name: One of `METHODS`.
        evaluator: Scores candidates, within a limit.
        splits: What to learn from and to decide by; held-out examples are not touched.
        reflection_model: Rewrites prompts.
        seed: Of whatever is drawn at random.
        settings: Of the method, by name; see `Method.settings`.
        blamer: Attributes failures, where the method does; None: one with the usual stages.
        gate: Decides over versions, where the method has a gate; None: its usual one.
        temperature: Of the reflection model's replies.
        max_tokens: Of such a reply.
        on_version: Called with each version as it is decided.

    Returns:
        What it came to; what was spent within the evaluator's limit counts, whatever ended it.

    Raises:
        UserError: No such method, or no such setting.
        MissingExtraError: The method needs a package that is not installed.
        BudgetError: The system's model has spent its own budget.
    """
    if name not in METHODS:
        raise UserError(f"method: expected one of {', '.join(METHODS)}; got {name!r}")
    method = METHODS[name]
    given = dict(settings or {})
    known = {one.name for one in fields(method.settings)} - {"seed", *method.fixed}
    if unknown := [one for one in given if one not in known]:
        raise UserError(
            f"settings: expected some of {', '.join(sorted(known))} for {name}; got {unknown[0]!r}"
        )
    proposer = Proposer(
        reflection_model, evaluator.prompts, evaluator.spending, temperature=temperature,
        max_tokens=max_tokens,
    )  # fmt: skip
    options: dict[str, Any] = {
        "settings": method.settings(seed=seed, **given, **method.fixed), "on_version": on_version,
    }  # fmt: skip
    if method.is_guided:
        options |= {
            "blamer": blamer or Blamer(evaluator, seed=seed), "gate": gate,
        }  # fmt: skip
    return method.run(evaluator, splits, proposer, **options)
