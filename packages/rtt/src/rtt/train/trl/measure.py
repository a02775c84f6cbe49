"""What a TRL run measures beside the metrics of scoring and credit, over all processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rtt.loss import log_ratio
from rtt.train.metrics import clip_fractions
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
    shares = {}
    if loss_type in _CLIPPED:
        shares = clip_fractions(
            change_BT.exp(), inputs["advantages"], mask_BT, inputs["rtt_relevant"],
            clip_low=clip_low, clip_high=clip_high,
        )  # fmt: skip
    # Shares of this process's tokens become counts, are added up, and become shares again.
    count = mask_BT.sum()
    moved = (torch.expm1(change_BT) - change_BT).sum()
    local = torch.stack([count, moved, *(count * share for share in shares.values())])
    total, *sums = accelerator.reduce(local, "sum").tolist()
    if not total:
        return {}
    return dict(zip(("approx_kl", *shares), (one / total for one in sums), strict=True))
