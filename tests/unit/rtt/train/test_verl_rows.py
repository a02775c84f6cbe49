"""Rows of rewards out of what verl's workers report, and the figures on them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch

from rtt.train.verl.codec import unpack_rows
from rtt.train.verl.rows import TOKEN_KEY, packed_rows, row_metrics, score_metrics

MASK_BT = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0]])
REWARD_BT = torch.tensor([[0, 0, 1.0], [0, 0.25, 0], [0, 0, 0], [math.nan, 0, 0]])


def extras(*tokens: list[float] | None) -> list[dict[str, Any]]:
    return [
        {"reward_extra_info": {} if token is None else {TOKEN_KEY: json.dumps(token)}}
        for token in tokens
    ]


def rows() -> torch.Tensor:
    # The third is a row that verl fills a batch up with: a copy of what the first reports.
    told = extras([0.5, -1.0, 0.5], [0.125, -0.125], [0.5, -1.0, 0.5], [0.0])
    return packed_rows(REWARD_BT, MASK_BT, told)


def test_scores_and_token_parts_meet_in_the_rows() -> None:
    score_B, token_BT = unpack_rows(rows())
    assert score_B[:2].tolist() == [1.0, 0.25]
    assert score_B[2:].isnan().all(), score_B
    assert token_BT[:2].tolist() == [[0.5, -1.0, 0.5], [0.125, -0.125, 0.0]], token_BT


def test_a_response_without_its_token_part_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"row 1: expected its token part.*manager\.name=rtt"):
        packed_rows(REWARD_BT[:2], MASK_BT[:2], extras([0.0] * 3, None))


def test_a_token_part_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="row 1: expected 2 token parts; got 3"):
        packed_rows(REWARD_BT[:2], MASK_BT[:2], extras([0.0] * 3, [0.0] * 3))


def test_the_log_tells_both_parts_and_what_is_silent() -> None:
    told = row_metrics(rows(), MASK_BT, ["a", "a", "fill", "b"])
    tokens = 6
    assert told["rtt/unscored"] == 1.0
    assert told["rtt/token_advantage_abs"] == pytest.approx((2 + 0.25) / tokens)
    # Two samples, 1 and 0.25: both advantages are 1/sqrt(2), on three and on two tokens.
    assert told["rtt/response_advantage_abs"] == pytest.approx(5 / math.sqrt(2) / tokens, rel=1e-4)
    assert told["rtt/groups_without_response_signal"] == 0.5
    assert told["rtt/groups_without_token_signal"] == 0.5
    assert told["rtt/groups_without_signal"] == 0.5


def test_scores_are_averaged_over_what_was_scored() -> None:
    told = score_metrics(rows())
    assert told["critic/score/mean"] == told["critic/rewards/mean"] == 0.625
    assert (told["critic/score/min"], told["critic/score/max"]) == (0.25, 1.0)


def test_nothing_scored_is_nothing_told() -> None:
    assert score_metrics(rows()[2:]) == {}
