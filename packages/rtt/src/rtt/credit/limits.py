"""Guards around the token credit: against noise, against spikes, and a slow start.

In: relevances or credit. Out: the same, tamed. Each is off by default and does nothing at its
neutral setting, bit for bit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rtt.credit.arrays import ArrayLike, check_shapes, read_floats, read_mask

__all__ = ["clip_credit", "ramp", "threshold_relevance"]


def threshold_relevance(
    relevance_BRT: ArrayLike, threshold: float, *, binarise: bool = False
) -> Tensor:
    """Set relevances below a threshold to 0, and with `binarise` the others to 1.

    A soft discriminator's noise (0.02 here, 0.03 there) would otherwise be stretched to unit
    variance by the normalisation.

    Args:
        relevance_BRT: Relevances in [0, 1]; NaN stays NaN.
        threshold: The smallest relevance that is kept; 0 changes nothing.
        binarise: Whether what is kept becomes 1.

    Returns:
        relevance_BRT.
    """
    (relevance,) = read_floats(relevance_BRT=relevance_BRT)
    if threshold == 0 and not binarise:
        return relevance
    kept = torch.ones_like(relevance) if binarise else relevance
    told = torch.where(relevance >= threshold, kept, 0.0)
    return torch.where(relevance.isnan(), relevance, told)


def clip_credit(credit_BT: ArrayLike, mask_BT: ArrayLike | None, limit: float) -> Tensor:
    """Clamp credit to +-limit, then shift the row so that its sum stays what it was.

    One relevant token of 1,000 gets a credit of 31.6; the clamp alone would leave the response a
    net loss. The shift spreads what was cut over the valid tokens, so an entry can pass the limit
    by the size of the shift, `|cut| / T`. A row in which nothing is cut is returned as it is.

    Args:
        credit_BT: Token credit.
        mask_BT: 1 on response tokens; None: all.
        limit: Largest size, above 0.

    Returns:
        credit_BT, zeros outside the mask.

    Raises:
        ValueError: Shapes that disagree, or a limit of 0 or less.
    """
    if not limit > 0:
        raise ValueError(f"limit: expected a number above 0; got {limit!r}")
    (credit,) = read_floats(credit_BT=credit_BT)
    mask = read_mask("mask_BT", mask_BT, credit)
    check_shapes(credit_BT=credit, mask_BT=mask)
    credit = torch.where(mask, credit, 0.0)
    clipped = credit.clamp(-limit, limit)
    cut_B1 = (credit - clipped).sum(dim=1, keepdim=True)
    count_B1 = mask.sum(dim=1, keepdim=True).clamp(min=1)
    shifted = torch.where(mask, clipped + cut_B1 / count_B1, 0.0)
    return torch.where((credit != clipped).any(dim=1, keepdim=True), shifted, credit)


def ramp(step: int, steps: int) -> float:
    """Smooth rise from 0 at step 0 to 1 at `steps`: `3 x^2 - 2 x^3` with `x = step / steps`.

    No ramp (`steps` of 0 or less) is 1 from the start.
    """
    if steps <= 0:
        return 1.0
    x = min(max(step / steps, 0.0), 1.0)
    return x * x * (3 - 2 * x)
