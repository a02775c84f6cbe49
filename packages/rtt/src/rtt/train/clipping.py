"""Who is clipped: shares of clipped tokens by sign of the advantage and by relevance.

Token credit pushes some tokens of a response up and others down, so one clip fraction hides what
happens: whether the relevant tokens, at which the credit aims, are the ones that the clip stops.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["CLIP_CLASSES", "clip_counts", "relevant_tokens"]

CLIP_CLASSES = (
    "positive_relevant", "positive_irrelevant", "negative_relevant", "negative_irrelevant",
)  # fmt: skip
"""Order of the rows of `clip_counts`."""


def relevant_tokens(
    relevance_BRT: Tensor, criterion_mask_BR: Tensor, mask_BT: Tensor, *, threshold: float = 0.5
) -> Tensor:
    """Tokens that decide a criterion which not every token of the response decides alike.

    A criterion with one relevance for all tokens (a length) has no token credit and marks none.

    Returns:
        Bool [B, T].
    """
    kept_B1T = mask_BT.bool().unsqueeze(1)
    low_BR1 = relevance_BRT.masked_fill(~kept_B1T, torch.inf).amin(dim=2, keepdim=True)
    high_BR1 = relevance_BRT.masked_fill(~kept_B1T, -torch.inf).amax(dim=2, keepdim=True)
    tells_BR1 = (low_BR1 < high_BR1) & criterion_mask_BR.bool().unsqueeze(2)
    marks: Tensor = ((relevance_BRT >= threshold) & tells_BR1 & kept_B1T).any(dim=1)
    return marks


def clip_counts(
    log_ratio_BT: Tensor,
    advantage_BT: Tensor,
    relevant_BT: Tensor,
    mask_BT: Tensor,
    *,
    clip_low: float,
    clip_high: float,
) -> Tensor:
    """Clipped tokens and all tokens of each class of `CLIP_CLASSES`.

    A token is clipped if the surrogate is flat there: A > 0 and ratio > 1 + clip_high, or A < 0
    and ratio < 1 - clip_low.

    Returns:
        [4, 2]: clipped, all; to be summed over micro-batches and processes before dividing.
    """
    ratio_BT, valid_BT, relevant_BT = log_ratio_BT.exp(), mask_BT.bool(), relevant_BT.bool()
    rows = []
    for of_BT, clipped_BT in (
        (valid_BT & (advantage_BT > 0), ratio_BT > 1 + clip_high),
        (valid_BT & (advantage_BT < 0), ratio_BT < 1 - clip_low),
    ):
        for class_BT in (of_BT & relevant_BT, of_BT & ~relevant_BT):
            rows.append(torch.stack([(class_BT & clipped_BT).sum(), class_BT.sum()]))
    return torch.stack(rows).float()
