"""How well scores order items: area under the ROC curve, and average precision.

In: one score and one label (1 relevant) an item. Out: a number in [0, 1], or None where the
question has no answer because a class is empty.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rtt.discriminator.words import Array

__all__ = ["auroc", "average_precision"]


def auroc(scores: Sequence[float] | Array, labels: Sequence[int] | Array) -> float | None:
    """Area under the ROC curve: the chance that a relevant item scores above another; ties half.

    Returns:
        None when one of the two classes is empty.

    Raises:
        ValueError: Not as many scores as labels.
    """
    values, truth = _arrays("auroc", scores, labels)
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not positive or not negative:
        return None
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]  # mean rank among equals, from 1
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def average_precision(
    scores: Sequence[float] | Array, labels: Sequence[int] | Array
) -> float | None:
    """Mean precision over the relevant items, each at the place of its score.

    `sum_n (R_n - R_{n-1}) P_n` over the distinct scores from the highest; equal scores enter
    together, so their order does not matter.

    Example:
        scores 0.9, 0.8, 0.7 with labels 1, 0, 1: (1 + 2/3) / 2.

    Returns:
        None when nothing is relevant.

    Raises:
        ValueError: Not as many scores as labels.
    """
    values, truth = _arrays("average_precision", scores, labels)
    if not truth.any():
        return None
    distinct, inverse, counts = np.unique(-values, return_inverse=True, return_counts=True)
    hits = np.bincount(inverse, weights=truth, minlength=len(distinct))
    found, taken = np.cumsum(hits), np.cumsum(counts)
    return float((hits * found / taken).sum() / truth.sum())


def _arrays(
    name: str, scores: Sequence[float] | Array, labels: Sequence[int] | Array
) -> tuple[Array, Array]:
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(labels) == 1
    if values.shape != truth.shape:
        raise ValueError(f"{name}: expected one label a score; got {values.shape}, {truth.shape}")
    return values, truth
