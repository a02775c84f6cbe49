"""The order of prompts, a function of seed and epoch, so that a resumed run goes on with its own.

TRL's sampler draws a new order each epoch from one generator, which starts afresh in a resumed
process: a run resumed in its third epoch would see the order of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import Sampler

__all__ = ["EpochOrder"]

_NEARLY = 1e-6
"""Epochs are counted in fractions of one: 1.9999999 is 2."""


class EpochOrder(Sampler[int]):
    """A sampler that seeds another by the epoch it is asked in.

    Args:
        sampler: TRL's `RepeatSampler`; its first epoch stays as it is.
        seed: What it was seeded with.
        epoch: Tells epochs done so far, whole ones and parts.
    """

    def __init__(self, sampler: Any, *, seed: int, epoch: Callable[[], float | None]) -> None:
        self._sampler, self._seed, self._epoch = sampler, seed, epoch

    def __iter__(self) -> Iterator[int]:
        epoch = int((self._epoch() or 0.0) + _NEARLY)
        self._sampler.generator.manual_seed(self._seed + epoch)
        return iter(self._sampler)

    def __len__(self) -> int:
        return len(self._sampler)
