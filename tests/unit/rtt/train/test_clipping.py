"""Clip shares by sign and relevance, against numbers by hand."""

from __future__ import annotations

import torch

from rtt.train.clipping import clip_counts, relevant_tokens


def test_a_token_is_relevant_where_a_criterion_tells_tokens_apart() -> None:
    relevance = torch.tensor([[[1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0], [0.0, 0.9, 0.0, 0.0]]])
    mask = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    scored = torch.tensor([[1.0, 1.0, 0.0]])  # the second weighs all alike, the third is unscored
    marks = relevant_tokens(relevance, scored, mask)
    assert marks.tolist() == [[True, False, True, False]]


def test_clipped_tokens_are_counted_by_sign_and_relevance() -> None:
    ratio = torch.tensor([[1.3, 1.1, 0.7, 1.3, 0.5, 9.0]])
    advantage = torch.tensor([[1.0, 1.0, -1.0, -1.0, -1.0, 1.0]])
    relevant = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0, 1.0]])
    mask = torch.tensor([[1.0, 1.0, 1.0, 1.0, 1.0, 0.0]])
    counts = clip_counts(ratio.log(), advantage, relevant, mask, clip_low=0.2, clip_high=0.27)
    assert counts.tolist() == [[1.0, 2.0], [0.0, 0.0], [1.0, 1.0], [1.0, 2.0]]
