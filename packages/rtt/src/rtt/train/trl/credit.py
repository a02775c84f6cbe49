"""From scored rows to per-token advantages, where the rows of a prompt may lie on two processes.

TRL spreads a generation batch over processes in equal parts, so a group of G rows may be cut. The
cut groups, and only those, are exchanged whole; then every process gives credit to whole groups,
whatever the scheme, and keeps its own rows. Uncut, nothing is sent.
"""

# ruff: noqa: N815 - tensors carry their axes in their names
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from rtt.train.advantage import Credit
from rtt.train.clipping import relevant_tokens
from rtt.train.scoring import ScoreTensors, score_tensors
from rtt.train.trl.merging import Measured, measured, merge_metrics
from rtt.train.trl.reward import ScoredRow
from rtt.types import ScoredGroup

__all__ = ["RowCredit", "give_credit", "score_tensors_of", "whole_groups"]

Gather = Callable[[list[Any]], list[Any]]
"""The items of all processes, in the order of their ranks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCredit:
    """What the local rows [B] got, on the CPU; T is the longest local response."""

    advantage_BT: Tensor
    """Response part and token part; zeros outside the response and on unscored rows."""
    response_B: Tensor
    """The response part; 0 where unscored."""
    relevant_BT: Tensor
    """1 on tokens that decide a local criterion."""
    metrics: Mapping[str, float]
    """Of the batch of all processes."""


def give_credit(
    rows: Sequence[ScoredRow],
    credit: Credit,
    group_size: int,
    *,
    first: int,
    gather: Gather,
    step: int = 0,
) -> RowCredit:
    """Per-token advantages of the local rows.

    Args:
        rows: Scored rows of this process.
        credit: The scheme.
        group_size: G.
        first: Number of the first local row in the batch of all processes.
        gather: Collects from all processes; is called equally often on each.
        step: Optimiser steps taken so far.
    """
    pooled = _pools_the_batch(credit)
    known, begin = whole_groups(rows, group_size, first=first, gather=gather, everything=pooled)
    scores = score_tensors_of(known, group_size)
    advantage_BT, metrics = credit.advantages(scores, group_size, step=step)
    # A group is measured by the process that has its first row, so that each counts once; a batch
    # that is pooled as a whole, by the first process.
    mine = [row for place, row in enumerate(known)
            if first <= begin + place // group_size * group_size < first + len(rows)]  # fmt: skip
    if pooled:
        mine = known if first == 0 else []
    told: list[Measured] = []
    if len(mine) == len(known):
        told.append(measured(mine, scores, credit, metrics))
    elif mine:
        part = score_tensors_of(mine, group_size)
        metrics = credit.advantages(part, group_size, step=step)[1]
        told.append(measured(mine, part, credit, metrics))
    local = slice(first - begin, first - begin + len(rows))
    width = max((len(row.scored.rollout.tokens) for row in rows), default=0)
    return RowCredit(
        advantage_BT=advantage_BT[local, :width],
        response_B=credit.response(scores, group_size)[local],
        relevant_BT=relevant_tokens(scores.relevance_BRT, scores.criterion_mask_BR, scores.mask_BT)[
            local, :width
        ].float(),
        metrics=merge_metrics(gather(told)),
    )


def whole_groups(
    rows: Sequence[ScoredRow],
    group_size: int,
    *,
    first: int,
    gather: Gather,
    everything: bool = False,
) -> tuple[list[ScoredRow], int]:
    """All rows of every group that has a local row, and the number of the first of them.

    Args:
        rows: The local rows.
        group_size: G.
        first: Number of the first local row in the batch of all processes.
        gather: Collects from all processes.
        everything: Whether all rows of all processes are wanted.
    """
    if everything:
        return gather(list(rows)), 0
    count = len(rows)
    if count % group_size == 0:  # on every process alike, so that none waits for an exchange
        return list(rows), first
    last = first + count
    numbered = dict(enumerate(rows, start=first))

    def is_cut(number: int) -> bool:
        begin = number // group_size * group_size
        return begin < first or begin + group_size > last

    known = dict(gather([(number, row) for number, row in numbered.items() if is_cut(number)]))
    known |= numbered
    begin = first // group_size * group_size
    end = -(-last // group_size) * group_size
    return [known[number] for number in range(begin, end)], begin


def score_tensors_of(rows: Sequence[ScoredRow], group_size: int) -> ScoreTensors:
    """Tensors of whole groups; tokens that the policy did not write are masked."""
    scores = score_tensors(_grouped(rows, group_size))
    if all(row.own is None for row in rows):
        return scores
    mask_BT = scores.mask_BT.clone()
    for place, row in enumerate(rows):
        if row.own is not None:
            mask_BT[place, : len(row.own)] *= torch.tensor(row.own)
    return replace(scores, mask_BT=mask_BT)


def _grouped(rows: Sequence[ScoredRow], group_size: int) -> list[ScoredGroup]:
    groups = []
    for begin in range(0, len(rows), group_size):
        same = rows[begin : begin + group_size]
        assert len({row.prompt.id for row in same}) == 1, [row.prompt.id for row in same]
        groups.append(ScoredGroup(prompt=same[0].prompt, samples=tuple(row.scored for row in same)))
    return groups


def _pools_the_batch(credit: Credit) -> bool:
    """Whether the scheme compares rows of different prompts."""
    return credit.scheme == "gdpo" and credit.batch_normalise
