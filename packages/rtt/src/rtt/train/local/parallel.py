"""Who computes: this process alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

__all__ = ["Alone"]

T = TypeVar("T")


class Alone:
    """One process that does everything."""

    rank = 0
    world = 1
    loss_factor = 1.0
    """What a loss is multiplied by before its backward pass, so that gradients come out summed."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes what all of them did."""
        return self.rank == 0

    def attach(self, model: Any) -> None:
        """Prepare a model for being computed together."""

    def share(self, items: Sequence[T]) -> list[tuple[int, T]]:
        """This process's part of `items`, with their places."""
        return list(enumerate(items))[self.rank :: self.world]

    def collect(self, items: Sequence[tuple[int, T]]) -> list[T]:
        """The parts of all processes, in order of place."""
        return [item for _, item in sorted(items, key=lambda pair: pair[0])]

    def deal(self, batches: Sequence[T]) -> Sequence[T]:
        """The micro-batches of this process."""
        return batches

    def run(self, work: Callable[[], T]) -> T:
        """Do some work on the model with its parameters at hand."""
        return work()

    @contextmanager
    def generating(self) -> Iterator[None]:
        """While the model is sampled from."""
        yield

    def clip_gradients(self, model: Any, limit: float) -> float:
        """Sum gradients over the processes, clip them, and give their norm."""
        return float(torch.nn.utils.clip_grad_norm_(model.parameters(), limit))

    def add_up(self, values: Sequence[float]) -> list[float]:
        """Sums over all processes."""
        return list(values)

    def barrier(self) -> None:
        """Wait for all processes."""
