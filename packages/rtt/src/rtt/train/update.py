"""One optimiser pass over a batch of scored rollouts.

In: a policy, an optimiser, a `TrainBatch`. Out: the policy moved, and what the update measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor

from lmcommon.errors import UserError
from rtt.loss import Aggregation, Importance, log_ratio, policy_loss
from rtt.policy.logprobs import response_logprobs
from rtt.policy.tiny import Policy
from rtt.types import ScoredGroup, TrainBatch

__all__ = ["UpdateSettings", "train_batch", "update"]


@dataclass(kw_only=True)
class UpdateSettings:
    """Settings of the optimiser step; the clip values are the paper's."""

    learning_rate: float = 4e-4
    minibatches: int = 2
    """Optimiser steps a rollout batch."""
    clip_low: float = 0.2
    clip_high: float = 0.27
    aggregation: str = "token-mean"
    importance: str = "token"
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
        for key in ("learning_rate", "minibatches", "grad_clip"):
            if getattr(self, key) <= 0:
                raise UserError(
                    f"train.update.{key}: expected a number above 0; got {getattr(self, key)!r}"
                )


def train_batch(policy: Policy, groups: Sequence[ScoredGroup], advantage_BT: Tensor) -> TrainBatch:
    """Pad prompts and responses of all samples; rows in the order of `advantage_BT`."""
    device = policy.model.device
    samples = [sample for group in groups for sample in group.samples]
    asked = policy.tokenizer(
        [group.prompt.prompt for group in groups for _ in group.samples], padding=True
    )
    width = advantage_BT.shape[1]
    pad = policy.tokenizer.pad_token_id

    def padded(rows: list[Sequence[float]], fill: float) -> Tensor:
        return torch.tensor([[*row, *[fill] * (width - len(row))] for row in rows], device=device)

    return TrainBatch(
        prompt_BL=torch.tensor(asked["input_ids"], device=device),
        prompt_mask_BL=torch.tensor(asked["attention_mask"], device=device),
        response_BT=padded([sample.rollout.tokens for sample in samples], pad).long(),
        mask_BT=padded([[1.0] * len(sample.rollout.tokens) for sample in samples], 0.0),
        old_logprob_BT=padded([sample.rollout.logprobs for sample in samples], 0.0),
        advantage_BT=advantage_BT.to(device),
    )


def update(
    policy: Policy, optimiser: Any, batch: TrainBatch, settings: UpdateSettings
) -> dict[str, float]:
    """Take `settings.minibatches` optimiser steps over consecutive parts of the batch.

    A part without any advantage (all unscored) is left out: weight decay and momentum must not
    move the policy on no information.
    """
    policy.model.train()
    measured: list[dict[str, float]] = []
    for rows in torch.arange(len(batch.mask_BT)).chunk(settings.minibatches):
        if not bool(batch.advantage_BT[rows].any()):
            continue
        logprob_BT, entropy_BT = response_logprobs(
            policy.model,
            batch.prompt_BL[rows],
            batch.prompt_mask_BL[rows],
            batch.response_BT[rows],
            batch.mask_BT[rows],
        )
        loss = policy_loss(
            logprob_BT,
            batch.old_logprob_BT[rows],
            batch.advantage_BT[rows],
            batch.mask_BT[rows],
            clip_low=settings.clip_low,
            clip_high=settings.clip_high,
            aggregation=settings.aggregation,  # type: ignore[arg-type]
            importance=settings.importance,  # type: ignore[arg-type]
        )
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(policy.model.parameters(), settings.grad_clip)
        optimiser.step()
        measured.append(
            {"loss": loss.item(), "grad_norm": float(norm)}
            | _measure(logprob_BT.detach(), entropy_BT, batch, rows, settings)
        )
    return {
        key: sum(part[key] for part in measured) / len(measured)
        for key in (measured[0] if measured else ())
    }


def _measure(
    logprob_BT: Tensor,
    entropy_BT: Tensor,
    batch: TrainBatch,
    rows: Tensor,
    settings: UpdateSettings,
) -> dict[str, float]:
    mask = batch.mask_BT[rows].bool()
    change = log_ratio(logprob_BT, batch.old_logprob_BT[rows], mask)
    ratio, advantage = change.exp(), batch.advantage_BT[rows]
    valid = mask.sum().clamp(min=1)
    high = mask & (advantage > 0) & (ratio > 1 + settings.clip_high)
    low = mask & (advantage < 0) & (ratio < 1 - settings.clip_low)
    return {
        "entropy": (entropy_BT.sum() / valid).item(),
        "clip_fraction_high": (high.sum() / valid).item(),
        "clip_fraction_low": (low.sum() / valid).item(),
        "approx_kl": ((torch.expm1(change) - change).sum() / valid).item(),
    }
