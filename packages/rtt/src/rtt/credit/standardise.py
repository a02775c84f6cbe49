"""The one normalisation behind every scheme: (x - mean) / (std + eps) over a masked pool.

A pool whose values are all equal gives exact zeros, also when they are equal only up to rounding
(0.1 + 0.2 beside 0.3): without that, rounding noise would be blown up to unit variance.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["standardise"]

_ULPS = 4
"""A pool spread over no more than this many units of rounding is constant."""


def standardise(
    values: Tensor,
    valid: Tensor,
    pool: tuple[int, ...],
    *,
    eps: float,
    correction: int,
    floor: float = 0.0,
) -> Tensor:
    """Standardise `values` over the axes `pool`, counting only entries where `valid` is True.

    Args:
        values: Any shape, floating. What lies under an invalid entry is never looked at.
        valid: Bool, broadcastable to `values`.
        pool: Axes over which mean and std are taken.
        eps: Added to the std, outside the root.
        correction: 0 for the population std (1/N), 1 for the unbiased one (1/(N-1)).
        floor: A pool whose std is below it is noise and gives exact zeros.

    Returns:
        Same shape; exact zeros at invalid entries and in constant, single or empty pools.
    """
    if values.numel() == 0:
        return torch.zeros_like(values)
    valid = valid.expand(values.shape)
    count = valid.sum(dim=pool, keepdim=True)
    centred = torch.where(valid, values, 0.0)
    for _ in range(2):  # the second pass takes away the rounding error of the first mean
        mean = centred.sum(dim=pool, keepdim=True) / count.clamp(min=1)
        centred = torch.where(valid, centred - mean, 0.0)
    variance = centred.square().sum(dim=pool, keepdim=True) / (count - correction).clamp(min=1)
    deviation = variance.sqrt()
    moves = (deviation >= floor) & ~_is_constant(values, valid, pool)
    return torch.where(valid & moves, centred / (deviation + eps), 0.0)


def _is_constant(values: Tensor, valid: Tensor, pool: tuple[int, ...]) -> Tensor:
    low = torch.where(valid, values, torch.inf).amin(dim=pool, keepdim=True)
    high = torch.where(valid, values, -torch.inf).amax(dim=pool, keepdim=True)
    size = torch.maximum(low.abs(), high.abs())
    return high - low <= _ULPS * torch.finfo(values.dtype).eps * size
