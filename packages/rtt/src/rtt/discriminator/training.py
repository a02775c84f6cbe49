"""A small trainer for the discriminator, in this process (the large one: `trainer`).

In: examples with a label a character. Out: the discriminator trained in place, one loss a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi
from random import Random

import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Verdict
from lmcommon.rng import random_for
from rtt.discriminator.examples import LabelledResponse
from rtt.discriminator.model import TokenDiscriminator, batch_logits
from rtt.discriminator.objective import loss
from rtt.discriminator.rows import token_rows
from rtt.taxonomy import deciding_spans

__all__ = ["FitSettings", "fit", "span_examples"]


@dataclass(kw_only=True)
class FitSettings:
    """Settings of `fit`; AdamW, linear warm-up, cosine to a tenth of the learning rate."""

    steps: int = 300
    batch: int = 32
    """Examples a step."""
    learning_rate: float = 1e-3
    warmup: int = 20
    """Steps."""
    grad_clip: float = 1.0

    def __post_init__(self) -> None:
        for key in ("steps", "batch", "learning_rate", "grad_clip"):
            if getattr(self, key) <= 0:
                raise UserError(f"fit.{key}: expected a number above 0; got {getattr(self, key)!r}")

    def rate(self, step: int) -> float:
        """Learning rate of a step, from 0."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        share = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return self.learning_rate * (0.1 + 0.9 * (1 + cos(pi * share)) / 2)


def span_examples(
    rows: Sequence[tuple[RubricPrompt, str, Sequence[Verdict]]],
) -> list[LabelledResponse]:
    """Rule-made examples: what the program checks say decides, as labels.

    Args:
        rows: Prompt, response and verdicts in rubric order. An unscored verdict gives none.
    """
    return [
        LabelledResponse(
            criterion=criterion.text,
            response=response,
            spans=deciding_spans(criterion, verdict),
            prompt=prompt.prompt,
            prompt_id=prompt.id,
            kind=criterion.constraint_id or "judged",
            satisfied=verdict.satisfied,
            origin=prompt.source,
        )
        for prompt, response, verdicts in rows
        for criterion, verdict in zip(prompt.rubric.criteria, verdicts, strict=True)
        if verdict.is_scored
    ]


def fit(
    discriminator: TokenDiscriminator,
    examples: Sequence[LabelledResponse],
    settings: FitSettings | None = None,
    *,
    seed: int = 0,
) -> list[float]:
    """Train in place; returns the loss of every step.

    Args:
        discriminator: What is trained.
        examples: What it learns from. Responses longer than the context are read in pieces.
        settings: Schedule.
        seed: Of the order of the examples.

    Raises:
        UserError: No example has a token.
    """
    settings = settings or FitSettings()
    flat = [row for example in examples for row in token_rows(discriminator, example)]
    if not flat:
        raise UserError("fit: expected examples with at least one token; got none")
    model, order = discriminator.model, _Order(len(flat), random_for(seed, "fit"))
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.95), weight_decay=0.0
    )
    losses = []
    model.train()
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.rate(step)
        batch = [flat[place] for place in order.take(settings.batch)]
        logits_BL = batch_logits(discriminator, batch)
        labels_BL = torch.full(logits_BL.shape, -1.0, device=logits_BL.device)
        for line, row in zip(labels_BL, batch, strict=True):
            line[: len(row.labels)] = torch.tensor(row.labels, device=line.device)
        value = loss(logits_BL, labels_BL)
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


class _Order:
    """Places in random order, every one once before any comes again."""

    def __init__(self, count: int, random: Random) -> None:
        self._count, self._random = count, random
        self._left: list[int] = []

    def take(self, size: int) -> list[int]:
        taken: list[int] = []
        while len(taken) < size:
            if not self._left:
                self._left = self._random.sample(range(self._count), self._count)
            taken.append(self._left.pop())
        return taken
