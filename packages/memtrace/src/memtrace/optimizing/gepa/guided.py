"""Our method on GEPA: attribution chooses the prompt, the questions and what is shown, the gate
decides; GEPA keeps a pool of versions and chooses parents from its Pareto front.

The steps are those of our own loop (`memtrace.optimizing.steps`), in GEPA's order: minibatch (drawn
evenly over question types, kinds of error and guilty prompts, with right answers mixed in),
component by blame mass, reflective records, rewrite, acceptance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memtrace.optimizing.blaming import Blamer
from memtrace.optimizing.drawing import Draws, Round
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.gate import Gate
from memtrace.optimizing.gepa.adapter import Adapter
from memtrace.optimizing.gepa.search import Search, gepa_module
from memtrace.optimizing.proposing import Proposer
from memtrace.optimizing.settings import GreedySettings
from memtrace.optimizing.steps import Steps
from memtrace.optimizing.types import (
    Blame,
    Candidate,
    Decision,
    Optimization,
    Record,
    Scored,
    Splits,
    Version,
    digest_of,
)
from memtrace.optimizing.versions import VersionLog

__all__ = ["guided_gepa"]

_IDLE = 12


def guided_gepa(
    evaluator: Evaluator, splits: Splits, proposer: Proposer, *, blamer: Blamer | None = None,
    gate: Gate | None = None, settings: GreedySettings | None = None,
    on_version: Callable[[Version], None] | None = None,
) -> Optimization:  # fmt: skip
    """Improve the prompts of a system with GEPA, guided by attribution.

    Args:
        evaluator: Scores candidates, within a limit.
        splits: What to learn from and to decide by; held-out examples are not touched.
        proposer: Rewrites prompts.
        blamer: Attributes failures; None: one with the usual stages.
        gate: Decides over versions; None: the usual one.
        settings: Of the loop.
        on_version: Called with each version as it is decided.

    Returns:
        The best version of GEPA's pool.

    Raises:
        MissingExtraError: GEPA is not installed.
    """
    settings = settings or GreedySettings()
    steps = Steps(
        evaluator, splits, proposer, blamer or Blamer(evaluator, seed=settings.seed),
        gate or Gate(seed=settings.seed), settings,
    )  # fmt: skip
    search = _GuidedSearch(
        evaluator, splits, VersionLog(evaluator, on_version), idle=_IDLE,
        patience=settings.patience,
    )  # fmt: skip
    return search.run(
        "gepa", _GuidedAdapter(search, steps), seed=settings.seed,
        sampling_strategy=_Stratified(search, steps), acceptance_criterion=_Gated(search, steps),
        module_selector=_Guiltiest(search, steps),
    )  # fmt: skip


class _GuidedSearch(Search):
    """The failures of every version in the pool, and the round at hand.

    GEPA takes the steps of one round after the other, once each: sample, select, records, rewrite,
    accept.
    """

    round: Round
    refused: Mapping[str, str]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.draws: dict[str, Draws] = {}

    def aside(self, best: Candidate) -> tuple[Blame, ...]:
        """What was put aside for advice."""
        draws = self.draws.get(digest_of(best))
        return () if draws is None else draws.aside


class _Stratified:
    """GEPA's sampling strategy: a parent, and failures of *this* parent with what must stay."""

    def __init__(self, search: _GuidedSearch, steps: Steps) -> None:
        self._search, self._steps = search, steps
        self._place = {one.key: n for n, one in enumerate(search.splits.train)}
        self._exhausted: set[str] = set()
        self._task = gepa_module("gepa.strategies.proposal_sampling").ProposalTask

    def sample_tasks(
        self, state: Any, candidate_selector: Any, batch_sampler: Any, trainset: Any
    ) -> list[Any]:
        """One task; none: this parent has nothing left to mend.

        Args:
            state: GEPA's state.
            candidate_selector: Chooses the parent.
            batch_sampler: GEPA's own sampler, which knows neither parents nor failures; unused.
            trainset: GEPA's loader of the training questions.

        Raises:
            LimitReachedError: No version could be accepted any more.
        """
        search = self._search
        parent = candidate_selector.select_candidate_idx(state)
        candidate = state.program_candidates[parent]
        digest = digest_of(candidate)
        if digest not in search.draws:
            origin = state.parent_program_for_candidate[parent][0]
            before = None if origin is None else state.program_candidates[origin]
            order = None if before is None else search.draws[digest_of(before)].order()
            search.draws[digest] = self._steps.draws(candidate, order)
        drawn = self._steps.begin(search.draws[digest], search.number)
        if drawn is None:
            self._exhausted.add(digest)
            if search.pool <= self._exhausted:
                search.stopped = "no failure is left that a prompt is to blame for"
            return []
        search.round = drawn
        places = [self._place[one.example.key] for one in (*drawn.failures, *drawn.kept)]
        return [self._task(parent, candidate, places, trainset.fetch(places))]


class _Guiltiest:
    """GEPA's component selector: blame mass, a little exploration, both of a proved pair."""

    def __init__(self, search: _GuidedSearch, steps: Steps) -> None:
        self._search, self._steps = search, steps

    def __call__(
        self, state: Any, trajectories: Sequence[Scored], subsample_scores: Sequence[float],
        candidate_idx: int, candidate: dict[str, str],
    ) -> list[str]:  # fmt: skip
        """Names of the components to be rewritten."""
        return list(self._steps.components(self._search.round))


class _GuidedAdapter(Adapter):
    """Records with proof, and rewrites by our own request."""

    search: _GuidedSearch

    def __init__(self, search: _GuidedSearch, steps: Steps) -> None:
        super().__init__(search)
        self._steps = steps

    def rows(self, component: str, trajectories: Sequence[Scored]) -> list[dict[str, Any]]:
        """In GEPA's words; `is_kept` goes along."""
        records = self._steps.records(self.search.round, component)
        return [{**one.to_dict(), "is_kept": one.is_kept} for one in records]

    def texts(
        self, candidate: dict[str, str], rows: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> dict[str, str]:
        """Rewrites by the proposer, if there is room to decide over them."""
        search = self.search
        records = {name: [_record(row) for row in shown] for name, shown in rows.items()}
        texts, search.refused = self._steps.rewrite(search.round, records)
        child = {**candidate, **texts}
        if not texts:
            reason = "no usable rewrite"
        elif digest_of(child) in search.pool:
            reason, texts = "it is in the pool already", {}
        else:
            self._steps.afford(search.round, child)
            return texts
        search.decided(
            candidate, child, Decision(accepted=False, reason=reason),
            mass=search.round.told_mass, refused=search.refused,
        )  # fmt: skip
        return texts


class _Gated:
    """GEPA's acceptance criterion: what the rewrite was shown, then the gate."""

    def __init__(self, search: _GuidedSearch, steps: Steps) -> None:
        self._search, self._steps = search, steps

    def should_accept(self, proposal: Any, state: Any) -> bool:
        """Decide over a child, against its parent.

        Args:
            proposal: GEPA's proposal.
            state: GEPA's state.
        """
        search = self._search
        decision = self._steps.decide(search.round, proposal.candidate)
        return search.decided(
            search.round.parent, proposal.candidate, decision, mass=search.round.told_mass,
            refused=search.refused,
        )  # fmt: skip


def _record(row: Mapping[str, Any]) -> Record:
    return Record(
        inputs=row["Inputs"], outputs=row["Generated Outputs"], feedback=row["Feedback"],
        is_kept=row["is_kept"],
    )  # fmt: skip
