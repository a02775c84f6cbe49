"""What a TRL run measures beside the metrics of scoring and credit, over all processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rtt.loss import log_ratio
from rtt.train.clipping import CLIP_CLASSES, clip_counts
from rtt.train.trl.reward import ScoredRow

__all__ = ["batch_totals", "policy_metrics"]

_CLIPPED = ("grpo", "bnpo", "dr_grpo", "dapo", "luspo")
"""Loss types that clip the ratio on both sides."""


def batch_totals(
    accelerator: Any, rows: Sequence[ScoredRow], mask_BT: Tensor
) -> tuple[float, float]:
    """Trained tokens and rows with a verdict, over all processes; every process must call it."""
    scored = sum(row.scored.is_scored for row in rows)
    local = torch.stack([mask_BT.sum(), mask_BT.new_tensor(scored)]).float()
    tokens, scored_rows = accelerator.reduce(local, "sum").tolist()
    return tokens, scored_rows


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

    Every process must call it. Empty where no token is trained.
    """
    mask_BT = inputs["completion_mask"] * inputs.get("tool_mask", 1)
    old_BT = inputs.get("old_per_token_logps", logprob_BT)
    change_BT = log_ratio(logprob_BT, old_BT, mask_BT.bool(), importance=importance)
    moved = torch.stack([(torch.expm1(change_BT) - change_BT).sum(), mask_BT.sum().float()])
    counts = clip_counts(
        change_BT, inputs["advantages"], inputs["rtt_relevant"], mask_BT,
        clip_low=clip_low, clip_high=clip_high,
    )  # fmt: skip
    sums = accelerator.reduce(torch.cat([moved.unsqueeze(0), counts]), "sum")
    if not sums[0, 1]:
        return {}
    drift, *shares = (sums[:, 0] / sums[:, 1].clamp(min=1)).tolist()
    clipped = {f"clipped_{name}": share for name, share in zip(CLIP_CLASSES, shares, strict=True)}
    return {"approx_kl": drift, **(clipped if loss_type in _CLIPPED else {})}
