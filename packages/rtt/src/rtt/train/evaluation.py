"""Held-out evaluation: sample at temperature 1 and check, with an interval over prompts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from lmcommon.data.types import RubricPrompt
from rtt.engine.base import RolloutEngine
from rtt.engine.drawing import Sampling
from rtt.train.local.parallel import Alone
from rtt.verdicts import JudgedVerdicts, VerdictSource

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a policy does on held-out prompts.

    Example:
        `Evaluation(per_prompt=(0.5, 0.0), satisfied_rate=0.6, by_kind={"words:start": 0.7},
        unscored=0).all_satisfied` is 0.25.
    """

    per_prompt: tuple[float, ...]
    """Share of a prompt's samples that satisfy all criteria."""
    satisfied_rate: float
    """Share of criteria satisfied, over all samples."""
    by_kind: dict[str, float]
    """The same by constraint id."""
    unscored: int
    """Verdicts that could not be had; left out of every rate."""

    @property
    def all_satisfied(self) -> float:
        """Mean over prompts of the all-satisfied rate."""
        return sum(self.per_prompt) / max(len(self.per_prompt), 1)

    def interval(self, *, seed: int = 0) -> tuple[float, float]:
        """95 % bootstrap interval of `all_satisfied` over prompts."""
        from rtt.train.bootstrap import mean_interval

        return mean_interval(self.per_prompt, seed=seed)


def evaluate(
    sampler: RolloutEngine, prompts: Sequence[RubricPrompt], *, samples: int, seed: int,
    source: VerdictSource | None = None, parallel: Alone | None = None,
) -> Evaluation:  # fmt: skip
    """Sample each prompt and check every criterion. A sample without verdicts counts nowhere.

    A criterion of negative weight (that must not hold) is satisfied where it does not hold.

    Args:
        sampler: Of the policy; asked to sample at temperature 1, whatever else it does.
        prompts: Held-out prompts.
        samples: Of each prompt.
        seed: Decides the draws.
        source: Verdicts; None: program checks.
        parallel: Processes that take a share of the prompts each; None: this one takes all.
    """
    parallel = parallel or Alone()
    mine = parallel.share(prompts)
    places = [place for place, _ in mine]
    groups = parallel.generate(
        partial(
            sampler.sample, [prompt for _, prompt in mine],
            samples=samples, seed=seed, places=places, sampling=Sampling(),
        )
    )  # fmt: skip
    told = iter((source or JudgedVerdicts()).verdicts(
        [(group.prompt, rollout.text) for group in groups for rollout in group.rollouts]
    ))  # fmt: skip
    satisfied = [
        [
            tuple(
                criterion.is_met(verdict.satisfied)
                for criterion, verdict in zip(group.prompt.rubric.criteria, next(told), strict=True)
            )
            for _ in group.rollouts
        ]
        for group in groups
    ]
    return _summary(prompts, parallel.collect(list(zip(places, satisfied, strict=True))))


def _summary(
    prompts: Sequence[RubricPrompt], satisfied: Sequence[Sequence[tuple[bool | None, ...]]]
) -> Evaluation:
    per_prompt: list[float] = []
    by_kind: dict[str, list[bool]] = defaultdict(list)
    unscored = 0
    for prompt, samples in zip(prompts, satisfied, strict=True):
        complete = []
        for verdicts in samples:
            known = [verdict for verdict in verdicts if verdict is not None]
            unscored += len(verdicts) - len(known)
            if known:
                complete.append(all(known))
            for criterion, verdict in zip(prompt.rubric.criteria, verdicts, strict=True):
                if verdict is not None:
                    by_kind[criterion.constraint_id or "judged"].append(verdict)
        if complete:
            per_prompt.append(sum(complete) / len(complete))
    everything = [verdict for kind in by_kind.values() for verdict in kind]
    return Evaluation(
        per_prompt=tuple(per_prompt),
        satisfied_rate=sum(everything) / max(len(everything), 1),
        by_kind={kind: sum(hits) / len(hits) for kind, hits in sorted(by_kind.items())},
        unscored=unscored,
    )
