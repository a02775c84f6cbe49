"""The loop of our own: blame, rewrite what is guilty, keep only what is proved to be better.

One version is improved at a time. In each round failures are drawn evenly over kinds of error and
guilty prompts, the prompts with the most blame are rewritten (both of a proved pair at once), and
the child must mend failures it was shown, then pass the gate on validation questions. Failures that
no prompt is to blame for are put aside for advice. A change that won more than it lost, but not
enough to be taken, waits: the next change of another prompt is tried together with it, since faults
of two prompts can hide each other, and the next change of the same prompt goes on from it. At the
end the best version is confirmed on all validation questions, or an earlier one taken.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from memtrace.optimizing.blaming import Blamer
from memtrace.optimizing.drawing import Round, secrets_of
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.gate import Gate
from memtrace.optimizing.proposing import Proposer
from memtrace.optimizing.sequential import SequentialGate, confirmed
from memtrace.optimizing.settings import GreedySettings
from memtrace.optimizing.steps import Steps
from memtrace.optimizing.types import (
    Candidate,
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
        gate: Decides over versions; None: a sequential one.
        settings: Of the loop.
        on_version: Called with each version as it is decided.

    Returns:
        The best version within the limit, with everything that was tried.
    """
    settings = settings or GreedySettings()
    steps = Steps(
        evaluator, splits, proposer, blamer or Blamer(evaluator, seed=settings.seed),
        gate or SequentialGate(seed=settings.seed), settings,
    )  # fmt: skip
    log = VersionLog(evaluator, on_version)
    needs_all = gate is not None and gate.needs_all
    return _Loop(evaluator, splits, steps, settings, log, needs_all=needs_all).run()


class _Loop:
    """One run of the loop."""

    def __init__(
        self, evaluator: Evaluator, splits: Splits, steps: Steps, settings: GreedySettings,
        log: VersionLog, *, needs_all: bool,
    ) -> None:  # fmt: skip
        self._needs_all = needs_all
        self._allowed = steps.allowed
        self._chain: list[dict[str, str]] = []
        """Versions that were accepted, in order."""
        self._waiting: dict[str, str] = {}
        """Texts that are promising, and not proved."""
        self._evaluator, self._splits, self._steps = evaluator, splits, steps
        self._settings, self._log = settings, log
        self._draws = steps.draws(dict(evaluator.seed))

    def run(self) -> Optimization:
        """Rounds until nothing is left to do or to spend, then the confirmation."""
        evaluator, validation = self._evaluator, self._splits.validation
        seed = dict(evaluator.seed)
        try:
            if self._needs_all:
                evaluator.evaluate(seed, validation)
            else:
                evaluator.reserved = self._reserve()
            stopped = self._rounds()
        except LimitReachedError as error:
            stopped = str(error)
        evaluator.reserved = 0
        best, confirmation = self._confirmed(seed)
        return Optimization(
            method="uniform" if self._steps.is_blind else "memtrace", seed=seed, best=best,
            versions=tuple(self._log.versions), stopped=stopped, spending=evaluator.spending,
            seed_validation=mean_score(evaluator.measure(seed, validation)),
            best_validation=mean_score(evaluator.measure(best, validation)),
            blames=self._draws.aside, confirmation=confirmation,
        )  # fmt: skip

    def _reserve(self) -> int:
        """What the confirmation takes, of the first version and the best; at most half of all."""
        left = self._evaluator.left
        wanted = 2 * len(self._splits.validation)
        return wanted if left is None else min(wanted, left // 2)

    def _confirmed(self, seed: dict[str, str]) -> tuple[dict[str, str], Decision | None]:
        """The last accepted version that is better than the first on all validation questions.

        Without room for that it is the last accepted one, unconfirmed.
        """
        evaluator, validation = self._evaluator, self._splits.validation
        decision = None
        for candidate in reversed(self._chain):
            try:
                decision = confirmed(
                    validation, partial(evaluator.evaluate, seed),
                    partial(evaluator.evaluate, candidate), again=self._steps.again,
                    **self._allowed,
                )  # fmt: skip
            except LimitReachedError:
                return candidate, None
            if decision.accepted:
                return candidate, decision
        return seed, decision

    def _rounds(self) -> str:
        """Why it ended."""
        number = fruitless = 0
        while fruitless < self._settings.patience:
            number += 1
            round_ = self._steps.begin(self._draws, number)
            if round_ is None:
                return "no failure is left that a prompt is to blame for"
            fruitless = 0 if self._try(round_).decision.accepted else fruitless + 1
        return f"{fruitless} rounds in a row without an accepted version"

    def _try(self, round_: Round) -> Version:
        """One round."""
        steps = self._steps
        chosen = steps.components(round_, avoid=self._waiting)
        texts, refused = steps.rewrite(
            round_, {name: steps.records(round_, name) for name in chosen}, self._waiting
        )
        child = {**round_.parent, **self._waiting, **texts}
        validation = None
        if not texts:
            decision = Decision(accepted=False, reason="no usable rewrite")
        else:
            decision = steps.decide(round_, child)
        if decision.accepted:
            if self._needs_all:
                scores = self._evaluator.evaluate(child, self._splits.validation)
                validation = mean_score(scores)
            self._chain.append(child)
            self._waiting = {}
            self._draws = steps.draws(child, self._draws.order())
        else:
            self._draws.refused += 1
            if texts:
                self._waiting = _promising(round_.parent, child, decision)
        return self._log.add(
            round_.parent, child, decision, validation=validation, mass=round_.told_mass,
            refused=refused,
        )  # fmt: skip


def _promising(parent: Candidate, child: Candidate, decision: Decision) -> dict[str, str]:
    """What a refused version changed, if it won more than it lost on validation."""
    if decision.wins <= decision.losses:
        return {}
    return {name: text for name, text in child.items() if text != parent[name]}
