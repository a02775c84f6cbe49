"""Whether a probability means what it says, and one temperature that mends it.

In: one probability and one label (1 relevant, 0 not) an item. Out: the expected calibration error
over bins of equal width (Guo et al. 2017), the bins themselves for a diagram, and the temperature
by which logits are to be divided, fitted by the negative log-likelihood of a validation part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rtt.discriminator.words import Array

__all__ = ["BINS", "Bin", "calibration_error", "fit_temperature", "reliability", "tempered"]

BINS = 15
_EDGE = 1e-7
"""How near to 0 and 1 a probability is taken: a float32 one can be exactly 1."""
_RANGE = (0.05, 20.0)


class Bin(NamedTuple):
    """Items whose probability lies in one stretch. Example: `Bin(40, 0.93, 0.80)`."""

    items: int
    told: float
    """Mean probability; 0 without items."""
    true: float
    """Share that is relevant; 0 without items."""


def reliability(
    probabilities: Sequence[float] | Array, labels: Sequence[int] | Array, *, bins: int = BINS
) -> list[Bin]:
    """The items by probability, in bins of equal width; 1.0 belongs to the last."""
    p, y = _arrays(probabilities, labels)
    place = np.minimum((p * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    told = np.bincount(place, weights=p, minlength=bins)
    true = np.bincount(place, weights=y, minlength=bins)
    return [
        Bin(int(n), float(a / n) if n else 0.0, float(b / n) if n else 0.0)
        for n, a, b in zip(counts, told, true, strict=True)
    ]


def calibration_error(
    probabilities: Sequence[float] | Array, labels: Sequence[int] | Array, *, bins: int = BINS
) -> float | None:
    """Expected calibration error: mean of |told - true| over bins, weighed by their items.

    Returns:
        None without items.
    """
    filled = reliability(probabilities, labels, bins=bins)
    total = sum(one.items for one in filled)
    if not total:
        return None
    return sum(one.items * abs(one.told - one.true) for one in filled) / total


def tempered(probabilities: Sequence[float] | Array, temperature: float) -> Array:
    """The probabilities with their logits divided by the temperature; 1/2 stays 1/2.

    Raises:
        ValueError: A temperature that is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"tempered: expected a temperature above 0; got {temperature!r}")
    told: Array = 1 / (1 + np.exp(-_logits(probabilities) / temperature))
    return told


def fit_temperature(probabilities: Sequence[float] | Array, labels: Sequence[int] | Array) -> float:
    """The temperature of least negative log-likelihood, between 0.05 and 20.

    The likelihood has one minimum in 1/T (it is a logistic regression with one slope), so a
    golden-section search over log T finds it. 1.0 where nothing is labelled.
    """
    p, y = _arrays(probabilities, labels)
    if not len(p):
        return 1.0
    logits = _logits(p)

    def loss(log_t: float) -> float:
        scaled = logits / np.exp(log_t)
        return float((np.logaddexp(0.0, scaled) - y * scaled).mean())

    low, high = np.log(_RANGE[0]), np.log(_RANGE[1])
    golden = (np.sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    f_left, f_right = loss(left), loss(right)
    while high - low > 1e-4:
        if f_left < f_right:
            high, right, f_right = right, left, f_left
            left = high - golden * (high - low)
            f_left = loss(left)
        else:
            low, left, f_left = left, right, f_right
            right = low + golden * (high - low)
            f_right = loss(right)
    return float(np.exp((low + high) / 2))


def _logits(probabilities: Sequence[float] | Array) -> Array:
    p = np.clip(np.asarray(probabilities, dtype=np.float64), _EDGE, 1 - _EDGE)
    logits: Array = np.log(p) - np.log1p(-p)
    return logits


def _arrays(
    probabilities: Sequence[float] | Array, labels: Sequence[int] | Array
) -> tuple[Array, Array]:
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if p.shape != y.shape:
        raise ValueError(f"calibration: expected one label a probability; got {p.shape}, {y.shape}")
    return p, y
