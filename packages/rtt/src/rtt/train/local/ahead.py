"""The next batch is drawn while this one is trained on: bounded staleness of one step.

In: `Batches` whose engine has its own weights. Out: the same batches, each drawn from the policy of
one step earlier (but for the first, and the first after a resume). The loss compares with the
log-probabilities that tokens were drawn with, so the clipped ratio sees the lag like any other.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from lmcommon.errors import UserError
from rtt.relevance.sources import runs_policy
from rtt.train.clock import Clock
from rtt.train.local.batches import Batch, Batches

__all__ = ["Ahead", "check_ahead"]


def check_ahead(batches: Batches, *, world: int) -> None:
    """Refuse to draw ahead where what draws is what trains.

    Raises:
        UserError: The engine samples from the policy itself, a relevance source runs the policy,
            or there are several processes.
    """
    if not getattr(batches.engine, "holds_weights", False):
        raise UserError(
            "train.staleness: expected an engine with weights of its own for 1; got the policy's "
            "own sampler; use sampler=vllm, sampler=vllm_server, or sampler.copy=true"
        )
    if runs_policy(batches.scorer.relevance):
        raise UserError(
            "train.staleness: expected 0 with relevance=policy_contrast, which needs the policy "
            "while it trains; got 1"
        )
    if world > 1:
        raise UserError(
            f"train.staleness: expected 0 with several processes of the local engine; got 1 with "
            f"{world}; verl's asynchronous trainers scale further (engine=verl)"
        )


@dataclass(kw_only=True)
class Ahead:
    """Draws one batch ahead, in a thread.

    Example:
        `ahead.take(step, clock)` gives the batch of a step; `ahead.begin(step + 1)` has the next
        one drawn meanwhile.
    """

    batches: Batches
    steps: int
    """Of the run: none is drawn after the last."""
    _pending: dict[int, Future[Batch]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")

    def take(self, step: int, clock: Clock) -> Batch:
        """The batch of a step: drawn ahead if it was begun, else now.

        Args:
            step: Optimiser steps taken so far.
            clock: Told "rollout" for the time that was waited.
        """
        pending = self._pending.pop(step, None)
        if pending is None:
            return self.batches.draw(step, clock)
        batch = pending.result()
        clock.lap("rollout")
        return batch

    def begin(self, step: int) -> None:
        """Have the batch of a step drawn from the weights as they are now.

        They are handed over before this returns, so that training may change the policy's.
        """
        if step >= self.steps:
            return
        self.batches.hand_over()
        self._pending[step] = self._pool.submit(
            self.batches.draw, step, Clock(), is_handed_over=True
        )

    def settle(self) -> None:
        """Wait until nothing is being drawn: the engine takes one call at a time."""
        for pending in self._pending.values():
            pending.exception()

    def close(self) -> None:
        """Wait for what is being drawn, and forget it."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pending.clear()
