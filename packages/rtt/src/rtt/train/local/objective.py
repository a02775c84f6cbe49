"""The loss of one micro-batch, and what is measured on the way.

In: a model and a packed micro-batch. Out: its share of the minibatch's loss, with gradient; then
sums over tokens, which micro-batches and processes add up. Where a token's loss depends on its own
log-probability alone, loss and gradient come in one sweep over the vocabulary; sequence ratios and
the entropy bonus take the recompute form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rtt.loss import clipped_loss
from rtt.policy.fused import fused_policy_loss
from rtt.policy.logprobs import token_logprobs
from rtt.policy.packed import packed_hidden
from rtt.policy.softmax import HeadForm
from rtt.train.clipping import CLIP_CLASSES, clip_counts
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


class UpdateSums:
    """Sums over the computed tokens of a minibatch; micro-batches and processes add up."""

    names = (
        "loss", "tokens", "entropy", "approx_kl",
        *(f"{part}_{name}" for name in CLIP_CLASSES for part in ("clipped", "all")),
    )  # fmt: skip

    def __init__(self, values: Sequence[float] | None = None) -> None:
        self.values = list(values or [0.0] * len(self.names))

    def add(
        self,
        batch: MicroBatch,
        loss: Tensor,
        logprob_K: Tensor,
        entropy_K: Tensor,
        settings: UpdateSettings,
    ) -> None:
        """Count a micro-batch in; one copy from the device."""
        change_K = (logprob_K - batch.old_logprob_K).clamp(-20, 20)
        clipped_42 = clip_counts(
            change_K, batch.advantage_K, batch.relevant_K, torch.ones_like(change_K),
            clip_low=settings.clip_low, clip_high=settings.clip_high,
        )  # fmt: skip
        head_4 = torch.stack(
            [
                loss,
                torch.full_like(loss, len(change_K)),
                entropy_K.sum(),
                (torch.expm1(change_K) - change_K).sum(),
            ]
        )
        told = torch.cat([head_4, clipped_42.flatten()]).tolist()
        self.values = [before + new for before, new in zip(self.values, told, strict=True)]

    def means(self) -> dict[str, float]:
        """The loss, and everything else as a mean.

        `approx_kl` is `exp(d) - 1 - d` with d the log ratio. `clip_fraction_high` and `_low` are
        shares of all tokens: those with a positive and with a negative advantage whose update the
        clip stops; `clipped_*` are shares of their class.
        """
        sums = dict(zip(self.names, self.values, strict=True))
        tokens = max(sums["tokens"], 1.0)
        high, low = (
            sum(sums[f"clipped_{name}"] for name in CLIP_CLASSES if name.startswith(sign)) / tokens
            for sign in ("positive", "negative")
        )
        return {
            "loss": sums["loss"],
            "entropy": sums["entropy"] / tokens,
            "approx_kl": sums["approx_kl"] / tokens,
            "clip_fraction_high": high,
            "clip_fraction_low": low,
            **{
                f"clipped_{name}": sums[f"clipped_{name}"] / max(sums[f"all_{name}"], 1.0)
                for name in CLIP_CLASSES
            },
        }
