"""Micro-batches and the weights of their tokens."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rtt.loss import Aggregation, aggregate_tokens
from rtt.train.local.packing import TrainRow, fill, pack, padded_tokens, token_scales

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=8)


def row(prompt: int, length: int, *, first: int = 100) -> TrainRow:
    return TrainRow(
        prompt=tuple(range(prompt)),
        response=tuple(range(first, first + length)),
        logprobs=(-1.0,) * length,
        advantage_T=torch.full((length,), 0.5),
        relevant_T=torch.zeros(length, dtype=torch.bool),
    )


@pytest.mark.parametrize("aggregation", get_args(Aggregation))
@given(lengths=LENGTHS)
def test_weighted_sums_are_the_aggregations(aggregation: Aggregation, lengths: list[int]) -> None:
    width = max(lengths)
    mask = torch.tensor([[i < length for i in range(width)] for length in lengths])
    loss = torch.arange(1.0, len(lengths) * width + 1).view(len(lengths), width) * mask
    scale = torch.tensor(token_scales(lengths, aggregation)).unsqueeze(1)
    torch.testing.assert_close((scale * loss).sum(), aggregate_tokens(loss, mask, aggregation))


@given(sizes=st.lists(st.integers(1, 30), max_size=40), budget=st.integers(1, 40))
def test_bins_hold_everything_once_and_stay_within_the_budget(
    sizes: list[int], budget: int
) -> None:
    bins = fill(sizes, budget)
    assert sorted(place for places in bins for place in places) == list(range(len(sizes)))
    for places in bins:
        assert sum(sizes[place] for place in places) <= budget or len(places) == 1, (places, sizes)


@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=40), world=st.integers(1, 6))
def test_a_share_and_one_sequence_each_needs_no_more_bins_than_processes(
    sizes: list[int], world: int
) -> None:
    assert len(fill(sizes, -(-sum(sizes) // world) + max(sizes))) <= world


def test_samples_of_a_prompt_share_it() -> None:
    rows = [row(5, 3, first=10), row(5, 2, first=20), row(4, 3, first=30)]
    (batch,) = pack(rows, [1.0, 2.0, 3.0], budget=100)
    assert batch.tokens == 5 + 3 + 2 + 4 + 3
    assert batch.lengths == (3, 2, 3)
    assert batch.target_K.tolist() == [10, 11, 12, 20, 21, 30, 31, 32]
    assert batch.scale_K.tolist() == [1, 1, 1, 2, 2, 3, 3, 3]
    assert padded_tokens(rows) == 3 * 8


def test_a_prompt_whose_samples_exceed_the_budget_is_forwarded_again() -> None:
    batches = pack([row(5, 3), row(5, 3), row(5, 3)], [1.0] * 3, budget=11)
    assert sorted(batch.lengths for batch in batches) == [(3,), (3, 3)]
    assert all(batch.tokens <= 11 for batch in batches)


def test_a_row_longer_than_the_budget_goes_alone() -> None:
    batches = pack([row(3, 2), row(9, 9), row(4, 2)], [1.0] * 3, budget=12)
    assert [batch.lengths for batch in batches] == [(9,), (2, 2)]
