from math import sqrt

import pytest
import torch

from rtt.credit import contrast_weights, response_advantage, reweigh, two_channel

NAN = float("nan")


def close(*values: float) -> object:
    return pytest.approx(values, abs=1e-6)


def test_two_channel_by_hand() -> None:
    # Hard: both met, not, not -> 1 0 0; soft: 1, 0, 1 (one criterion).
    verdict = [[1, 1, 1], [1, 0, 0], [0, 1, 1]]
    hard = [[1, 1, 0]] * 3
    # (1, 0, 0): mean 1/3, unbiased std 1/sqrt(3): 2/sqrt(3), -1/sqrt(3), -1/sqrt(3).
    # (1, 0, 1): mean 2/3, the same std: 1/sqrt(3), -2/sqrt(3), 1/sqrt(3).
    r = 1 / sqrt(3)
    assert two_channel(verdict, hard, 3, eps=0).tolist() == close(3 * r, -3 * r, 0.0)
    got = two_channel(verdict, hard, 3, eps=0, soft_weight=0.5)
    assert got.tolist() == close(2.5 * r, -2 * r, -0.5 * r)


def test_without_soft_criteria_two_channel_is_all_or_nothing() -> None:
    verdict = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    got = two_channel(verdict, torch.ones(2, 2), 2)
    assert torch.equal(got, response_advantage([1.0, 0.0], 2))


def test_a_row_without_verdicts_gets_nothing_from_either_channel() -> None:
    got = two_channel(
        [[1, 1], [0, 0], [0, 1]],
        [[1, 0]] * 3,
        3,
        eps=0,
        criterion_mask_BR=[[1, 1], [0, 0], [1, 1]],
    )
    assert got[1] == 0
    assert got[[0, 2]].tolist() == close(1 / sqrt(2), -1 / sqrt(2))


def test_contrast_weights_by_hand() -> None:
    # 1 + (p - 1/2): 1.4, 0.6, 1.0, 1.0 -> mean 1; then 1.5, 1.0 -> mean 1.25.
    got = contrast_weights([[[0.9, 0.1, 0.5, 0.5]]])
    assert got[0].tolist() == close(1.4, 0.6, 1.0, 1.0)
    got = contrast_weights([[[1.0, 0.5]]])
    assert got[0].tolist() == close(1.2, 0.8)


def test_contrast_weights_average_the_active_criteria() -> None:
    got = contrast_weights([[[1.0, 0.0], [0.5, 0.5], [NAN, NAN]]], criterion_mask_BR=[[1, 1, 0]])
    assert got[0].tolist() == close(1.25, 0.75)


def test_contrast_weights_average_one_over_the_valid_tokens() -> None:
    relevance = torch.rand(4, 3, 7, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1.0] * length + [0.0] * (7 - length) for length in (7, 4, 1, 0)])
    got = contrast_weights(relevance, mask, strength=1.9)
    assert (got * mask).sum(dim=1).tolist() == pytest.approx([7, 4, 1, 0], abs=1e-5)
    assert not (got * (1 - mask)).any()
    assert (got >= 0).all()


def test_without_strength_every_weight_is_exactly_one() -> None:
    relevance = torch.rand(3, 2, 11)
    assert torch.equal(contrast_weights(relevance, strength=0.0), torch.ones(3, 11))


def test_without_criteria_every_weight_is_exactly_one() -> None:
    got = contrast_weights(torch.full((1, 2, 3), NAN), criterion_mask_BR=[[0, 0]])
    assert torch.equal(got, torch.ones(1, 3))
    assert torch.equal(contrast_weights(torch.zeros(1, 0, 3)), torch.ones(1, 3))


@pytest.mark.parametrize("strength", [-0.1, 2.0, NAN])
def test_a_strength_that_could_turn_a_sign_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match=r"strength: expected a number in \[0, 2\)"):
        contrast_weights([[[0.5]]], strength=strength)


def test_a_nan_relevance_that_counts_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        contrast_weights([[[NAN]]])


def test_reweigh_leaves_out_the_unscored_and_the_padding() -> None:
    got = reweigh([2.0, NAN], [[1.5, 0.5], [1.0, 1.0]], [[1, 0], [1, 1]])
    assert got.tolist() == [[3.0, 0.0], [0.0, 0.0]]
