"""Combining the response advantage [B] with the token credit [B, T] (paper eq. 7)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from rtt.credit.arrays import ArrayLike, check_shapes, read_floats, read_mask

__all__ = ["CombineMode", "combine"]

CombineMode = Literal["add", "mix"]


def combine(
    advantage_B: ArrayLike,
    credit_BT: ArrayLike,
    mask_BT: ArrayLike | None = None,
    *,
    mode: CombineMode = "add",
    weight: float = 0.5,
    scored_B: ArrayLike | None = None,
) -> Tensor:
    """Per-token advantage from the response advantage and the token credit.

    "add" (paper eq. 7 with alpha = 1, beta = weight): `A + weight * C`; "mix" (public code):
    `(1 - weight) * A + weight * C`. Weight 0 is plain GRPO, bit for bit.

    Args:
        advantage_B: Response advantage; a NaN marks an unscored sample.
        credit_BT: Token credit.
        mask_BT: 1 on response tokens; None: all.
        mode: "add" or "mix".
        weight: Of the token credit; the paper uses 0.5.
        scored_B: 1 where the sample was scored. Only needed when an unscored sample still has
            credit of its own; one without active criteria has none.

    Returns:
        advantage_BT; zeros outside the mask and on the whole row of an unscored sample.

    Raises:
        ValueError: Unknown mode or shapes that disagree.
    """
    if mode not in get_args(CombineMode):
        raise ValueError(f"mode: expected one of {', '.join(get_args(CombineMode))}; got {mode!r}")
    advantage, credit = read_floats(advantage_B=advantage_B, credit_BT=credit_BT)
    mask = read_mask("mask_BT", mask_BT, credit)
    scored = read_mask("scored_B", scored_B, advantage)
    check_shapes(advantage_B=advantage, credit_BT=credit, mask_BT=mask, scored_B=scored)
    counts = mask & (scored & ~advantage.isnan()).unsqueeze(1)
    wide = advantage.unsqueeze(1)
    if weight == 0:
        total = wide.expand_as(credit)
    elif mode == "add":
        total = wide + weight * credit
    else:
        total = (1 - weight) * wide + weight * credit
    return torch.where(counts, total, 0.0)
