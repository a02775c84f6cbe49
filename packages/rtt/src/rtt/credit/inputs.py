"""What every token scheme reads: checked tensors, and the mean over the criteria that count.

In: relevances, signed verdicts, masks. Out: `TokenInputs` with one bool mask for "this token of
this criterion counts".
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rtt.credit.arrays import ArrayLike, check_shapes, read_floats, read_mask

__all__ = [
    "TokenInputs", "mean_over_criteria", "read_token_inputs", "read_weights", "signed_relevance",
]  # fmt: skip


class TokenInputs(NamedTuple):
    """Checked inputs of a token scheme."""

    relevance: Tensor  # [B, R, T]
    signed: Tensor  # [B, R]
    valid: Tensor  # [B, R, T] bool: a response token under an active criterion
    active: Tensor  # [B, R] bool
    mask: Tensor  # [B, T] bool
    weight: Tensor  # [B, R], ones where none were given


def read_token_inputs(
    relevance_BRT: ArrayLike,
    signed_BR: ArrayLike,
    mask_BT: ArrayLike | None,
    criterion_mask_BR: ArrayLike | None,
    criterion_weight_BR: ArrayLike | None = None,
) -> TokenInputs:
    """Read and check the arguments of a token scheme.

    Raises:
        ValueError: Shapes that disagree, a NaN relevance under an active criterion, or a weight
            that is negative or no number.
    """
    relevance, signed = read_floats(relevance_BRT=relevance_BRT, signed_BR=signed_BR)
    check_shapes(relevance_BRT=relevance, signed_BR=signed)
    mask = read_mask(
        "mask_BT", mask_BT, relevance[:, 0] if relevance.shape[1] else relevance.sum(1)
    )
    active = read_mask("criterion_mask_BR", criterion_mask_BR, signed)
    check_shapes(relevance_BRT=relevance, signed_BR=signed, mask_BT=mask, criterion_mask_BR=active)
    active = active & ~signed.isnan()
    valid = mask.unsqueeze(1) & active.unsqueeze(2)
    if bool((relevance.isnan() & valid).any()):
        raise ValueError(
            "relevance_BRT: expected numbers wherever a criterion is active; got NaN "
            "(turn a criterion without relevances off in criterion_mask_BR)"
        )
    weight = read_weights(criterion_weight_BR, signed, active)
    return TokenInputs(relevance, signed, valid, active, mask, weight)


def read_weights(weight_BR: ArrayLike | None, like: Tensor, active: Tensor) -> Tensor:
    """Weights of criteria in the dtype of `like`, zeros where a criterion is off; None: ones.

    Raises:
        ValueError: Shapes that disagree, or an active weight that is negative, NaN or infinite.
    """
    if weight_BR is None:
        return active.to(like.dtype)
    (weight,) = read_floats(criterion_weight_BR=weight_BR)
    weight = weight.to(like)
    check_shapes(verdict_BR=like, criterion_weight_BR=weight)
    strange = active & ~((weight >= 0) & weight.isfinite())
    if bool(strange.any()):
        raise ValueError(
            "criterion_weight_BR: expected finite weights of 0 or more (for a criterion that must "
            f"not hold, turn its verdict round); got {weight[strange][0].item()}"
        )
    return torch.where(active, weight, 0.0)


def signed_relevance(given: TokenInputs) -> Tensor:
    """Token rewards [B, R, T], zeros where nothing counts."""
    product = given.signed.unsqueeze(2) * given.relevance
    return torch.where(given.valid, product, 0.0)


def mean_over_criteria(
    value_BRT: Tensor, weight_BR: Tensor, *, skip_constant: bool = False
) -> Tensor:
    """Weighted mean over criteria [B, T]; weights are zero where a criterion is off.

    Args:
        value_BRT: Credit by criterion, zeros where nothing counts.
        weight_BR: As in `TokenInputs`.
        skip_constant: Leave out criteria whose credit is zero on every token, so that they do
            not thin out the others.
    """
    if skip_constant:
        weight_BR = torch.where((value_BRT != 0).any(dim=2), weight_BR, 0.0)
    total_B1 = weight_BR.sum(dim=1, keepdim=True)
    return (value_BRT * weight_BR.unsqueeze(2)).sum(dim=1) / torch.where(
        total_B1 > 0, total_B1, 1.0
    )
