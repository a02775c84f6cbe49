"""Statistics of shares and means, with their intervals, and tests between two methods.

In: counts, or one number an item. Out: intervals (Wilson, bootstrap), exact p-values (McNemar),
permutation p-values (paired sign flips), Holm's correction of several tests, agreement of
annotators (Cohen's kappa, several labels). Everything random takes a seed. Nothing here knows what
the numbers stand for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeVar

from lmcommon.rng import random_for, seed_for

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Interval", "bootstrap_interval", "cohen_kappa", "holm", "mcnemar_exact", "mean_interval",
    "paired_bootstrap", "quantile", "ratio_interval", "sign_flip_test", "wilson_interval",
]  # fmt: skip

T = TypeVar("T")
Interval = tuple[float, float]

_ALL_SIGNS = 16
"""Up to so many differences that are not 0, every sign flip is tried."""
_CELLS = 4_000_000
"""Most numbers drawn at once."""


def wilson_interval(successes: float, n: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a proportion (Wilson 1927); (0, 1) for no trials.

    `successes` need not be whole: the sum of shares, one a trial, gives an interval too wide.

    Raises:
        ValueError: Not 0 <= successes <= n, or confidence outside (0, 1).
    """
    if not 0 <= successes <= n or not 0 < confidence < 1:
        raise ValueError(f"expected 0 <= {successes} <= {n} and 0 < {confidence} < 1")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, scale = successes / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap_interval(
    items: Sequence[T], statistic: Callable[[list[T]], float | None], *, seed: int,
    draws: int = 1000, confidence: float = 0.95,
) -> Interval:  # fmt: skip
    """Percentile bootstrap interval of a statistic over items drawn with replacement.

    Args:
        items: What to resample (say, prompts, so that their criteria stay together).
        statistic: Function of a sample; a sample in which it is None is left out.
        seed: Root seed of the draws.
        draws: How many samples.
        confidence: Share of the samples inside the interval.

    Raises:
        ValueError: No items, or a statistic that is None on every sample.
    """
    if not items:
        raise ValueError("bootstrap: expected at least one item, got none")
    rng = random_for(seed, "bootstrap")
    values = [statistic(rng.choices(items, k=len(items))) for _ in range(draws)]
    scored = sorted(value for value in values if value is not None)
    if not scored:
        raise ValueError("bootstrap: the statistic is undefined on every sample")
    tail = (1 - confidence) / 2
    low, high = tail * (len(scored) - 1), (1 - tail) * (len(scored) - 1)
    return scored[round(low)], scored[round(high)]


def mean_interval(
    values: Sequence[float], *, seed: int, draws: int = 2000, confidence: float = 0.95
) -> Interval:
    """Percentile bootstrap interval of a mean; (-inf, inf) without any value."""
    if not values:
        return -math.inf, math.inf
    means = sorted(_resampled_means(values, draws, seed_for(seed, "mean")))
    return quantile(means, (1 - confidence) / 2), quantile(means, (1 + confidence) / 2)


