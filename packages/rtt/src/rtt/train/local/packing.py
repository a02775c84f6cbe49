"""Packing: scored samples with advantages into micro-batches of at most so many tokens.

In: rows of one minibatch. Out: padding-free micro-batches, filled first-fit by decreasing length;
the samples of a prompt share it. The order is a function of the rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from rtt.loss import Aggregation
from rtt.policy.asking import asked
from rtt.policy.packed import Packed, lay_out
from rtt.policy.tiny import Policy
from rtt.types import ScoredGroup

__all__ = ["MicroBatch", "TrainRow", "fill", "pack", "padded_tokens", "token_scales", "train_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRow:
    """One sample as the update sees it."""

    prompt: tuple[int, ...]
    response: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Under the sampling policy, [T]."""
    advantage_T: Tensor  # noqa: N815
    relevant_T: Tensor  # noqa: N815
    """Whether a criterion singles a token out; measured, not trained on."""

    @property
    def has_signal(self) -> bool:
        """Whether any of its tokens has an advantage; a row without adds nothing to a gradient."""
        return bool(self.advantage_T.any())


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatch:
    """One packed forward and backward pass; K response tokens of several rows."""

    packed: Packed
    target_K: Tensor  # noqa: N815
    old_logprob_K: Tensor  # noqa: N815
    advantage_K: Tensor  # noqa: N815
    relevant_K: Tensor  # noqa: N815
    scale_K: Tensor  # noqa: N815
    """Weight of each token loss in the minibatch's loss."""
    lengths: tuple[int, ...]
    """Response tokens of each row; they sum to K."""
    counts: bool = True
    """False: computed to keep in step with other processes, without any weight."""

    @property
    def tokens(self) -> int:
        """Tokens that are forwarded."""
        return self.packed.ids_1N.shape[1]

    def idle(self) -> MicroBatch:
        """The same work without any weight."""
        return replace(self, scale_K=torch.zeros_like(self.scale_K), counts=False)


def train_rows(
    policy: Policy, groups: Sequence[ScoredGroup], advantage_BT: Tensor, relevant_BT: Tensor
) -> list[list[TrainRow]]:
    """Rows of each group, in the order of the tensors' rows."""
    given = iter(zip(advantage_BT, relevant_BT, strict=True))
    result = []
    for group in groups:
        prompt = tuple(policy.ask(asked(group.prompt)))
        rows = []
        for sample in group.samples:
            length = len(sample.rollout.tokens)
            advantage_T, relevant_T = next(given)
            rows.append(
                TrainRow(
                    prompt=prompt,
                    response=sample.rollout.tokens,
                    logprobs=sample.rollout.logprobs,
                    advantage_T=advantage_T[:length],
                    relevant_T=relevant_T[:length],
                )
            )
        result.append(rows)
    return result


def token_scales(lengths: Sequence[int], aggregation: Aggregation) -> list[float]:
    """Weight of a token of each row, so that the weighted sum is `rtt.loss.aggregate_tokens`.

    Args:
        lengths: Response tokens of every row of the minibatch, over all processes.
        aggregation: As in `rtt.loss.policy_loss`.
    """
    rows, tokens, width = len(lengths), sum(lengths), max(lengths, default=1)
    if aggregation == "token-mean":
        return [1 / max(tokens, 1)] * rows
    if aggregation == "seq-mean-token-mean":
        return [1 / (rows * max(length, 1)) for length in lengths]
    if aggregation == "seq-mean-token-sum":
        return [1 / rows] * rows
    return [1 / width] * rows


def fill(sizes: Sequence[int], budget: int) -> list[list[int]]:
    """First-fit decreasing: places of `sizes` in bins of at most `budget`; a larger one is alone.

    Example:
        `fill([3, 9, 4, 5], 9)` is `[[1], [3, 2], [0]]`.
    """
    bins: list[list[int]] = []
    room: list[int] = []
    for place in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
        size = sizes[place]
        fits = next((k for k, free in enumerate(room) if free >= size), None)
        if fits is None:
            bins.append([])
            room.append(budget)
            fits = -1
        bins[fits].append(place)
        room[fits] -= size
    return bins


def pack(
    rows: Sequence[TrainRow], scales: Sequence[float], *, budget: int, device: Any = None
) -> list[MicroBatch]:
    """Pack rows; samples of one prompt that fit the budget together share it.

    Args:
        rows: Rows of one minibatch.
        scales: Weight of a token of each row.
        budget: Tokens of a micro-batch at most; a single row that is longer goes alone.
        device: Where the tensors go.
    """
    bundles = _bundles(rows, budget)
    sizes = [len(rows[bundle[0]].prompt) + _responses(rows, bundle) for bundle in bundles]
    return [
        _micro_batch([bundles[place] for place in places], rows, scales, device)
        for places in fill(sizes, budget)
    ]


def padded_tokens(rows: Sequence[TrainRow]) -> int:
    """Tokens that one padded batch of these rows would forward."""
    width = max((len(row.prompt) for row in rows), default=0)
    return len(rows) * (width + max((len(row.response) for row in rows), default=0))


def _responses(rows: Sequence[TrainRow], places: Sequence[int]) -> int:
    return sum(len(rows[place].response) for place in places)


def _bundles(rows: Sequence[TrainRow], budget: int) -> list[list[int]]:
    """Rows by prompt; a prompt whose samples exceed the budget is forwarded more than once."""
    by_prompt: dict[tuple[int, ...], list[int]] = {}
    for place, row in enumerate(rows):
        by_prompt.setdefault(row.prompt, []).append(place)
    return [
        [places[i] for i in part]
        for prompt, places in by_prompt.items()
        for part in fill([len(rows[i].response) for i in places], max(budget - len(prompt), 1))
    ]


def _micro_batch(
    bundles: Sequence[Sequence[int]],
    rows: Sequence[TrainRow],
    scales: Sequence[float],
    device: Any,
) -> MicroBatch:
    shapes = [
        (len(rows[bundle[0]].prompt), [len(rows[place].response) for place in bundle])
        for bundle in bundles
    ]
    ids = [
        token
        for bundle in bundles
        for part in (rows[bundle[0]].prompt, *(rows[place].response for place in bundle))
        for token in part
    ]
    places = [place for bundle in bundles for place in bundle]
    chosen = [rows[place] for place in places]
    lengths = tuple(len(row.response) for row in chosen)
    scale_B = torch.tensor([scales[place] for place in places])
    return MicroBatch(
        packed=Packed(ids_1N=torch.tensor([ids]).to(device), layout=lay_out(shapes, device)),
        target_K=torch.tensor([token for row in chosen for token in row.response]).to(device),
        old_logprob_K=torch.tensor([value for row in chosen for value in row.logprobs]).to(device),
        advantage_K=torch.cat([row.advantage_T for row in chosen]).to(device),
        relevant_K=torch.cat([row.relevant_T for row in chosen]).to(device),
        scale_K=scale_B.repeat_interleave(torch.tensor(lengths)).to(device),
        lengths=lengths,
    )
