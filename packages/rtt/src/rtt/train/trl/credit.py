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

from rtt.credit.response import aggregate, response_advantage
from rtt.train.advantage import Credit
from rtt.train.clipping import relevant_tokens
from rtt.train.scoring import ScoreTensors, score_tensors
from rtt.train.trl.reward import ScoredRow
from rtt.types import ScoredGroup

__all__ = ["RowCredit", "give_credit", "merge_metrics", "whole_groups"]

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
    rows: Sequence[ScoredRow], credit: Credit, group_size: int, *, first: int, gather: Gather
) -> RowCredit:
    """Per-token advantages of the local rows.

    Args:
        rows: Scored rows of this process.
        credit: The scheme.
        group_size: G.
        first: Number of the first local row in the batch of all processes.
        gather: Collects from all processes; is called equally often on each.
    """
    whole, begin = whole_groups(rows, group_size, first=first, gather=gather)
    scores = _scores(whole, group_size)
    advantage_BT, metrics = credit.advantages(scores, group_size)
    if len(whole) > len(rows):
        # A cut group is measured by the process that has its first row.
        own = [row for place, row in enumerate(whole)
               if begin + place // group_size * group_size >= first]  # fmt: skip
        metrics = credit.advantages(_scores(own, group_size), group_size)[1] if own else {}
        weight = len(own)
    else:
        weight = len(rows)
    # A source that returns NaN or inf must not reach a weight: such a row is left out.
    is_finite_B = advantage_BT.isfinite().all(dim=1)
    local = slice(first - begin, first - begin + len(rows))
    width = max((len(row.scored.rollout.tokens) for row in rows), default=0)
    broken = float((~is_finite_B[local]).sum())
    return RowCredit(
        advantage_BT=torch.where(is_finite_B.unsqueeze(1), advantage_BT, 0.0)[local, :width],
        response_B=torch.where(is_finite_B, _response(scores, credit, group_size), 0.0)[local],
        relevant_BT=relevant_tokens(
            scores.relevance_BRT, scores.criterion_mask_BR, scores.mask_BT
        )[local, :width].float(),
        metrics=merge_metrics(gather([(weight, {**metrics, "unscored_not_finite": broken})])),
    )  # fmt: skip


def whole_groups(
    rows: Sequence[ScoredRow], group_size: int, *, first: int, gather: Gather
) -> tuple[list[ScoredRow], int]:
    """All rows of every group that has a local row, and the number of the first of them."""
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


def merge_metrics(parts: Sequence[tuple[int, Mapping[str, float]]]) -> dict[str, float]:
    """Metrics of all processes as one: counts added, maxima kept, the rest averaged by rows."""
    names = {name: None for _, metrics in parts for name in metrics}
    merged = {}
    for name in names:
        told = [(weight, metrics[name]) for weight, metrics in parts if name in metrics]
        if name.startswith("unscored"):
            merged[name] = sum(value for _, value in told)
        elif name.endswith("_max"):
            merged[name] = max(value for _, value in told)
        else:
            total = sum(weight for weight, _ in told)
            merged[name] = sum(weight * value for weight, value in told) / max(total, 1)
    return merged


def _scores(rows: Sequence[ScoredRow], group_size: int) -> ScoreTensors:
    groups = []
    for begin in range(0, len(rows), group_size):
        same = rows[begin : begin + group_size]
        assert len({row.prompt.id for row in same}) == 1, [row.prompt.id for row in same]
        groups.append(ScoredGroup(prompt=same[0].prompt, samples=tuple(row.scored for row in same)))
    scores = score_tensors(groups)
    if all(row.own is None for row in rows):
        return scores
    mask_BT = scores.mask_BT.clone()
    for place, row in enumerate(rows):
        if row.own is not None:
            mask_BT[place, : len(row.own)] *= torch.tensor(row.own)
    return replace(scores, mask_BT=mask_BT)


def _response(scores: ScoreTensors, credit: Credit, group_size: int) -> Tensor:
    reward_B = aggregate(
        scores.verdict_BR,
        credit.reward,  # type: ignore[arg-type]
        criterion_mask_BR=scores.criterion_mask_BR,
    )
    return response_advantage(reward_B, group_size, eps=credit.eps)
