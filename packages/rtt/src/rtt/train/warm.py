"""The warm start: supervised steps on partly right responses, so that learning has a base.

In: an untrained policy and the task. Out: the same policy, able to write T words and to meet a
constraint now and then, all of them in a few percent of the cases: training stops as soon as the
policy's own samples (training prompts, never held-out ones) reach a target rate. It depends on the
seed alone, so every method that is compared with one seed starts from the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from lmcommon.errors import UserError
from lmcommon.rng import random_for, seed_for
from rtt.engine.sampler import Sampler
from rtt.policy.logprobs import response_logprobs
from rtt.policy.tiny import Policy
from rtt.tasks.base import SketchingTask
from rtt.train.evaluation import evaluate

__all__ = ["WarmStart"]


@dataclass(kw_only=True)
class WarmStart:
    """Settings of the supervised warm start."""

    steps: int = 1500
    """At most."""
    target: float = 0.025
    """All-satisfied rate at which to stop."""
    check_every: int = 20
    check_prompts: int = 512
    batch: int = 32
    """Responses a step."""
    care: float = 0.9
    """Probability that a training response tries to meet a constraint."""
    learning_rate: float = 3e-3

    def __post_init__(self) -> None:
        for key in ("check_every", "check_prompts", "batch", "learning_rate"):
            if getattr(self, key) <= 0:
                raise UserError(
                    f"warm_start.{key}: expected a number above 0; got {getattr(self, key)!r}"
                )

    def run(self, policy: Policy, task: SketchingTask, *, seed: int) -> int:
        """Train `policy` in place; returns the number of steps taken."""
        optimiser = torch.optim.AdamW(policy.model.parameters(), lr=self.learning_rate)
        prompts = task.prompts("train", seed_for(seed, "warm-start"))
        random = random_for(seed, "warm-start")
        for step in range(self.steps):
            if step % self.check_every == 0 and self._rate(policy, task, seed) >= self.target:
                return step
            rows = list(islice(prompts, self.batch))
            answers = [task.sketch(row, random, care=self.care) for row in rows]
            _imitate(policy, optimiser, [row.prompt for row in rows], answers)
        return self.steps

    def _rate(self, policy: Policy, task: SketchingTask, seed: int) -> float:
        prompts = list(islice(task.prompts("train", seed_for(seed, "check")), self.check_prompts))
        measured = evaluate(
            Sampler(policy, task.max_tokens), prompts, samples=1, seed=seed_for(seed, "check")
        )
        return measured.all_satisfied


def _imitate(policy: Policy, optimiser: Any, prompts: list[str], answers: list[str]) -> None:
    """One supervised step on responses of one length."""
    policy.model.train()
    device = policy.model.device
    asked = policy.tokenizer(prompts, padding=True)
    told = policy.tokenizer(answers, add_special_tokens=False)
    response_BT = torch.tensor(told["input_ids"], device=device)
    logprob_BT, _ = response_logprobs(
        policy.model,
        torch.tensor(asked["input_ids"], device=device),
        torch.tensor(asked["attention_mask"], device=device),
        response_BT,
        torch.ones_like(response_BT),
    )
    optimiser.zero_grad()
    (-logprob_BT.mean()).backward()
    optimiser.step()
