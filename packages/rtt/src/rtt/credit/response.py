"""Response level: verdicts [B, R] to a reward [B], and the reward to a group advantage [B].

In: verdicts 0/1 (violated, satisfied). Out: all-or-nothing or satisfied rate (paper eq. 2-3), and
GRPO's group-normalised advantage with the constants of the public code (unbiased std, 1e-6).
NaN means *unscored* throughout: never a zero that would look like a violation.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from rtt.credit.arrays import ArrayLike, check_shapes, group_rows, read_floats, read_mask
from rtt.credit.inputs import read_weights
from rtt.credit.standardise import standardise

__all__ = ["RewardMode", "aggregate", "criterion_advantage", "response_advantage"]

RewardMode = Literal["aon", "csr", "csr_signed", "weighted"]


def aggregate(
    verdict_BR: ArrayLike,
    mode: RewardMode,
    *,
    criterion_mask_BR: ArrayLike | None = None,
    criterion_weight_BR: ArrayLike | None = None,
) -> Tensor:
    """Reward of each response from its verdicts.

    Args:
        verdict_BR: 1 satisfied, 0 violated, [B, R]. NaN counts as masked off.
        mode: "aon" (paper eq. 2): 1 if every criterion is satisfied, else 0. "csr" (eq. 3): share
            satisfied, in [0, 1]. "csr_signed" (public code): mean of +1/-1, that is 2*csr - 1.
            "weighted": share of the weight that is satisfied, in [0, 1].
        criterion_mask_BR: 1 where there is a criterion with a verdict, [B, R]. None: everywhere.
        criterion_weight_BR: For "weighted": 0 or more; None: all 1. (A criterion that must not
            hold is given with its verdict turned round.)

    Returns:
        reward_B; NaN (unscored) for a response without any criterion (or weight) left.

    Raises:
        ValueError: Unknown mode, shapes that disagree, a verdict other than 0 and 1, or a
            negative weight.
    """
    if mode not in get_args(RewardMode):
        raise ValueError(f"mode: expected one of {', '.join(get_args(RewardMode))}; got {mode!r}")
    (verdict,) = read_floats(verdict_BR=verdict_BR)
    active = read_mask("criterion_mask_BR", criterion_mask_BR, verdict)
    check_shapes(verdict_BR=verdict, criterion_mask_BR=active)
    active = active & ~verdict.isnan()
    strange = active & (verdict != 0) & (verdict != 1)
    if bool(strange.any()):
        raise ValueError(
            f"verdict_BR: expected 0 (violated) or 1 (satisfied); got {verdict[strange][0].item()}"
        )
    if mode == "weighted":
        return _weighted(verdict, active, criterion_weight_BR)
    count = active.sum(dim=1)
    satisfied = (active & (verdict == 1)).sum(dim=1)
    if mode == "aon":
        reward = (satisfied == count).to(verdict.dtype)
    else:
        reward = satisfied.to(verdict.dtype) / count.clamp(min=1)
        reward = 2 * reward - 1 if mode == "csr_signed" else reward
    return torch.where(count > 0, reward, torch.nan)


def _weighted(verdict: Tensor, active: Tensor, weight_BR: ArrayLike | None) -> Tensor:
    weight = read_weights(weight_BR, verdict, active)
    total = weight.sum(dim=1)
    got = torch.where(verdict == 1, weight, 0.0).sum(dim=1)
    return torch.where(total > 0, got / torch.where(total > 0, total, 1.0), torch.nan)


def response_advantage(reward_B: ArrayLike, group_size: int, *, eps: float = 1e-6) -> Tensor:
    """Group-normalised advantage of each response: (reward - mean) / (unbiased std + eps).

    A NaN reward is an unscored sample: left out of its group's mean and std, advantage 0.
    A group of one scored sample, or of equal rewards, gives exact zeros.

    Args:
        reward_B: [B], the samples of one prompt next to each other.
        group_size: G, samples a prompt; divides B.
        eps: Added to the std.

    Returns:
        advantage_B, never NaN.

    Raises:
        ValueError: Not one axis, an infinite reward, or B no multiple of `group_size`.
    """
    (reward,) = read_floats(reward_B=reward_B)
    check_shapes(reward_B=reward)
    if bool(reward.isinf().any()):
        raise ValueError(f"reward_B: expected finite numbers or NaN (unscored); got {reward}")
    reward_PG = group_rows(reward, group_size)
    advantage_PG = standardise(reward_PG, ~reward_PG.isnan(), (1,), eps=eps, correction=1)
    return advantage_PG.flatten(0, 1)


def criterion_advantage(
    signed_BR: ArrayLike,
    group_size: int,
    *,
    eps: float = 1e-6,
    criterion_mask_BR: ArrayLike | None = None,
) -> Tensor:
    """Each criterion's own group advantage a_BR: (s - mean)/(unbiased std + eps) over samples.

    Args:
        signed_BR: +1 satisfied, -1 violated; NaN counts as off.
        group_size: G, samples a prompt; divides B.
        eps: Added to the std.
        criterion_mask_BR: 1 where a criterion counts; None: everywhere.

    Returns:
        advantage_BR; exact zeros where a criterion is off or its samples agree.

    Raises:
        ValueError: Shapes that disagree.
    """
    (signed,) = read_floats(signed_BR=signed_BR)
    active = read_mask("criterion_mask_BR", criterion_mask_BR, signed)
    check_shapes(signed_BR=signed, criterion_mask_BR=active)
    active_PGR = group_rows(active & ~signed.isnan(), group_size)
    signed_PGR = group_rows(signed, group_size)
    return standardise(signed_PGR, active_PGR, (1,), eps=eps, correction=1).flatten(0, 1)
