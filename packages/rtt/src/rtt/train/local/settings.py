"""Sizes and schedule of a run of the local engine, and the settings of its optimiser step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from lmcommon.errors import UserError
from rtt.engine.drawing import Sampling
from rtt.loss import Aggregation, Importance

__all__ = ["TrainSettings", "UpdateSettings"]


@dataclass(kw_only=True)
class UpdateSettings:
    """Settings of the optimiser step; the clip values are the paper's."""

    learning_rate: float = 4e-4
    minibatches: int = 2
    """Optimiser steps a rollout batch; the groups of a batch are dealt out in order."""
    token_budget: int = 4096
    """Tokens of one packed forward pass at most; bounds the memory, changes no result."""
    clip_low: float = 0.2
    clip_high: float = 0.27
    dual_clip: float | None = None
    """Where the advantage is negative, the token loss is at most this times its size."""
    aggregation: str = "token-mean"
    """token-mean, seq-mean-token-mean, seq-mean-token-sum or seq-mean-token-sum-norm."""
    importance: str = "token"
    """token, or sequence (GSPO)."""
    entropy_bonus: float = 0.0
    """Times the entropy, aggregated as the loss is, is taken off the loss."""
    grad_clip: float = 1.0

    def __post_init__(self) -> None:
        for key, value, options in (
            ("aggregation", self.aggregation, get_args(Aggregation)),
            ("importance", self.importance, get_args(Importance)),
        ):
            if value not in options:
                raise UserError(
                    f"train.update.{key}: expected one of {', '.join(options)}; got {value!r}"
                )
        for key in ("learning_rate", "minibatches", "token_budget", "grad_clip"):
            if getattr(self, key) <= 0:
                raise UserError(
                    f"train.update.{key}: expected a number above 0; got {getattr(self, key)!r}"
                )
        if not (0 <= self.clip_low <= 1 and self.clip_high >= 0):
            raise UserError(
                "train.update: expected clip_low in [0, 1] and clip_high of 0 or more; "
                f"got {self.clip_low}, {self.clip_high}"
            )
        if self.dual_clip is not None and self.dual_clip <= 1:
            raise UserError(
                f"train.update.dual_clip: expected null or a number above 1; got {self.dual_clip}"
            )

    @property
    def is_separable(self) -> bool:
        """Whether a token's loss depends on its own log-probability alone."""
        return self.importance == "token" and self.entropy_bonus == 0


@dataclass(kw_only=True)
class TrainSettings:
    """Sizes and schedule of a run."""

    steps: int = 160
    prompts: int = 32
    """P: prompts a step, over all processes."""
    samples: int = 8
    """G: samples a prompt."""
    sampling: Sampling = field(default_factory=Sampling)
    """Of the rollouts; evaluations always sample at temperature 1."""
    overlap: bool = True
    """Score finished responses while others are written: the same verdicts, sooner."""
    drop_silent: bool = False
    """Leave out groups in which no token has an advantage (DAPO's dynamic sampling): neither
    response nor token signal, not just no response signal."""
    refill_rounds: int = 0
    """With drop_silent: how often further prompts are drawn until the batch is full."""
    staleness: int = 0
    """1: the next batch is drawn during an update, from the policy before it; needs a sampler with
    weights of its own."""
    row_budget: int = 1024
    """Responses generated at once; bounds the memory, changes no draw."""
    update: UpdateSettings = field(default_factory=UpdateSettings)
    eval_every: int = 10
    heldout: int = 256
    """Held-out prompts."""
    eval_samples: int = 1
    """Samples a held-out prompt; the last evaluation takes four times as many."""
    checkpoint_every: int = 40
    record_every: int | None = None
    """Every so many steps all scored responses go to `rollouts.jsonl`; 0: never; null: at each
    evaluation."""

    def __post_init__(self) -> None:
        for key in ("prompts", "samples", "row_budget", "eval_every", "heldout", "eval_samples"):
            if getattr(self, key) < 1:
                raise UserError(
                    f"train.{key}: expected a whole number above 0; got {getattr(self, key)!r}"
                )
        if self.staleness not in (0, 1):
            raise UserError(f"train.staleness: expected 0 or 1; got {self.staleness!r}")
        if self.refill_rounds and not self.drop_silent:
            raise UserError(
                "train.refill_rounds: expected 0 without train.drop_silent=true, which makes room; "
                f"got {self.refill_rounds}"
            )
        for key in ("steps", "checkpoint_every", "record_every", "refill_rounds"):
            if (getattr(self, key) or 0) < 0:
                raise UserError(f"train.{key}: expected 0 or more; got {getattr(self, key)!r}")

    def records(self, step: int) -> bool:
        """Whether the responses of a step (from 1) are written down."""
        every = self.eval_every if self.record_every is None else self.record_every
        return every > 0 and step % every == 0
