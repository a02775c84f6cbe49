"""Schemes without a token credit of their own: two channels of rewards, and a reweighted advantage.

In: verdicts, or relevances that weigh the response advantage. Out: an advantage a response, or a
weight a token.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rtt.credit.arrays import ArrayLike, check_shapes, read_floats, read_mask
from rtt.credit.inputs import mean_over_criteria, read_weights
from rtt.credit.response import aggregate, response_advantage

__all__ = ["contrast_weights", "reweigh", "two_channel"]


def two_channel(
    verdict_BR: ArrayLike,
    hard_BR: ArrayLike,
    group_size: int,
    *,
    soft_weight: float = 1.0,
    eps: float = 1e-6,
    criterion_mask_BR: ArrayLike | None = None,
) -> Tensor:
    """Hard and soft criteria as two rewards, each normalised over the group by itself.

    `A = norm(all hard criteria met) + soft_weight * norm(share of soft criteria met)`, `norm` as
    in `response_advantage`: the idea of RDAN-GRPO, a scalar control beside token credit.

    Args:
        verdict_BR: 1 satisfied, 0 violated; NaN counts as off.
        hard_BR: 1 where a program decided, 0 where a judge did.
        group_size: G; divides B.
        soft_weight: Of the soft channel.
        eps: Added to each std.
        criterion_mask_BR: 1 where a criterion counts; None: everywhere.

    Returns:
        advantage_B; a channel without criteria adds nothing.

    Raises:
        ValueError: Shapes that disagree, or a verdict other than 0 and 1.
    """
    (verdict,) = read_floats(verdict_BR=verdict_BR)
    active = read_mask("criterion_mask_BR", criterion_mask_BR, verdict)
    hard = read_mask("hard_BR", hard_BR, verdict)
    check_shapes(verdict_BR=verdict, hard_BR=hard, criterion_mask_BR=active)
    hard_B = aggregate(verdict, "aon", criterion_mask_BR=active & hard)
    soft_B = aggregate(verdict, "csr", criterion_mask_BR=active & ~hard)
    return response_advantage(hard_B, group_size, eps=eps) + soft_weight * response_advantage(
        soft_B, group_size, eps=eps
    )


def contrast_weights(
    relevance_BRT: ArrayLike,
    mask_BT: ArrayLike | None = None,
    *,
    strength: float = 1.0,
    criterion_mask_BR: ArrayLike | None = None,
    criterion_weight_BR: ArrayLike | None = None,
) -> Tensor:
    """Weights of tokens that average 1 in each response (CoRT, arXiv 2607.25659).

    `w_t = 1 + strength * (p_t - 1/2)`, divided by its mean over the response's tokens; p_t is the
    mean relevance over the active criteria (CoRT: how much likelier the policy finds the token
    with the criteria in the prompt, see `rtt.relevance.PolicyContrast`), the strength is CoRT's
    eta times its ramp. A response without active criteria has weight 1 everywhere.

    Args:
        relevance_BRT: In [0, 1]; 1/2 is neutral.
        mask_BT: 1 on response tokens; None: all.
        strength: 0 (weights exactly 1) to below 2 (so that every weight stays positive).
        criterion_mask_BR: 1 where a criterion counts; None: everywhere.
        criterion_weight_BR: Weights of the mean over criteria, 0 or more; None: all 1.

    Returns:
        weight_BT, zeros outside the mask.

    Raises:
        ValueError: Shapes that disagree, a NaN relevance that counts, or a strength outside
            [0, 2).
    """
    if not 0 <= strength < 2:
        raise ValueError(f"strength: expected a number in [0, 2); got {strength!r}")
    (relevance,) = read_floats(relevance_BRT=relevance_BRT)
    like = relevance[:, 0] if relevance.shape[1] else relevance.sum(1)
    mask = read_mask("mask_BT", mask_BT, like)
    row = relevance.sum(dim=2)
    active = read_mask("criterion_mask_BR", criterion_mask_BR, row)
    check_shapes(relevance_BRT=relevance, mask_BT=mask, criterion_mask_BR=active)
    valid = mask.unsqueeze(1) & active.unsqueeze(2)
    if bool((relevance.isnan() & valid).any()):
        raise ValueError("relevance_BRT: expected numbers wherever a criterion is active; got NaN")
    weight_BR = read_weights(criterion_weight_BR, row.nan_to_num(), active)
    mean_BT = mean_over_criteria(torch.where(valid, relevance, 0.0), weight_BR)
    has_any_B1 = (weight_BR > 0).any(dim=1, keepdim=True)
    raw_BT = torch.where(mask & has_any_B1, 1 + strength * (mean_BT - 0.5), mask.to(mean_BT.dtype))
    count_B1 = mask.sum(dim=1, keepdim=True)
    return raw_BT * count_B1 / torch.where(count_B1 > 0, raw_BT.sum(dim=1, keepdim=True), 1.0)


def reweigh(advantage_B: ArrayLike, weight_BT: ArrayLike, mask_BT: ArrayLike | None) -> Tensor:
    """Per-token advantage `w_t * A`: zeros outside the mask and for an unscored (NaN) sample.

    Raises:
        ValueError: Shapes that disagree.
    """
    advantage, weight = read_floats(advantage_B=advantage_B, weight_BT=weight_BT)
    mask = read_mask("mask_BT", mask_BT, weight)
    check_shapes(advantage_B=advantage, weight_BT=weight, mask_BT=mask)
    wide = advantage.unsqueeze(1)
    return torch.where(mask & ~wide.isnan(), wide * weight, 0.0)
