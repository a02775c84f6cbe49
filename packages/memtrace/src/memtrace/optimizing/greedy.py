"""The loop of our own: blame, rewrite what is guilty, keep only what is proved to be better.

One version is improved at a time. In each round failures are drawn evenly over kinds of error and
guilty prompts, the prompts with the most blame are rewritten (both of a proved pair at once), and
the child must mend failures it was shown, then pass the gate on validation questions. Failures that
no prompt is to blame for are put aside for advice.
"""

from __future__ import annotations

from collections.abc import Callable

from memtrace.optimizing.blaming import Blamer
from memtrace.optimizing.drawing import Round, secrets_of
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.gate import Gate
from memtrace.optimizing.proposing import Proposer
from memtrace.optimizing.settings import GreedySettings
from memtrace.optimizing.steps import Steps
from memtrace.optimizing.types import (
    Decision,
    LimitReachedError,
    Optimization,
    Splits,
    Version,
)
from memtrace.optimizing.versions import VersionLog, mean_score

__all__ = ["GreedySettings", "greedy", "mean_score", "secrets_of"]


def greedy(
    evaluator: Evaluator, splits: Splits, proposer: Proposer, *, blamer: Blamer | None = None,
    gate: Gate | None = None, settings: GreedySettings | None = None,
    on_version: Callable[[Version], None] | None = None,
) -> Optimization:  # fmt: skip
    """Improve the prompts of a system.

    Args:
        evaluator: Scores candidates, within a limit.
        splits: What to learn from and to decide by; held-out examples are not touched.
        proposer: Rewrites prompts.
        blamer: Attributes failures; None: one with the usual stages.
        gate: Decides over versions; None: the usual one.
        settings: Of the loop.
        on_version: Called with each version as it is decided.

    Returns:
        The best version within the limit, with everything that was tried.
    """
    settings = settings or GreedySettings()
    steps = Steps(
        evaluator, splits, proposer, blamer or Blamer(evaluator, seed=settings.seed),
        gate or Gate(seed=settings.seed), settings,
    )  # fmt: skip
    return _Loop(evaluator, splits, steps, settings, VersionLog(evaluator, on_version)).run()


class _Loop:
    """One run of the loop."""

    def __init__(
        self, evaluator: Evaluator, splits: Splits, steps: Steps, settings: GreedySettings,
        log: VersionLog,
    ) -> None:  # fmt: skip
        self._evaluator, self._splits, self._steps = evaluator, splits, steps
        self._settings, self._log = settings, log
        self._draws = steps.draws(dict(evaluator.seed))

    def run(self) -> Optimization:
        """Rounds until nothing is left to do or to spend."""
        seed = dict(self._evaluator.seed)
        first = last = None
        try:
            first = last = mean_score(self._evaluator.evaluate(seed, self._splits.validation))
            last, stopped = self._rounds(first)
        except LimitReachedError as error:
            stopped = str(error)
            accepted = [one for one in self._log.versions if one.decision.accepted]
            last = accepted[-1].validation if accepted else first
        return Optimization(
            method="uniform" if self._steps.is_blind else "memtrace", seed=seed,
            best=self._draws.candidate, versions=tuple(self._log.versions), stopped=stopped,
            spending=self._evaluator.spending, seed_validation=first, best_validation=last,
            blames=self._draws.aside,
        )  # fmt: skip

    def _rounds(self, validation: float | None) -> tuple[float | None, str]:
        """The validation score of the last version that was accepted, and why it ended."""
        number = fruitless = 0
        while fruitless < self._settings.patience:
            number += 1
            round_ = self._steps.begin(self._draws, number)
            if round_ is None:
                return validation, "no failure is left that a prompt is to blame for"
            version = self._try(round_)
            fruitless += 1
            if version.decision.accepted:
                validation, fruitless = version.validation, 0
        return validation, f"{fruitless} rounds in a row without an accepted version"

    def _try(self, round_: Round) -> Version:
        """One round. What is accepted has its validation score: there was room for it."""
        steps = self._steps
        records = {name: steps.records(round_, name) for name in steps.components(round_)}
        texts, refused = steps.rewrite(round_, records)
        child = {**round_.parent, **texts}
        validation = None
        if not texts:
            decision = Decision(accepted=False, reason="no usable rewrite")
        else:
            decision = steps.decide(round_, child)
        if decision.accepted:
            validation = mean_score(self._evaluator.evaluate(child, self._splits.validation))
            self._draws = steps.draws(child, self._draws.order())
        return self._log.add(
            round_.parent, child, decision, validation=validation, mass=round_.told_mass,
            refused=refused,
        )  # fmt: skip
