"""What a TRL run measures beside the metrics of scoring and credit, over all processes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rtt.loss import log_ratio
from rtt.train.clipping import CLIP_CLASSES, clip_counts
from rtt.train.trl.reward import ScoredRow

__all__ = ["BatchTotals", "batch_totals", "policy_metrics"]

_CLIPPED = ("grpo", "bnpo", "dr_grpo", "dapo", "luspo")
"""Loss types that clip the ratio on both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTotals:
    """Of one generation batch.

    Example:
        `BatchTotals(tokens=512, scored_rows=32, eos_advantage=-0.1)`
    """

    tokens: float
    """Response tokens that are trained."""
    scored_rows: float
    """Rows with at least one verdict."""
    eos_advantage: float
    """Mean advantage of the last token of responses that ended; NaN if none did. Below zero for
    long, it makes responses longer."""


def batch_totals(
    accelerator: Any, rows: Sequence[ScoredRow], advantage_BT: Tensor, mask_BT: Tensor
) -> BatchTotals:
    """Add up over all processes; every process must call it."""
    ends = [
        advantage_BT[place, len(row.scored.rollout.tokens) - 1]
        for place, row in enumerate(rows)
        if row.scored.rollout.finish_reason == "stop"
        and bool(mask_BT[place, len(row.scored.rollout.tokens) - 1])
    ]
    scored = sum(row.scored.is_scored for row in rows)
    total = torch.stack(ends).sum() if ends else advantage_BT.new_zeros(())
    local = torch.stack([
        mask_BT.sum().to(total), total.new_tensor(scored), total.new_tensor(len(ends)), total
    ])  # fmt: skip
    tokens, scored_rows, ended, summed = accelerator.reduce(local, "sum").tolist()
    return BatchTotals(
        tokens=tokens,
        scored_rows=scored_rows,
        eos_advantage=summed / ended if ended else math.nan,
    )


def policy_metrics(
    accelerator: Any,
    inputs: Mapping[str, Any],
    logprob_BT: Tensor,
    *,
    loss_type: str,
    importance: Any,
    clip_low: float,
    clip_high: float,
) -> dict[str, float]:
    """Clip shares by sign and relevance, and the distance from the sampling policy (k3).

    Every process must call it. NaN where no token is of a class.
    """
    mask_BT = inputs["completion_mask"] * inputs.get("tool_mask", 1)
    old_BT = inputs.get("old_per_token_logps", logprob_BT)
    change_BT = log_ratio(logprob_BT, old_BT, mask_BT.bool(), importance=importance)
    counts_42 = clip_counts(
        change_BT, inputs["advantages"], inputs["rtt_relevant"], mask_BT,
        clip_low=clip_low, clip_high=clip_high,
    )  # fmt: skip
    moved_2 = torch.stack([(torch.expm1(change_BT) - change_BT).sum(), mask_BT.sum().float()])
    sums_52 = accelerator.reduce(torch.cat([counts_42, moved_2.unsqueeze(0)]), "sum")
    *shares, distance = (sums_52[:, 0] / sums_52[:, 1]).tolist()
    metrics = {"approx_kl": distance}
    if loss_type in _CLIPPED:
        metrics |= {f"clip/{name}": one for name, one in zip(CLIP_CLASSES, shares, strict=True)}
    return metrics
