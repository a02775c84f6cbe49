"""Optimiser steps over a batch of scored rollouts.

In: a policy, an optimiser, the rows of each group. Out: the policy moved, and what was measured.
The loss of a minibatch is one weighted sum over its tokens, whose weights are known beforehand; so
neither the size of the micro-batches nor the number of processes changes it. Rows without any
advantage add exactly nothing to the gradient: they count in the weights and are not computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
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
        Means over the optimiser steps taken, and `optimiser_steps`, how many those were.
    """
    parallel = parallel or Alone()
    policy.model.train()
    measured: list[dict[str, float]] = []
    size = max(-(-len(groups) // settings.minibatches), 1)
    for first in range(0, len(groups), size):
        rows = [row for group in groups[first : first + size] for row in group if row.response]
        batches = _micro_batches(rows, settings, parallel.world, policy.model.device)
        if not batches:
            continue
        optimiser.zero_grad()
        sums = UpdateSums()
        for batch in parallel.deal(batches):
            work = partial(micro_batch_loss, policy.model, batch, settings, temperature=temperature)
            with policy.precision():
                loss, logprob_K, entropy_K = parallel.run(work)
            (loss * parallel.loss_factor).backward()
            if batch.counts:
                sums.add(batch, loss.detach(), logprob_K, entropy_K, settings)
        norm = parallel.clip_gradients(policy.model, settings.grad_clip)
        optimiser.step()
        means = UpdateSums(*parallel.add_up(astuple(sums))).means()
        measured.append({**means, "grad_norm": norm, **_sizes(rows, batches, settings)})
    means = {
        key: sum(one[key] for one in measured) / len(measured) for key in (measured or [{}])[0]
    }
    return {**means, "optimiser_steps": float(len(measured))}


def _micro_batches(
    rows: Sequence[TrainRow], settings: UpdateSettings, world: int, device: Any
) -> list[MicroBatch]:
    if not any(row.has_signal for row in rows):
        return []
    scales = token_scales(
        [len(row.response) for row in rows],
        settings.aggregation,  # type: ignore[arg-type]
    )
    kept = _kept(rows, settings)
    sizes = [len(rows[place].prompt) + len(rows[place].response) for place in kept]
    # With room for its share and one sequence each, first-fit fills no more bins than there are
    # processes: none is idle while another has two.
    share = -(-sum(sizes) // world) + max(sizes)
    return pack(
        [rows[place] for place in kept],
        [scales[place] for place in kept],
        budget=settings.token_budget if world == 1 else min(settings.token_budget, share),
        device=device,
    )


def _kept(rows: Sequence[TrainRow], settings: UpdateSettings) -> list[int]:
    needs_all = settings.entropy_bonus != 0
    return [place for place, row in enumerate(rows) if needs_all or row.has_signal]


def _sizes(
    rows: Sequence[TrainRow], batches: Sequence[MicroBatch], settings: UpdateSettings
) -> dict[str, float]:
    """Rows computed and left out; tokens of the sequences a forwarded token, packed and padded."""
    kept = [rows[place] for place in _kept(rows, settings)]
    tokens = sum(len(row.prompt) + len(row.response) for row in kept)
    return {
        "rows_trained": float(len(kept)),
        "rows_left_out": float(len(rows) - len(kept)),
        "packed_fraction": tokens / sum(batch.tokens for batch in batches),
        "padded_fraction": tokens / padded_tokens(kept),
    }
