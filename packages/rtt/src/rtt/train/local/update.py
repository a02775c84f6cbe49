"""Optimiser steps over a batch of scored rollouts.

In: a policy, an optimiser, the rows of each group. Out: the policy moved, and what was measured.
The loss of a minibatch is one weighted sum over its tokens, whose weights are known beforehand; so
neither the size of the micro-batches nor the number of processes changes it. Rows without any
advantage add exactly nothing to the gradient: they count in the weights and are not computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from rtt.policy.tiny import Policy
from rtt.train.local.objective import UpdateSums, micro_batch_loss
from rtt.train.local.packing import MicroBatch, TrainRow, pack, padded_tokens, token_scales
from rtt.train.local.parallel import Alone
from rtt.train.local.settings import UpdateSettings

__all__ = ["update"]


def update(
    policy: Policy,
    optimiser: Any,
    groups: Sequence[Sequence[TrainRow]],
    settings: UpdateSettings,
    parallel: Alone | None = None,
    *,
    temperature: float = 1.0,
) -> dict[str, float]:
    """Take one optimiser step a minibatch.

    A minibatch without any advantage (all unscored, say) takes none: weight decay and momentum
    must not move the policy on no information.

    Args:
        policy: What is trained.
        optimiser: Of its parameters.
        groups: The rows of all groups of the step, the same on every process.
        settings: See there.
        parallel: Who else computes; None: nobody.
        temperature: At which the responses were sampled.

    Returns:
        Means over the minibatches with any advantage, and `optimiser_steps`, how many steps were
        taken: a step whose gradient is not finite is left out, and its `grad_norm` says so.
    """
    parallel = parallel or Alone()
    policy.model.train()
    measured: list[dict[str, float]] = []
    size = max(-(-len(groups) // settings.minibatches), 1)
    for first in range(0, len(groups), size):
        rows = [row for group in groups[first : first + size] for row in group if row.response]
        signals = [row.has_signal for row in rows]
        if not any(signals):
            continue
        kept = [place for place, has in enumerate(signals) if has or settings.entropy_bonus != 0]
        scales = token_scales(
            [len(row.response) for row in rows],
            settings.aggregation,  # type: ignore[arg-type]
        )
        batches = _micro_batches(
            [rows[place] for place in kept],
            [scales[place] for place in kept],
            settings.token_budget,
            parallel.world,
            policy.model.device,
        )
        optimiser.zero_grad()
        means = _backward(policy, batches, settings, parallel, temperature)
        norm = parallel.clip_gradients(policy.model, settings.grad_clip)
        if math.isfinite(norm):
            optimiser.step()
        measured.append(
            {
                **means,
                "grad_norm": norm,
                "rows_trained": float(len(kept)),
                "rows_left_out": float(len(rows) - len(kept)),
                **_fractions([rows[place] for place in kept], batches),
            }
        )
    keys = measured[0] if measured else ()
    return {
        **{key: sum(one[key] for one in measured) / len(measured) for key in keys},
        "optimiser_steps": float(sum(math.isfinite(one["grad_norm"]) for one in measured)),
    }


def _backward(
    policy: Policy,
    batches: Sequence[MicroBatch],
    settings: UpdateSettings,
    parallel: Alone,
    temperature: float,
) -> dict[str, float]:
    """Leave the gradient of the minibatch's loss in the parameters; what was measured."""
    sums = UpdateSums()
    for batch in parallel.deal(batches):
        work = partial(micro_batch_loss, policy.model, batch, settings, temperature=temperature)
        with policy.precision():
            loss, logprob_K, entropy_K = parallel.run(work)
        (loss * parallel.loss_factor).backward()
        if batch.counts:
            sums.add(batch, loss.detach(), logprob_K, entropy_K, settings)
    return UpdateSums(parallel.add_up(sums.values)).means()


def _micro_batches(
    rows: Sequence[TrainRow], scales: Sequence[float], budget: int, world: int, device: Any
) -> list[MicroBatch]:
    """Pack the rows for `world` processes."""
    if world > 1:
        # With room for its share and one sequence each, first-fit fills no more bins than there
        # are processes: none is idle while another has two.
        sizes = [len(row.prompt) + len(row.response) for row in rows]
        budget = min(budget, -(-sum(sizes) // world) + max(sizes))
    return pack(rows, scales, budget=budget, device=device)


def _fractions(rows: Sequence[TrainRow], batches: Sequence[MicroBatch]) -> dict[str, float]:
    """Tokens of the sequences a forwarded token: packed, and in one padded batch."""
    tokens = sum(len(row.prompt) + len(row.response) for row in rows)
    return {
        "packed_fraction": tokens / sum(batch.tokens for batch in batches),
        "padded_fraction": tokens / padded_tokens(rows),
    }
