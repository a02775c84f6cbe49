"""The loss of one micro-batch, and what is measured on the way.

In: a model and a packed micro-batch. Out: its share of the minibatch's loss, with gradient; then
sums over tokens, which micro-batches and processes add up. Where a token's loss depends on its own
log-probability alone, loss and gradient come in one sweep over the vocabulary; sequence ratios and
the entropy bonus take the recompute form.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

import torch
from torch import Tensor

from rtt.loss import clipped_loss
from rtt.policy.fused import fused_policy_loss
from rtt.policy.logprobs import token_logprobs
from rtt.policy.packed import packed_hidden
from rtt.policy.softmax import HeadForm
from rtt.train.local.packing import MicroBatch
from rtt.train.local.settings import UpdateSettings

__all__ = ["UpdateSums", "micro_batch_loss"]


def micro_batch_loss(
    model: Any, batch: MicroBatch, settings: UpdateSettings, *, temperature: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss with gradient; log-probability and entropy [K] without.

    Args:
        model: A causal model.
        batch: What to compute.
        settings: Clips, importance, bonus.
        temperature: At which the responses were sampled.
    """
    hidden_KH = packed_hidden(model, batch.packed).index_select(0, batch.packed.layout.before_K)
    head, form = model.get_output_embeddings(), HeadForm.of(model.config, temperature=temperature)
    if settings.is_separable:
        swept = fused_policy_loss(
            hidden_KH, head, batch.target_K, batch.old_logprob_K, batch.advantage_K, batch.scale_K,
            clip_low=settings.clip_low, clip_high=settings.clip_high,
            dual_clip=settings.dual_clip, form=form,
        )  # fmt: skip
        return swept.loss, swept.logprob_N, swept.entropy_N
    logprob_K, entropy_K = token_logprobs(hidden_KH, head, batch.target_K, form=form)
    change_K = logprob_K - batch.old_logprob_K
    if settings.importance == "sequence":
        change_K = _row_means(change_K, batch.lengths)
    loss_K = clipped_loss(
        change_K, batch.advantage_K,
        clip_low=settings.clip_low, clip_high=settings.clip_high, dual_clip=settings.dual_clip,
    )  # fmt: skip
    loss_K = loss_K - settings.entropy_bonus * entropy_K
    return (batch.scale_K * loss_K).sum(), logprob_K.detach(), entropy_K.detach()


def _row_means(value_K: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """On every token the mean of its row."""
    length_B = torch.tensor(lengths, device=value_K.device)
    row_K = torch.arange(len(lengths), device=value_K.device).repeat_interleave(length_B)
    sum_B = value_K.new_zeros(len(lengths)).index_add(0, row_K, value_K)
    return (sum_B / length_B)[row_K]


@dataclass(slots=True)
class UpdateSums:
    """Sums over the tokens of a minibatch that were computed."""

    loss: float = 0.0
    tokens: float = 0.0
    entropy: float = 0.0
    approx_kl: float = 0.0
    """Of the sampling policy from the present one, `exp(d) - 1 - d` a token."""
    clip_fraction_high: float = 0.0
    clip_fraction_low: float = 0.0

    def add(
        self,
        batch: MicroBatch,
        loss: Tensor,
        logprob_K: Tensor,
        entropy_K: Tensor,
        settings: UpdateSettings,
    ) -> None:
        """Count a micro-batch in."""
        change_K = (logprob_K - batch.old_logprob_K).clamp(-20, 20)
        ratio_K, advantage_K = change_K.exp(), batch.advantage_K
        self.loss += loss.item()
        self.tokens += len(change_K)
        self.entropy += entropy_K.sum().item()
        self.approx_kl += (torch.expm1(change_K) - change_K).sum().item()
        high_K = (advantage_K > 0) & (ratio_K > 1 + settings.clip_high)
        low_K = (advantage_K < 0) & (ratio_K < 1 - settings.clip_low)
        self.clip_fraction_high += high_K.sum().item()
        self.clip_fraction_low += low_K.sum().item()

    def means(self) -> dict[str, float]:
        """The loss, and everything else a token."""
        loss, tokens, *sums = astuple(self)
        names = ("entropy", "approx_kl", "clip_fraction_high", "clip_fraction_low")
        return {
            "loss": loss,
            **{name: value / max(tokens, 1) for name, value in zip(names, sums, strict=True)},
        }
