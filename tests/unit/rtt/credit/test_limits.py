from math import sqrt

import pytest
import torch

from rtt.credit import clip_credit, intra_sample, ramp, threshold_relevance


def close(*values: float) -> object:
    return pytest.approx(values, abs=1e-6)


def test_what_the_clip_cuts_is_spread_over_the_response() -> None:
    # 3 - 2 = 1 is cut; a quarter of it goes to each token.
    got = clip_credit([[3.0, -1.0, -1.0, -1.0]], None, 2.0)
    assert got[0].tolist() == close(2.25, -0.75, -0.75, -0.75)


def test_the_clip_looks_at_valid_tokens_only() -> None:
    got = clip_credit([[3.0, -1.0, 9.0]], [[1, 1, 0]], 2.0)
    assert got[0].tolist() == close(2.5, -0.5, 0.0)


def test_a_row_within_the_limit_is_left_alone_bit_for_bit() -> None:
    credit = torch.rand(2, 5, generator=torch.Generator().manual_seed(0)) - 0.5
    credit[1, 0] = 7.0
    assert torch.equal(clip_credit(credit, None, 1.0)[0], credit[0])


def test_one_token_of_a_thousand_is_tamed() -> None:
    relevance = torch.zeros(1, 1, 1000)
    relevance[0, 0, 3] = 1.0
    credit = intra_sample(relevance, [[1]], eps=0)
    assert credit.max().item() == pytest.approx(sqrt(999), abs=1e-3)
    clipped = clip_credit(credit, None, 5.0)
    assert clipped.max().item() == pytest.approx(5 + (sqrt(999) - 5) / 1000, abs=1e-3)
    assert clipped.sum().abs() < 1e-3


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="limit: expected a number above 0; got 0"):
        clip_credit([[1.0]], None, 0)


def test_threshold_zeroes_what_is_below() -> None:
    got = threshold_relevance([[[0.1, 0.3, 0.29]]], 0.3)
    assert got[0, 0].tolist() == close(0.0, 0.3, 0.0)


def test_threshold_can_binarise() -> None:
    got = threshold_relevance([[[0.1, 0.3, 0.9]]], 0.3, binarise=True)
    assert got[0, 0].tolist() == [0.0, 1.0, 1.0]


def test_threshold_keeps_nan_visible() -> None:
    got = threshold_relevance([[[float("nan"), 0.9]]], 0.5, binarise=True)
    assert got[0, 0, 0].isnan()
    assert got[0, 0, 1] == 1


def test_a_threshold_of_nothing_changes_nothing() -> None:
    relevance = torch.rand(2, 3, 4)
    assert torch.equal(threshold_relevance(relevance, 0.0), relevance)


def test_a_floor_stops_noise_from_being_stretched() -> None:
    noise = 0.9 + 1e-4 * torch.tensor([[[1.0, -1.0, 1.0, -1.0]]])
    assert intra_sample(noise, [[1]]).abs().min() > 0.9  # the paper's: unit variance
    assert not intra_sample(noise, [[1]], floor=0.01).any()


def test_a_floor_leaves_what_is_above_it_alone_bit_for_bit() -> None:
    relevance = torch.rand(3, 2, 9, generator=torch.Generator().manual_seed(1))
    signed = torch.tensor([[1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])
    assert torch.equal(intra_sample(relevance, signed, floor=0.01), intra_sample(relevance, signed))


@pytest.mark.parametrize(
    ("step", "steps", "value"),
    [(0, 10, 0.0), (5, 10, 0.5), (10, 10, 1.0), (99, 10, 1.0), (2, 10, 0.104), (0, 0, 1.0)],
)
def test_ramp_by_hand(step: int, steps: int, value: float) -> None:
    assert ramp(step, steps) == pytest.approx(value, abs=1e-12)
