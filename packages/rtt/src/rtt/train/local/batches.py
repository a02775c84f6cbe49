"""A step's batch: prompts drawn, responses sampled, judged and weighed, silent groups left out.

In: the step. Out: scored groups, the same on every process, and what drawing them took here. Each
process samples and scores its share of the prompts. Every draw is seeded by the step, so a batch
can be drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from rtt.engine.base import Finished, RolloutEngine, whole_groups
from rtt.tasks.base import Task
from rtt.train.advantage import Credit
from rtt.train.clock import Clock
from rtt.train.local.parallel import Alone
from rtt.train.local.settings import TrainSettings
from rtt.train.overlap import Overlap
from rtt.train.ranks import failed_verdicts
from rtt.train.scoring import Scorer, score_tensors
from rtt.types import ScoredGroup

__all__ = ["Batch", "Batches"]


@dataclass(kw_only=True)
class Batch:
    """What a step trains on.

    Example:
        `Batch(groups=[...], tokens=512)`
    """

    groups: list[ScoredGroup] = field(default_factory=list)
    """Of all processes."""
    metrics: dict[str, float] = field(default_factory=dict)
    tokens: int = 0
    """Sampled by this process."""
    unscored: int = 0
    """Criteria that this process could get no verdict for."""


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Draws the batches of a run."""

    engine: RolloutEngine
    task: Task
    scorer: Scorer
    credit: Credit
    settings: TrainSettings
    seed: int
    parallel: Alone
    hand_over: Callable[[], None]
    """Gives the engine the policy's weights; whole ones are at hand while it is called."""
    version: Callable[[], int]
    """Of the weights that the engine was given last."""

    def draw(self, step: int, clock: Clock, *, is_handed_over: bool = False) -> Batch:
        """The batch of a step.

        Args:
            step: Optimiser steps taken so far.
            clock: Told "rollout", "verdict", "relevance" and "exchange".
            is_handed_over: Whether the engine has the weights to draw from already.

        Raises:
            UserError: The task has no prompts; what the engine or the judge raises.
        """
        settings, batch = self.settings, Batch()
        if not is_handed_over:
            self.parallel.generate(self.hand_over)
        scored = self._round(step, 0, clock, batch)
        if not settings.drop_silent:
            batch.groups = scored
            return batch
        drawn, rounds = list(scored), 1
        kept = self._telling(step, scored)
        while len(kept) < settings.prompts and rounds <= settings.refill_rounds:
            more = self._round(step, rounds, clock, batch)
            drawn, rounds = [*drawn, *more], rounds + 1
            kept += self._telling(step, more)
        batch.metrics |= {
            "groups_drawn": len(drawn), "groups_dropped": len(drawn) - len(kept), "rounds": rounds,
            **self._silence(step, drawn),
        }  # fmt: skip
        # Without any signal there is no step, but the metrics want to be told what was there.
        batch.groups = kept[: settings.prompts] or scored
        return batch

    def _round(self, step: int, number: int, clock: Clock, batch: Batch) -> list[ScoredGroup]:
        """Sample and score one draw of prompts, each process its share."""
        mine = self.parallel.share(self._prompts(step, number))
        places = [place for place, _ in mine]
        prompts = [prompt for _, prompt in mine]
        stream = partial(self._stream, prompts, places, step, number)
        if self.settings.overlap:
            with Overlap(self.scorer, prompts, self.settings.samples) as overlap:
                self.parallel.generate(lambda: overlap.feed(stream()))
                clock.lap("rollout")
                part = overlap.finish(lap=clock.lap)
            for name in ("verdict_busy_s", "relevance_busy_s"):
                batch.metrics[name] = batch.metrics.get(name, 0.0) + getattr(overlap, name)
        else:
            groups = self.parallel.generate(
                lambda: whole_groups(prompts, self.settings.samples, stream())
            )
            clock.lap("rollout")
            part = self.scorer.score(groups, lap=clock.lap)
        batch.tokens += sum(len(one.rollout.tokens) for group in part for one in group.samples)
        batch.unscored += failed_verdicts(part)
        scored = self.parallel.collect(list(zip(places, part, strict=True)))
        clock.lap("exchange")
        return scored

    def _telling(self, step: int, scored: list[ScoredGroup]) -> list[ScoredGroup]:
        """The groups in which some token has an advantage."""
        samples = self.settings.samples
        advantage_BT, _ = self.credit.advantages(score_tensors(scored), samples, step=step)
        tells_B = (advantage_BT != 0).any(dim=1).tolist()
        return [
            group
            for place, group in enumerate(scored)
            if any(tells_B[place * samples : (place + 1) * samples])
        ]

    def _silence(self, step: int, drawn: list[ScoredGroup]) -> dict[str, float]:
        """Shares of groups without signal among all that were drawn, not just those kept."""
        _, told = self.credit.advantages(score_tensors(drawn), self.settings.samples, step=step)
        return {key: told[key] for key in told if key.startswith("groups_without_")}

    def _prompts(self, step: int, number: int) -> list[RubricPrompt]:
        """The prompts of a round of a step, over all processes."""
        stream = self.task.prompts("train", self._seed("prompts", step, number))
        prompts = list(islice(stream, self.settings.prompts))
        if not prompts:
            raise UserError(
                "task: expected training prompts; got none; check its files and filters"
            )
        return prompts

    def _stream(
        self, prompts: Sequence[RubricPrompt], places: Sequence[int], step: int, number: int
    ) -> Iterator[Finished]:
        """Responses to a round's prompts as they end."""
        return self.engine.stream(
            prompts,
            samples=self.settings.samples,
            seed=self._seed("rollout", step, number),
            version=self.version(),
            places=places,
        )

    def _seed(self, purpose: str, step: int, number: int) -> int:
        """Of a round of a step; the first round's is the step's own."""
        return seed_for(self.seed, purpose, step, *(("round", number) if number else ()))
