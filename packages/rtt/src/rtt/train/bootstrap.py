"""Bootstrap intervals: resample the units (prompts, seeds) with replacement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["mean_interval"]


def mean_interval(
    values: Sequence[float], *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean.

    Args:
        values: One number a unit.
        level: Coverage.
        draws: Resamples.
        seed: Decides the resamples.

    Returns:
        Lower and upper bound; (nan, nan) without values.
    """
    if not len(values):
        return float("nan"), float("nan")
    data = np.asarray(values, dtype=float)
    rows = np.random.default_rng(seed).integers(0, len(data), size=(draws, len(data)))
    tail = 50 * (1 - level)
    low, high = np.percentile(data[rows].mean(axis=1), [tail, 100 - tail])
    return float(low), float(high)
