"""Score and token credit of a response in one row of rewards, and apart again.

verl hands an advantage estimator one tensor of rewards [B, T] and nothing of ours beside it. The
token credit of one response sums to zero, so one row holds both: `w * C[t]` on every token, the
score added on the last one. The sum of the row is the score, and what is left is the token part. An
estimator that only adds rows up (verl's own `grpo`) sees plain rewards.

Rows are float64: in float32 the sum of a long row is off by about 1e-6, as large as the epsilon of
the group normalisation, and equal scores would no longer be equal. Scores are kept to 2^-30. The
last cell that is not zero holds the score; NaN there marks an unscored response, and a row of zeros
one without tokens. So no mask is needed to read a row: verl may have narrowed it meanwhile.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rtt.credit.arrays import check_shapes

__all__ = ["GRID", "TOLERANCE", "pack_rows", "unpack_rows"]

GRID = 2.0**-30
"""Scores are multiples of it: far above the noise of a sum of float64, far below any epsilon."""

TOLERANCE = 1e-5
"""Largest sum of a token part, as a share of the sum of its sizes, that counts as rounding."""

_TRACE = 2.0**-40
"""Stands for zero on the last token, so that it can be found; lost in the grid of the scores."""


def pack_rows(score_B: Tensor, token_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Put scores and token parts into rows of rewards.

    Args:
        score_B: Reward of each response; NaN where unscored.
        token_BT: What token credit adds to the advantage, weight included (and clipped, where it
            is); it sums to zero over the mask up to rounding, and is centred exactly here.
        mask_BT: 1 on the tokens that the policy wrote. A row without any carries nothing and comes
            back unscored.

    Returns:
        reward_BT, float64, zeros outside the mask.

    Raises:
        ValueError: Shapes that disagree, an infinite score, a token part that is not finite, or
            one that does not sum to zero: the row could not tell it from the score.
    """
    check_shapes(score_B=score_B, token_BT=token_BT, mask_BT=mask_BT)
    if bool(score_B.isinf().any()):
        raise ValueError(f"score_B: expected finite scores or NaN (unscored); got {score_B}")
    mask_BT = mask_BT.bool()
    carries_BT = mask_BT & ~score_B.isnan().unsqueeze(1)
    token_BT = torch.where(carries_BT, token_BT.double(), 0.0)
    _refuse_unbalanced(token_BT)
    mean_B1 = token_BT.sum(dim=1, keepdim=True) / carries_BT.sum(dim=1, keepdim=True).clamp(min=1)
    row_BT = torch.where(carries_BT, token_BT - mean_B1, 0.0)
    last_BT = row_BT + _on_grid(score_B.double()).unsqueeze(1)
    last_BT = torch.where(last_BT == 0, _TRACE, last_BT)
    return torch.where(_is_last(mask_BT), last_BT, row_BT)


def unpack_rows(reward_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Scores [B] (NaN where unscored) and token parts [B, T] of rows of rewards.

    Raises:
        ValueError: Shapes that disagree, or rows that are not float64.
    """
    check_shapes(reward_BT=reward_BT)
    if reward_BT.dtype != torch.float64:
        raise ValueError(
            f"reward_BT: expected float64, as pack_rows makes it; got {reward_BT.dtype}: a sum "
            "in a narrower type cannot tell equal scores from unequal ones"
        )
    filled_BT = reward_BT != 0
    score_B = _on_grid(reward_BT.sum(dim=1))
    score_B = torch.where(filled_BT.any(dim=1), score_B, torch.nan)
    token_BT = torch.where(_is_last(filled_BT), reward_BT - score_B.unsqueeze(1), reward_BT)
    return score_B, torch.where(score_B.isnan().unsqueeze(1), 0.0, token_BT)


def _on_grid(value: Tensor) -> Tensor:
    return (value / GRID).round() * GRID


def _is_last(mask_BT: Tensor) -> Tensor:
    """True on the last token of each mask; nowhere in an empty row."""
    return mask_BT & (mask_BT.flip(1).cumsum(dim=1).flip(1) == 1)


def _refuse_unbalanced(token_BT: Tensor) -> None:
    if not bool(token_BT.isfinite().all()):
        raise ValueError("token_BT: expected finite numbers on scored rows; got NaN or infinity")
    sum_B, size_B = token_BT.sum(dim=1), token_BT.abs().sum(dim=1)
    wrong_B = sum_B.abs() > TOLERANCE * size_B.clamp(min=1.0)
    if bool(wrong_B.any()):
        row = int(wrong_B.nonzero()[0])
        raise ValueError(
            "token_BT: expected token parts that sum to zero over the response; got one whose row "
            f"{row} sums to {sum_B[row].item():.3g} (sizes: {size_B[row].item():.3g})"
        )
