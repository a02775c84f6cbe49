"""GEPA's adapter: questions of a recorded system, scored by replay.

In: batches of examples and candidates. Out: GEPA's `EvaluationBatch`, whose outputs and
trajectories are our `Scored`s: the selector, the records and the acceptance read those, and GEPA
reads nothing but numbers.

GEPA wants a number for every example, and an answer without a score has none; 0 would say that it
was wrong. A validation question is given the first version's score on it, so that it neither wins
nor loses; questions that the first version has no score on are left out of validation. A training
question is given 1, so that a batch of nothing but right and unscored answers is passed over, as
there is nothing to learn from; where parent and child are compared on a batch, questions without
both scores are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memtrace.optimizing.gepa.search import Search, gepa_module
from memtrace.optimizing.types import Example, Scored, digest_of

__all__ = ["Adapter"]

_PERFECT = 1.0


class Adapter:
    """What guided and blind GEPA do alike.

    Args:
        search: The run.
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        self._is_training = {one.key for one in search.splits.train}
        self._batch = gepa_module("gepa.core.adapter").EvaluationBatch

    def evaluate(
        self, batch: Sequence[Example], candidate: dict[str, str], capture_traces: bool = False
    ) -> Any:
        """Score a candidate on examples.

        Runs are kept for training questions of versions in the pool: only those are reflected on.

        Args:
            batch: The examples.
            candidate: A text for every component.
            capture_traces: Whether trajectories are wanted.

        Returns:
            GEPA's `EvaluationBatch`.

        Raises:
            LimitReachedError: There is no room for it; GEPA passes this on.
        """
        keeps = (
            capture_traces
            and digest_of(candidate) in self.search.pool
            and all(one.key in self._is_training for one in batch)
        )
        scores = self.search.evaluator.evaluate(candidate, batch, keeps_trace=keeps)
        return self._batch(
            outputs=scores, scores=[self._number(one) for one in scores],
            trajectories=scores if capture_traces else None, num_metric_calls=len(batch),
        )  # fmt: skip

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components_to_update: Sequence[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Records of what each component did.

        Args:
            candidate: The parent.
            eval_batch: What `evaluate` gave for it.
            components_to_update: Which components.
        """
        with self.search.guarded():
            return {name: self.rows(name, eval_batch.trajectories) for name in components_to_update}

    def propose_new_texts(
        self, candidate: dict[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: Sequence[str],
    ) -> dict[str, str]:  # fmt: skip
        """Rewrite components; empty: none of the rewrites may be tried.

        Args:
            candidate: The parent.
            reflective_dataset: What `make_reflective_dataset` gave.
            components_to_update: Which components.
        """
        with self.search.guarded():
            rows = {name: reflective_dataset[name] for name in components_to_update}
            return self.texts(candidate, rows) if rows else {}

    def rows(self, component: str, trajectories: Sequence[Scored]) -> list[dict[str, Any]]:
        """The records of one component."""
        raise NotImplementedError

    def texts(
        self, candidate: dict[str, str], rows: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> dict[str, str]:
        """New texts that may be tried."""
        raise NotImplementedError

    def _number(self, scored: Scored) -> float:
        if scored.score is not None:
            return scored.score
        first = self.search.first.get(scored.example.key)
        if first is None or scored.example.key in self._is_training:
            return _PERFECT
        assert first.score is not None
        return first.score
