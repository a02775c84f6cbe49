"""The local engine: rollouts, verdicts, relevance, credit, update; torch only.

In: a policy, a task, a credit scheme. Out: the policy trained, one row of metrics a step, held-out
evaluations, and checkpoints from which a killed run goes on with the same numbers. On several
processes each one samples and scores its share of the prompts and computes its share of the
micro-batches; credit is given to the whole batch on each, so what a scheme pools over samples is
what one process would pool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from rtt.engine.base import RolloutEngine
from rtt.engine.sampler import Sampler
from rtt.engine.weights import policy_weights
from rtt.policy.packed import check_packing
from rtt.policy.tiny import Policy
from rtt.records import records_of, write_rollouts
from rtt.tasks.base import Task
from rtt.train.advantage import Credit
from rtt.train.clipping import relevant_tokens
from rtt.train.clock import Clock
from rtt.train.evaluation import Evaluation, evaluate
from rtt.train.local.ahead import Ahead, check_ahead
from rtt.train.local.batches import Batches
from rtt.train.local.checkpoint import find_checkpoint, load_checkpoint, save_checkpoint
from rtt.train.local.packing import train_rows
from rtt.train.local.parallel import Alone
from rtt.train.local.settings import TrainSettings
from rtt.train.local.update import update
from rtt.train.metrics import satisfied_by_kind, verdict_metrics
from rtt.train.scoring import Scorer, score_tensors
from rtt.types import ScoredGroup

__all__ = ["HELDOUT_SEED", "LocalTrainer"]

HELDOUT_SEED = 20_26
"""Held-out prompts are the same for every run and method."""


@dataclass(kw_only=True)
class LocalTrainer:
    """Trains one policy; `steps()` yields a row of metrics after every step."""

    policy: Policy
    task: Task
    credit: Credit
    settings: TrainSettings
    seed: int
    scorer: Scorer = field(default_factory=Scorer)
    parallel: Alone = field(default_factory=Alone)
    rollouts: RolloutEngine | None = None
    """What samples; None: a `Sampler` on the policy itself."""
    step: int = 0

    def __post_init__(self) -> None:
        if self.settings.samples == 1 and self.credit.scheme == "none":
            raise UserError(
                "train.samples: expected 2 or more for a credit that compares samples "
                "(credit=none); got 1, which never gives an advantage"
            )
        check_packing(self.policy.model)
        self.parallel.attach(self.policy.model)
        self.optimiser = torch.optim.AdamW(
            self.policy.model.parameters(),
            lr=self.settings.update.learning_rate,
            weight_decay=0.0,
        )
        self.heldout: tuple[RubricPrompt, ...] = tuple(
            islice(self.task.prompts("heldout", HELDOUT_SEED), self.settings.heldout)
        )
        self._engine: RolloutEngine = self.rollouts or Sampler(
            self.policy,
            self.task.max_tokens,
            self.settings.sampling,
            row_budget=self.settings.row_budget,
        )
        self._handed_over = self.step
        self._batches = Batches(
            engine=self._engine, task=self.task, scorer=self.scorer, credit=self.credit,
            settings=self.settings, seed=self.seed, parallel=self.parallel,
            hand_over=self._hand_over, version=lambda: self._handed_over,
        )  # fmt: skip
        self._ahead: Ahead | None = None
        if self.settings.staleness:
            check_ahead(self._batches, world=self.parallel.world)
            self._ahead = Ahead(batches=self._batches, steps=self.settings.steps)
        self.latest: tuple[list[ScoredGroup], Tensor] | None = None
        """Scored groups of the last step, and what their tokens got."""
        self.share: dict[str, float] = {}
        """Of the last step, what this process did by itself: seconds by phase, tokens, verdicts
        that failed."""

    def steps(self) -> Iterable[dict[str, Any]]:
        """Train to the end of the schedule, one row of metrics a step."""
        while self.step < self.settings.steps:
            yield self.take_step()

    def take_step(self) -> dict[str, Any]:
        """One step: sample, score, give credit, update. Every draw is seeded by the step."""
        clock = Clock()
        batch = (self._ahead.take if self._ahead else self._batches.draw)(self.step, clock)
        if self._ahead:
            self._ahead.begin(self.step + 1)
        scored = batch.groups
        scores = score_tensors(scored)
        advantage_BT, metrics = self.credit.advantages(
            scores, self.settings.samples, step=self.step
        )
        relevant_BT = relevant_tokens(
            scores.relevance_BRT, scores.criterion_mask_BR, scores.mask_BT
        )
        clock.lap("credit")
        metrics |= update(
            self.policy,
            self.optimiser,
            train_rows(self.policy, scored, advantage_BT, relevant_BT),
            self.settings.update,
            self.parallel,
            temperature=self.settings.sampling.temperature,
        )
        clock.lap("update")
        self.step += 1
        self.latest = scored, advantage_BT
        self.share = {
            "tokens": batch.tokens,
            "unscored_criteria": batch.unscored,
            **clock.seconds,
        }
        tokens = float(scores.mask_BT.sum())
        return {
            "step": self.step,
            **metrics,
            **batch.metrics,
            "staleness": float(self.step - 1 - scored[0].samples[0].rollout.policy_version),
            **verdict_metrics(scored),
            "by_kind": satisfied_by_kind(scored),
            **clock.seconds,
            "tokens_per_s": tokens / clock.total_s,
        }

    def evaluate(self, *, samples: int | None = None) -> Evaluation:
        """Evaluate on the held-out prompts; draws are fixed by seed and step."""
        if self._ahead:
            self._ahead.settle()
        self.parallel.generate(self._hand_over)
        return evaluate(
            self._engine,
            self.heldout,
            samples=samples or self.settings.eval_samples,
            seed=seed_for(self.seed, "evaluate", self.step),
            source=self.scorer.verdicts,
            parallel=self.parallel,
        )

    def save(self, path: Path) -> None:
        """Write a checkpoint: this file, or a folder beside it if the model is sharded."""
        save_checkpoint(path, self.policy, self.optimiser, step=self.step, parallel=self.parallel)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint that was saved as `path`, by however many processes."""
        self.step = load_checkpoint(
            find_checkpoint(path) or path, self.policy, self.optimiser, parallel=self.parallel
        )

    def run(
        self,
        *,
        record: Callable[[Mapping[str, Any]], None],
        checkpoint: Path | None = None,
        rollouts: Path | None = None,
        share: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Iterable[int]:
        """Train, evaluate and checkpoint on schedule; yields the step number after each step.

        Args:
            record: Gets one row a step; a row of an evaluation step carries `heldout_*` keys.
            checkpoint: File to write every `checkpoint_every` steps and at the end.
            rollouts: File that scored responses are appended to, every `record_every` steps.
            share: Gets one row a step of what this process did by itself.
        """
        if self.step == 0:
            record({"step": 0, **_evaluation_row(self.evaluate())})
        for row in self.steps():
            if self.step % self.settings.eval_every == 0 or self.step == self.settings.steps:
                row |= _evaluation_row(self.evaluate())
            record(row)
            if share is not None:
                share({"step": self.step, **self.share})
            if rollouts is not None and self.settings.records(self.step):
                self._write_rollouts(rollouts)
            every = self.settings.checkpoint_every
            is_due = self.step == self.settings.steps or (every and self.step % every == 0)
            if checkpoint is not None and is_due:
                self.save(checkpoint)
            yield self.step

    def close(self) -> None:
        """Free what samples."""
        if self._ahead:
            self._ahead.close()
        self._engine.close()

    def _hand_over(self) -> None:
        """Give the engine the policy's weights as they are now.

        Processes may share one server, which takes no weights while another one draws from it.
        """
        self._engine.update(policy_weights(self.policy), version=self.step)
        if getattr(self._engine, "holds_weights", False):
            self.parallel.barrier()
        self._handed_over = self.step

    def _write_rollouts(self, path: Path) -> None:
        assert self.latest is not None, "a step was taken"
        if self.parallel.is_main:
            scored, advantage_BT = self.latest
            records = records_of(
                scored, advantage_BT.tolist(), step=self.step, label=self.credit.label
            )
            write_rollouts(path, records)


def _evaluation_row(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "heldout_all_satisfied": evaluation.all_satisfied,
        "heldout_satisfied_rate": evaluation.satisfied_rate,
        "heldout_by_kind": evaluation.by_kind,
        "heldout_unscored": evaluation.unscored,
    }
