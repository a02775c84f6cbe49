"""The local engine: rollouts, verdicts, credit, loss, step; torch only, one process.

In: a policy, a task, a credit scheme. Out: the policy trained, one row of metrics a step, held-out
evaluations, and checkpoints from which a killed run goes on with the same numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from rtt.engine.sampler import Sampler
from rtt.policy.tiny import Policy
from rtt.tasks.words import WordsTask
from rtt.train.advantage import Credit
from rtt.train.checkpoint import load_checkpoint, save_checkpoint
from rtt.train.evaluation import Evaluation, evaluate
from rtt.train.metrics import satisfied_by_kind
from rtt.train.scoring import Scorer, score_tensors
from rtt.train.update import UpdateSettings, train_batch, update

__all__ = ["LocalTrainer", "TrainSettings"]

HELDOUT_SEED = 20_26
"""Held-out prompts are the same for every run and method."""


@dataclass(kw_only=True)
class TrainSettings:
    """Sizes and schedule of a run."""

    steps: int = 160
    prompts: int = 32
    """P: prompts a step."""
    samples: int = 8
    """G: samples a prompt."""
    update: UpdateSettings = field(default_factory=UpdateSettings)
    eval_every: int = 10
    heldout: int = 256
    """Held-out prompts."""
    eval_samples: int = 1
    """Samples a held-out prompt; the last evaluation takes four times as many."""
    checkpoint_every: int = 40

    def __post_init__(self) -> None:
        for key in ("prompts", "samples", "eval_every", "heldout", "eval_samples"):
            if getattr(self, key) < 1:
                raise UserError(
                    f"train.{key}: expected a whole number above 0; got {getattr(self, key)!r}"
                )
        if self.steps < 0 or self.checkpoint_every < 0:
            raise UserError(
                "train.steps, train.checkpoint_every: expected 0 or more; "
                f"got {self.steps}, {self.checkpoint_every}"
            )


@dataclass(kw_only=True)
class LocalTrainer:
    """Trains one policy; `steps()` yields a row of metrics after every step."""

    policy: Policy
    task: WordsTask
    credit: Credit
    settings: TrainSettings
    seed: int
    scorer: Scorer = field(default_factory=Scorer)
    step: int = 0

    def __post_init__(self) -> None:
        self.optimiser = torch.optim.AdamW(
            self.policy.model.parameters(),
            lr=self.settings.update.learning_rate,
            weight_decay=0.0,
        )
        self.sampler = Sampler(self.policy, self.task.length)
        self.heldout: tuple[RubricPrompt, ...] = tuple(
            islice(self.task.prompts("heldout", HELDOUT_SEED), self.settings.heldout)
        )

    def steps(self) -> Iterable[dict[str, Any]]:
        """Train to the end of the schedule, one row of metrics a step."""
        while self.step < self.settings.steps:
            yield self.take_step()

    def take_step(self) -> dict[str, Any]:
        """One step: sample, score, give credit, update. Every draw is seeded by the step."""
        clock = _Clock()
        prompts = list(
            islice(
                self.task.prompts("train", seed_for(self.seed, "prompts", self.step)),
                self.settings.prompts,
            )
        )
        groups = self.sampler.sample(
            prompts,
            samples=self.settings.samples,
            seed=seed_for(self.seed, "rollout", self.step),
            version=self.step,
        )
        clock.lap("rollout_s")
        scored = self.scorer.score(groups)
        scores = score_tensors(scored)
        clock.lap("verdict_s")
        advantage_BT, metrics = self.credit.advantages(
            scores, self.settings.samples, step=self.step
        )
        clock.lap("credit_s")
        batch = train_batch(self.policy, scored, advantage_BT)
        metrics |= update(self.policy, self.optimiser, batch, self.settings.update)
        clock.lap("update_s")
        self.step += 1
        tokens = float(scores.mask_BT.sum())
        return {"step": self.step, **metrics, "by_kind": satisfied_by_kind(scored), **clock.laps,
                "tokens_per_s": tokens / clock.total}  # fmt: skip

    def evaluate(self, *, samples: int | None = None) -> Evaluation:
        """Evaluate on the held-out prompts; draws are fixed by seed and step."""
        return evaluate(
            self.sampler,
            self.heldout,
            samples=samples or self.settings.eval_samples,
            seed=seed_for(self.seed, "evaluate", self.step),
        )

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        save_checkpoint(path, self.policy, self.optimiser, step=self.step)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint."""
        self.step = load_checkpoint(path, self.policy, self.optimiser)

    def run(
        self,
        *,
        record: Callable[[Mapping[str, Any]], None],
        checkpoint: Path | None = None,
    ) -> Iterable[int]:
        """Train, evaluate and checkpoint on schedule; yields the step number after each step.

        Args:
            record: Gets one row a step; a row of an evaluation step carries `heldout_*` keys.
            checkpoint: File to write every `checkpoint_every` steps and at the end.
        """
        if self.step == 0:
            record({"step": 0, **_evaluation_row(self.evaluate())})
        for row in self.steps():
            if self.step % self.settings.eval_every == 0 or self.step == self.settings.steps:
                row |= _evaluation_row(self.evaluate())
            record(row)
            every = self.settings.checkpoint_every
            is_due = self.step == self.settings.steps or (every and self.step % every == 0)
            if checkpoint is not None and is_due:
                self.save(checkpoint)
            yield self.step


def _evaluation_row(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "heldout_all_satisfied": evaluation.all_satisfied,
        "heldout_satisfied_rate": evaluation.satisfied_rate,
        "heldout_by_kind": evaluation.by_kind,
        "heldout_unscored": evaluation.unscored,
    }


class _Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now

    @property
    def total(self) -> float:
        return max(sum(self.laps.values()), 1e-9)
