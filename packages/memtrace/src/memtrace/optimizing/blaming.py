"""Who is to blame for a failure, in shares over prompts: the credit that drives the loop.

In: a failure with its kept run. Out: a `Blame`. What attribution proved by replay counts in full,
each of k members of the proved set 1/k; a suspicion that was not proved counts half of its
confidence. Failures that are none (annotation, judge) are marked and teach nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lmcommon.llm.base import ChatModel
from lmcommon.rng import seed_for
from memtrace.attribution.attributing import work_through
from memtrace.attribution.case import Case, Question
from memtrace.attribution.methods import Workbench, build_stages, stages_of
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.types import Attribution, Verdict
from memtrace.optimizing.components import component_of
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.types import Blame, LimitReachedError, Scored

__all__ = ["Blamer", "blame_mass", "shares_of"]

_UNPROVED = 0.5
_REPLAYING = frozenset({"causal"})


class Blamer:
    """Attributes failures and turns verdicts into shares; each failure once.

    Args:
        evaluator: Whose runs they are; replays are counted there.
        method: A method of attribution (`memtrace.attribution.methods`).
        settings: Options of its stages, by stage, such as `{"causal": {"max_replays": 12}}`.
        model: Asked by stages that ask a model of their own; None: they are left out.
        proofs: How many failures of one version are proved by replay for each prompt; a further
            one that leads to a prompt so proved, without any replay, is believed. Replays are
            metric calls.
        seed: Of what a stage draws at random.
    """

    def __init__(
        self, evaluator: Evaluator, *, method: str = "replayed",
        settings: Mapping[str, Mapping[str, Any]] | None = None, model: ChatModel | None = None,
        proofs: int = 1, seed: int = 0,
    ) -> None:  # fmt: skip
        self._proofs = proofs
        self._proved: Counter[tuple[str, str]] = Counter()
        self._evaluator, self._model, self._seed = evaluator, model, seed
        self._stages = stages_of(method)
        self._settings = {name: dict(options) for name, options in (settings or {}).items()}
        self._settings["causal"] = {"max_replays": 12, **self._settings.get("causal", {})}
        self._done: dict[tuple[str, str], Blame] = {}

    def blame(self, scored: Scored) -> Blame:
        """Attribute one failure.

        Args:
            scored: A failure whose run was kept.

        Raises:
            LimitReachedError: There may not be room for its replays.
        """
        key = scored.digest, scored.example.key
        if key not in self._done:
            self._done[key] = self._believed(scored) or self._blame(scored, self._stages)
            if self._done[key].attribution.is_proved:
                self._proved.update((scored.digest, name) for name in self._done[key].shares)
        return self._done[key]

    def known(self, scored: Scored) -> Blame | None:
        """What came of attributing a failure before; None: it was not attributed."""
        return self._done.get((scored.digest, scored.example.key))

    def _believed(self, scored: Scored) -> Blame | None:
        """The verdict without replays, if it leads to a prompt that is proved often enough."""
        free = [stage for stage in self._stages if stage not in _REPLAYING]
        if not free or len(free) == len(self._stages):
            return None
        blame = self._blame(scored, free)
        best = max(blame.shares, key=lambda name: blame.shares[name], default=None)
        is_known = best is not None and self._proved[scored.digest, best] >= self._proofs
        return blame if is_known or blame.is_invalid else None

    def _blame(self, scored: Scored, names: Sequence[str]) -> Blame:
        assert scored.trace is not None
        assert scored.answer is not None
        replayer = self._evaluator.laboratory(scored.trace)
        example = scored.example
        settings = {name: dict(options) for name, options in self._settings.items()}
        left = self._evaluator.left
        if left is not None and not _REPLAYING.isdisjoint(names):
            if left <= 0:
                raise LimitReachedError("no metric call is left to attribute a failure")
            settings["causal"]["max_replays"] = min(left, settings["causal"]["max_replays"])
        bench = Workbench(
            model=self._model, laboratory=replayer, scope=example.scope, question=example.id,
            seed=seed_for(self._seed, example.key), settings=settings,
        )  # fmt: skip
        reader = self.reader(scored)
        case = Case(reader, Question(
            answer=scored.answer, gold=example.gold, evidence=example.evidence or None,
            text=example.text, judged=False,
        ))  # fmt: skip
        stages, _ = build_stages(names, bench)
        work_through(case, stages)
        spending, cost = self._evaluator.spending, case.cost
        spending.proofs += cost.replays
        spending.model_calls += cost.model_calls
        spending.prompt_tokens += cost.prompt_tokens
        spending.completion_tokens += cost.completion_tokens
        spending.cost_usd += cost.cost_usd
        return shares_of(scored, case.conclude(), reader, self._evaluator.components)

    def reader(self, scored: Scored) -> TraceReader:
        """The trace of a kept run, for reading."""
        assert scored.trace is not None
        return TraceReader(self._evaluator.laboratory(scored.trace).trace)


def shares_of(
    scored: Scored, attribution: Attribution, reader: TraceReader, components: Sequence[str]
) -> Blame:
    """The shares that a verdict comes to.

    Args:
        scored: The failure.
        attribution: Its verdict.
        reader: Its trace.
        components: Prompts that may change.
    """
    if attribution.verdict in (Verdict.ANNOTATION, Verdict.JUDGE, Verdict.NO_FAILURE):
        return Blame(scored=scored, attribution=attribution, is_invalid=True)
    parts: list[tuple[str | None, str, float]]
    if attribution.is_proved and attribution.decisive is not None:
        members = attribution.decisive.members
        parts = [(one.operation, one.name, 1 / len(members)) for one in members]
    else:
        memory = [one for one in attribution.suspects if one.operation is not None]
        total = sum(one.score for one in memory)
        weight = _UNPROVED * max((one.score for one in memory), default=0.0)
        parts = [
            (one.operation, one.name, weight * one.score / total) for one in memory if total > 0
        ]
    shares: defaultdict[str, float] = defaultdict(float)
    elsewhere: defaultdict[str, float] = defaultdict(float)
    operations: dict[str, str] = {}
    for operation, name, share in parts:
        component = None if operation is None else component_of(reader, operation, components)
        if component is None:
            elsewhere[name or "-"] += share
        else:
            shares[component] += share
            assert operation is not None
            operations.setdefault(component, operation)
    return Blame(
        scored=scored, attribution=attribution, shares=dict(shares), elsewhere=dict(elsewhere),
        operations=operations,
    )  # fmt: skip


def blame_mass(blames: Iterable[Blame]) -> tuple[dict[str, float], dict[str, float]]:
    """Blame summed over failures: `(1 - score) * share`, by component, and elsewhere.

    Invalid failures count nothing.
    """
    mass: defaultdict[str, float] = defaultdict(float)
    elsewhere: defaultdict[str, float] = defaultdict(float)
    for blame in blames:
        if blame.is_invalid:
            continue
        weight = 1 - (blame.scored.score or 0.0)
        for component, share in blame.shares.items():
            mass[component] += weight * share
        for operation, share in blame.elsewhere.items():
            elsewhere[operation] += weight * share
    return dict(mass), dict(elsewhere)
