"""Hand-computed numbers of the schemes with a baseline across samples."""

from math import sqrt

import pytest
import torch

from rtt.credit import (
    baseline_intra,
    baseline_times_relevance,
    criterion_advantage,
    gdpo,
    intra_sample,
)

# Three samples, signed +1 +1 -1: mean 1/3, unbiased std sqrt(((2/3)^2*2 + (4/3)^2)/2) = 2/sqrt(3).
SIGNED = [[1], [1], [-1]]
UP, DOWN = (2 / 3) / (2 / sqrt(3)), (-4 / 3) / (2 / sqrt(3))  # 0.577..., -1.154...


def close(*values: float) -> object:
    return pytest.approx(values, abs=1e-6)


def test_criterion_advantage_by_hand() -> None:
    assert criterion_advantage(SIGNED, 3).flatten().tolist() == close(UP, UP, DOWN)


def test_criterion_advantage_leaves_out_a_sample_that_is_off() -> None:
    got = criterion_advantage([[1], [1], [-1]], 3, criterion_mask_BR=[[1], [0], [1]]).flatten()
    assert got.tolist() == close(1 / sqrt(2), 0.0, -1 / sqrt(2))


def test_baseline_intra_by_hand() -> None:
    # Relevance 0 1 0 0: mean 1/4, population std sqrt(3)/4, so z = -1/sqrt(3), sqrt(3), ...
    got = baseline_intra([[[0.0, 1.0, 0.0, 0.0]]] * 3, SIGNED, None, 3)
    low, high = -1 / sqrt(3), sqrt(3)
    for row, a in zip(got.tolist(), (UP, UP, DOWN), strict=True):
        assert row == pytest.approx([a * low, a * high, a * low, a * low], abs=1e-5)


def test_a_criterion_that_all_samples_satisfy_earns_nothing() -> None:
    relevance = [[[0.0, 1.0, 0.3]]] * 2
    assert not baseline_intra(relevance, [[1], [1]], None, 2).any()
    assert intra_sample(relevance, [[1], [1]]).any()  # the paper's still pushes


def test_in_a_balanced_pair_baseline_intra_is_intra_over_root_two() -> None:
    # Signed +1, -1: a = +-1/sqrt(2).
    relevance = torch.rand(2, 1, 6, generator=torch.Generator().manual_seed(3))
    signed = [[1], [-1]]
    got = baseline_intra(relevance, signed, None, 2)
    torch.testing.assert_close(got, intra_sample(relevance, signed) / sqrt(2))


@pytest.mark.parametrize(
    ("spread", "factor"),
    [("plain", (0.5, 0.0, 0.0, 1.0)), ("mean", (4 / 3, 0.0, 0.0, 8 / 3)),
     ("sum", (1 / 3, 0.0, 0.0, 2 / 3))],
)  # fmt: skip
def test_baseline_times_relevance_by_hand(spread: str, factor: tuple[float, ...]) -> None:
    relevance = [[[0.5, 0.0, 0.0, 1.0]]] * 3
    got = baseline_times_relevance(relevance, SIGNED, None, 3, spread=spread)  # type: ignore[arg-type]
    for row, a in zip(got.tolist(), (UP, UP, DOWN), strict=True):
        assert row == pytest.approx([a * f for f in factor], abs=1e-5)


def test_spread_mean_gives_every_response_its_criterion_advantage_on_average() -> None:
    # One relevant token of 3, and two of 6 (three of them padding): both average a_k.
    relevance = [[[1, 0, 0, 9, 9, 9]], [[1, 1, 0, 0, 0, 0]]]
    mask = torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
    got = baseline_times_relevance(relevance, [[1], [-1]], mask, 2, spread="mean")
    means = got.sum(dim=1) / mask.sum(dim=1)
    assert means.tolist() == close(1 / sqrt(2), -1 / sqrt(2))


def test_nothing_relevant_gives_no_credit_and_no_nan() -> None:
    for spread in ("plain", "mean", "sum"):
        got = baseline_times_relevance(
            torch.zeros(2, 1, 3),
            [[1], [-1]],
            None,
            2,
            spread=spread,  # type: ignore[arg-type]
        )
        assert got.tolist() == [[0.0] * 3] * 2


def test_an_unknown_spread_is_named() -> None:
    with pytest.raises(ValueError, match="spread: expected one of plain, mean, sum; got 'even'"):
        baseline_times_relevance([[[1.0]]], [[1]], None, 1, spread="even")  # type: ignore[arg-type]


def test_gdpo_by_hand() -> None:
    # Groups of two that differ in both criteria: every a is +-1/sqrt(2).
    signed = [[1, 1], [-1, -1], [1, -1], [-1, 1]]
    # Sums: sqrt(2), -sqrt(2), 0, 0; population std over the batch 1.
    assert gdpo(signed, 2, eps=0).tolist() == close(sqrt(2), -sqrt(2), 0.0, 0.0)
    got = gdpo(signed, 2, batch_normalise=False)
    assert got.tolist() == close(1 / sqrt(2), -1 / sqrt(2), 0.0, 0.0)


def test_gdpo_keeps_apart_what_a_summed_reward_merges() -> None:
    # Rows satisfy {0}, {1}, {0, 1}, {1}: criterion 0 is rare, so satisfying it is worth more.
    signed = [[1, -1], [-1, 1], [1, 1], [-1, 1]]
    got = gdpo(signed, 4, batch_normalise=False)
    assert got[0] < got[1] < got[2]
    assert torch.equal(got[1], got[3])


def test_gdpo_weights_are_relative() -> None:
    signed = [[1, -1], [-1, 1]]
    heavy = gdpo(signed, 2, batch_normalise=False, criterion_weight_BR=[[3, 1]] * 2)
    # a = +-1/sqrt(2): (3 - 1)/4 of it.
    assert heavy.tolist() == close(0.5 / sqrt(2), -0.5 / sqrt(2))


def test_gdpo_of_an_unscored_row_is_zero_and_leaves_the_others_alone() -> None:
    signed = [[1.0, -1.0], [float("nan")] * 2, [-1.0, 1.0], [1.0, 1.0]]
    got = gdpo(signed, 4)
    rest = gdpo([signed[0], signed[2], signed[3]], 3)
    assert got[1] == 0
    torch.testing.assert_close(got[[0, 2, 3]], rest)


def test_a_negative_weight_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"criterion_weight_BR: expected .*turn its verdict"):
        baseline_intra([[[1.0]]], [[1]], None, 1, criterion_weight_BR=[[-1]])
