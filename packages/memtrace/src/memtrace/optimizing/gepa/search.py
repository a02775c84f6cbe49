"""One run of GEPA: what its parts share, when it stops, and what it came to.

In: an adapter and options of `gepa.optimize`. Out: an `Optimization`. The evaluator counts and
limits; GEPA's own count, cache, log and files are not used.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from lmcommon.extras import require
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.types import (
    Blame,
    Candidate,
    Decision,
    LimitReachedError,
    Optimization,
    Scored,
    Splits,
    digest_of,
)
from memtrace.optimizing.versions import VersionLog, mean_score

__all__ = ["Search", "gepa_module"]

_LOG = logging.getLogger(__name__)


def gepa_module(name: str = "gepa") -> ModuleType:
    """A module of the package.

    Raises:
        MissingExtraError: It is not installed.
    """
    return require(name, extra="memtrace-llm[optimize]")


class _Quiet:
    """What GEPA has to say goes where it can be found and disturbs nobody."""

    def log(self, message: str) -> None:
        """Take one line."""
        _LOG.debug("%s", message)


class Search:
    """What the parts given to GEPA share.

    Args:
        evaluator: Scores candidates, within a limit.
        splits: What to learn from and to decide by.
        log: Where versions are noted.
        idle: Rounds in a row that asked nothing new, until it stops.
        patience: Rounds in a row without an accepted version, until it stops; None: any number.
    """

    def __init__(
        self, evaluator: Evaluator, splits: Splits, log: VersionLog, *, idle: int,
        patience: int | None = None,
    ) -> None:  # fmt: skip
        self.evaluator, self.splits, self.log = evaluator, splits, log
        self.seed: dict[str, str] = dict(evaluator.seed)
        self.first: dict[str, Scored] = {}
        """Validation of the first version, by example; unscored ones are left out."""
        self.pool = {digest_of(self.seed)}
        """Versions that GEPA keeps."""
        self.number = 0
        """Of the round."""
        self.stopped = ""
        self._idle, self._patience = idle, patience
        self._failure: Exception | None = None
        self._state: Any = None
        self._seed_validation: float | None = None
        self._spent = self._without_news = self._without_gain = self._kept = 0

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Where GEPA would swallow an exception and try again: it is kept, and ends the run."""
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except Exception as error:
            self._failure = error
            raise

    def decided(self, parent: Candidate, child: Candidate, decision: Decision, **told: Any) -> bool:
        """Note a version; one that was accepted is validated as a whole first.

        Args:
            parent: What it was made from.
            child: What it is.
            decision: What became of it.
            **told: See `VersionLog.add`.

        Returns:
            Whether GEPA shall keep it.

        Raises:
            LimitReachedError: There is no room for the validation; it is not kept.
        """
        validation = None
        if decision.accepted:
            validation = mean_score(self.evaluator.evaluate(child, self.splits.validation))
            self.pool.add(digest_of(child))
        self.log.add(parent, child, decision, validation=validation, **told)
        return decision.accepted

    def run(self, method: str, adapter: Any, **options: Any) -> Optimization:
        """Let GEPA optimise.

        Args:
            method: How the result is called.
            adapter: Its adapter.
            **options: Of `gepa.optimize`.

        Raises:
            MissingExtraError: GEPA is not installed.
        """
        gepa = gepa_module()
        try:
            scores = self.evaluator.evaluate(self.seed, self.splits.validation)
            self._seed_validation = mean_score(scores)
            self.first = {one.example.key: one for one in scores if one.score is not None}
            if not self.first:
                self.stopped = "no validation question could be scored"
                return self._result(method)
            gepa.optimize(
                seed_candidate=dict(self.seed), trainset=list(self.splits.train),
                valset=[one.example for one in self.first.values()], adapter=adapter,
                stop_callbacks=self._stops, logger=_Quiet(), raise_on_exception=True,
                track_best_outputs=False, display_progress_bar=False, **options,
            )  # fmt: skip
        except LimitReachedError as error:
            self.stopped = str(error)
        if isinstance(self._failure, LimitReachedError):
            self.stopped = str(self._failure)
        elif self._failure is not None:
            raise self._failure
        return self._result(method)

    def _stops(self, state: Any) -> bool:
        """Asked by GEPA before each round."""
        self._state = state
        self.number += 1
        spent, kept = self.evaluator.spending.metric_calls, len(self.pool)
        is_first = self.number == 1
        self._without_news = 0 if is_first or spent > self._spent else self._without_news + 1
        self._without_gain = 0 if is_first or kept > self._kept else self._without_gain + 1
        self._spent, self._kept = spent, kept
        left = self.evaluator.left
        if self.stopped or self._failure is not None:
            return True
        if left is not None and left <= 0:
            self.stopped = f"all {spent} metric calls are spent"
        elif self._without_news >= self._idle:
            self.stopped = f"{self._without_news} rounds in a row asked nothing new"
        elif self._patience is not None and self._without_gain >= self._patience:
            self.stopped = f"{self._without_gain} rounds in a row without an accepted version"
        return bool(self.stopped)

    def _result(self, method: str) -> Optimization:
        best: dict[str, str] = self.seed
        validation = self._seed_validation
        if self._state is not None:
            policy = gepa_module("gepa.strategies.eval_policy").FullEvaluationPolicy()
            best = dict(self._state.program_candidates[policy.get_best_program(self._state)])
            validation = mean_score(self.evaluator.evaluate(best, self.splits.validation))
        return Optimization(
            method=method, seed=self.seed, best=best, versions=tuple(self.log.versions),
            spending=self.evaluator.spending, seed_validation=self._seed_validation,
            best_validation=validation, stopped=self.stopped, blames=self.aside(best),
        )  # fmt: skip

    def aside(self, best: Candidate) -> tuple[Blame, ...]:
        """Failures of a version that no prompt is to blame for, where that is known."""
        return ()