def ratio_interval(
    parts: Sequence[float], wholes: Sequence[float], *, seed: int, draws: int = 2000,
    confidence: float = 0.95,
) -> Interval:  # fmt: skip
    """Percentile bootstrap interval of `sum(parts) / sum(wholes)` over items drawn together.

    Example: criteria met and criteria judged of each prompt give the interval of the share of
    criteria, with the criteria of a prompt kept together. (-inf, inf) where no whole is above 0.

    Raises:
        ValueError: Different lengths.
    """
    import numpy as np

    pairs = np.array(list(zip(parts, wholes, strict=True)), dtype=float).reshape(-1, 2)
    if not pairs[:, 1].any():
        return -math.inf, math.inf
    rng = np.random.default_rng(seed_for(seed, "ratio"))
    ratios: list[float] = []
    while len(ratios) < draws:
        rows = min(draws - len(ratios), max(1, _CELLS // len(pairs)))
        sums = pairs[rng.integers(0, len(pairs), size=(rows, len(pairs)))].sum(axis=1)
        ratios += [one / whole for one, whole in sums.tolist() if whole]
    ratios.sort()
    return quantile(ratios, (1 - confidence) / 2), quantile(ratios, (1 + confidence) / 2)


def paired_bootstrap(
    left: Sequence[float], right: Sequence[float], *, seed: int, draws: int = 2000,
    confidence: float = 0.95,
) -> Interval:  # fmt: skip
    """Interval of the mean difference `left - right` over the same items.

    Raises:
        ValueError: Different lengths.
    """
    return mean_interval(_differences(left, right), seed=seed, draws=draws, confidence=confidence)


def mcnemar_exact(only_left: int, only_right: int) -> float:
    """Two-sided exact McNemar test: p-value that left and right are right equally often.

    Args:
        only_left: Items that left alone has right.
        only_right: Items that right alone has right.

    Raises:
        ValueError: A negative count.
    """
    if only_left < 0 or only_right < 0:
        raise ValueError(f"expected counts of at least 0; got {only_left}, {only_right}")
    n, least = only_left + only_right, min(only_left, only_right)
    tail: int = sum(math.comb(n, k) for k in range(least + 1))
    return min(1.0, float(2 * tail / 2**n))  # of whole numbers, so it is exact at any size


def sign_flip_test(
    left: Sequence[float], right: Sequence[float], *, seed: int, draws: int = 10_000
) -> float:
    """Two-sided paired permutation test of a mean difference of 0.

    Every sign pattern is tried where there are few differences; else `draws` random ones, with the
    pattern that was seen counted in, so that the p-value is never 0 (Phipson and Smyth 2010).

    Raises:
        ValueError: Different lengths.
    """
    import numpy as np

    differences = np.array([d for d in _differences(left, right) if d != 0.0], dtype=float)
    if not differences.size:
        return 1.0
    seen = abs(differences.sum()) - 1e-12 * np.abs(differences).sum()
    if differences.size <= _ALL_SIGNS:
        codes = np.arange(2**differences.size)[:, None] >> np.arange(differences.size)
        signs = 1.0 - 2.0 * (codes & 1)
        return float(np.mean(np.abs(signs @ differences) >= seen))
    rng = np.random.default_rng(seed_for(seed, "signs"))
    reached, left_over = 0, draws
    while left_over:
        rows = min(left_over, max(1, _CELLS // differences.size))
        signs = 1.0 - 2.0 * rng.integers(0, 2, size=(rows, differences.size))
        reached += int(np.count_nonzero(np.abs(signs @ differences) >= seen))
        left_over -= rows
    return (reached + 1) / (draws + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of several tests, in their order (Holm 1979): no independence needed."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda one: p_values[one])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def cohen_kappa(left: Sequence[Hashable], right: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two annotators over any labels (Cohen 1960).

    Returns:
        None where it is undefined: no items, or both always say the same one label.

    Raises:
        ValueError: Different lengths.
    """
    if len(left) != len(right):
        raise ValueError(f"expected two labels an item; got {len(left)} and {len(right)}")
    if not left:
        return None
    n = len(left)
    agreed = sum(a == b for a, b in zip(left, right, strict=True))
    mine, theirs = Counter(left), Counter(right)
    chance = sum(count * theirs[label] for label, count in mine.items())
    if chance == n * n:
        return None
    return (agreed / n - chance / (n * n)) / (1 - chance / (n * n))


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies, interpolated between neighbours.

    Raises:
        ValueError: No values, or a share outside [0, 1].
    """
    if not values or not 0 <= share <= 1:
        raise ValueError(f"expected values and a share in [0, 1]; got {len(values)}, {share!r}")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _differences(left: Sequence[float], right: Sequence[float]) -> list[float]:
    if len(left) != len(right):
        raise ValueError(f"expected pairs; got {len(left)} and {len(right)} values")
    return [a - b for a, b in zip(left, right, strict=True)]


def _resampled_means(values: Sequence[float], draws: int, seed: int) -> list[float]:
    import numpy as np

    rng = np.random.default_rng(seed)
    array: np.ndarray = np.asarray(values, dtype=float)
    means: list[float] = []
    while len(means) < draws:
        rows = min(draws - len(means), max(1, _CELLS // len(array)))
        chosen = rng.integers(0, len(array), size=(rows, len(array)))
        means += array[chosen].mean(axis=1).tolist()
    return means
