"""Hand-computed numbers; the wide comparison with slow loops is in tests/invariant/rtt."""

from math import sqrt

import pytest
import torch

from rtt.credit import (
    baseline_intra,
    baseline_times_relevance,
    inter_sample,
    intra_sample,
    mean_then_group,
    softmax_share,
    token_reward,
)

GROUPED = [inter_sample, mean_then_group, softmax_share]


def close(value: float) -> object:
    return pytest.approx(value, abs=1e-5)


def test_token_reward_is_signed_relevance() -> None:
    got = token_reward([[[0.25, 1.0], [0.5, 0.0]]], [[1, -1]])
    assert got.tolist() == [[[0.25, 1.0], [-0.5, -0.0]]]


def test_token_reward_of_a_criterion_that_is_off_is_zero() -> None:
    got = token_reward([[[float("nan")], [0.5]]], [[1, 1]], criterion_mask_BR=[[0, 1]])
    assert got.tolist() == [[[0.0], [0.5]]]


def test_one_relevant_token_of_four() -> None:
    # f = 1/4: relevant sqrt((1-f)/f) = sqrt(3), the others -sqrt(f/(1-f)) = -1/sqrt(3).
    got = intra_sample([[[0.0, 1.0, 0.0, 0.0]]], [[1]])[0]
    assert got.tolist() == pytest.approx([-1 / sqrt(3), sqrt(3), -1 / sqrt(3), -1 / sqrt(3)], 1e-5)


def test_a_violation_turns_the_sign() -> None:
    relevance = [[[0.0, 1.0, 0.3, 0.0]]]
    assert torch.equal(intra_sample(relevance, [[-1]]), -intra_sample(relevance, [[1]]))


def test_constant_criteria_still_count_in_the_mean() -> None:
    alone = intra_sample([[[1.0, 0.0]]], [[1]])
    beside = intra_sample([[[1.0, 0.0], [0.9, 0.9]]], [[1, -1]])
    assert torch.allclose(beside, alone / 2)


def test_a_criterion_that_is_off_does_not_count_in_the_mean() -> None:
    alone = intra_sample([[[1.0, 0.0]]], [[1]])
    beside = intra_sample([[[1.0, 0.0], [0.9, 0.1]]], [[1, -1]], criterion_mask_BR=[[1, 0]])
    assert torch.equal(beside, alone)


@pytest.mark.parametrize("level", [0.9, 1 / 3, 1e-7, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_relevance_gives_exact_zeros(level: float, dtype: torch.dtype) -> None:
    relevance = torch.full((2, 3, 1000), level, dtype=dtype)
    signed = torch.tensor([[1, -1, 1], [1, 1, 1]], dtype=dtype)
    assert not intra_sample(relevance, signed).any()


def test_relevances_below_one_are_not_truncated_to_integers() -> None:
    got = intra_sample([[[0.2, 0.7]]], [[1]])[0]
    assert got.tolist() == pytest.approx([-1, 1], abs=1e-4)


def test_integer_relevances_are_read_as_numbers() -> None:
    assert torch.equal(
        intra_sample(torch.tensor([[[0, 1, 1]]]), torch.tensor([[1]])),
        intra_sample([[[0.0, 1.0, 1.0]]], [[1.0]]),
    )


@pytest.mark.parametrize("scheme", [intra_sample, *GROUPED])
def test_samples_and_criteria_are_not_scrambled(scheme) -> None:  # type: ignore[no-untyped-def]
    """Each sample has its own marked token: a reshape of [G, R, T] would move the marks."""
    count = 4
    relevance = torch.zeros(count, 3, count)
    for sample in range(count):
        relevance[sample, :, sample] = 1.0
    signed = torch.ones(count, 3)
    signed[0] = -1.0
    group = () if scheme is intra_sample else (count,)
    credit = scheme(relevance, signed, None, *group)
    if scheme is softmax_share:  # uniform shares: each row constant, the first one below
        assert (credit[0] < 0).all()
        assert (credit[1:] > 0).all()
    else:
        assert credit[1:].argmax(dim=1).tolist() == [1, 2, 3]
        assert credit[0].argmin() == 0


def test_mean_then_group_pools_the_rows_of_a_prompt_only() -> None:
    relevance = torch.rand(6, 2, 5, generator=torch.Generator().manual_seed(0))
    signed = torch.tensor([[1, -1], [1, 1], [-1, -1]] * 2).float()
    both = mean_then_group(relevance, signed, None, 3)
    assert torch.allclose(both[:3], mean_then_group(relevance[:3], signed[:3], None, 3))
    assert torch.allclose(both[3:], mean_then_group(relevance[3:], signed[3:], None, 3))


def test_inter_sample_by_hand() -> None:
    # Pool of criterion 0: rewards 1, 0 | -1, 0: mean 0, population std sqrt(1/2).
    got = inter_sample([[[1.0, 0.0]], [[1.0, 0.0]]], [[1], [-1]], None, 2)
    assert got.tolist() == [[close(sqrt(2)), 0.0], [close(-sqrt(2)), 0.0]]


def test_mean_then_group_by_hand() -> None:
    # Means over criteria: (1 + 0)/2, (0 - 1)/2 | 0, 0: mean 0, population std sqrt(1/8).
    relevance = [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]
    got = mean_then_group(relevance, [[1, -1], [1, 1]], None, 2)
    assert got.tolist() == [[close(sqrt(2)), close(-sqrt(2))], [0.0, 0.0]]


def test_softmax_share_by_hand() -> None:
    # Signed +1, -1 in a group of two: advantages +-1/sqrt(2); criterion 1 is the same in both.
    share = torch.softmax(torch.tensor([1.0, 0.0]), 0)[0].item()
    relevance = [[[1.0], [0.0]], [[1.0], [0.0]]]
    got = softmax_share(relevance, [[1, 1], [-1, 1]], None, 2)
    assert got.tolist() == [[close(share / sqrt(2))], [close(-share / sqrt(2))]]


@pytest.mark.parametrize("scheme", GROUPED)
def test_one_sample_without_criteria_has_no_credit(scheme) -> None:  # type: ignore[no-untyped-def]
    relevance = torch.rand(3, 2, 4, generator=torch.Generator().manual_seed(1))
    signed = torch.tensor([[1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    got = scheme(relevance, signed, None, 3, criterion_mask_BR=[[1, 1], [0, 0], [1, 1]])
    rest = scheme(relevance[[0, 2]], signed[[0, 2]], None, 2)
    assert not got[1].any()
    assert torch.allclose(got[[0, 2]], rest, atol=1e-6)


@pytest.mark.parametrize("scheme", GROUPED)
def test_no_criteria_at_all_is_zero_credit(scheme) -> None:  # type: ignore[no-untyped-def]
    assert scheme(torch.zeros(2, 0, 3), torch.zeros(2, 0), None, 2).tolist() == [[0.0] * 3] * 2


def test_no_tokens_at_all_is_an_empty_credit() -> None:
    assert intra_sample(torch.zeros(2, 1, 0), torch.ones(2, 1)).shape == (2, 0)


def test_shapes_that_disagree_are_named() -> None:
    with pytest.raises(ValueError, match=r"signed_BR.*relevance_BRT \(1, 1, 2\).*\(1, 2\)"):
        intra_sample([[[0.0, 1.0]]], [[1, 1]])
    with pytest.raises(ValueError, match="mask_BT"):
        intra_sample([[[0.0, 1.0]]], [[1]], [[1, 1, 1]])


def test_ragged_lists_are_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"relevance_BRT: expected .*criterion_mask_BR"):
        intra_sample([[[0.0, 1.0], [1.0]]], [[1, 1]])


def test_a_nan_relevance_that_counts_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        intra_sample([[[0.0, float("nan")]]], [[1]])
    masked = intra_sample([[[0.0, 1.0, float("nan")]]], [[1]], [[1, 1, 0]])
    assert torch.isfinite(masked).all()


def test_a_list_beside_a_float64_tensor_keeps_its_precision() -> None:
    relevance = [[[0.1, 0.7, 0.3]]]
    signed = torch.ones(1, 1, dtype=torch.float64)
    exact = torch.tensor(relevance, dtype=torch.float64)
    assert torch.equal(intra_sample(relevance, signed), intra_sample(exact, signed))


def test_a_list_of_tensors_is_stacked() -> None:
    rows = [torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])]
    signed = [[1], [1]]
    assert torch.equal(intra_sample(rows, signed), intra_sample(torch.stack(rows), signed))


WEIGHABLE = [intra_sample, *GROUPED, baseline_intra, baseline_times_relevance]
SKIPPING = [intra_sample, inter_sample, baseline_intra, baseline_times_relevance]


def weighed(scheme, weights, **options):  # type: ignore[no-untyped-def]
    """Credit of a group of two under weights [R]; no criterion is constant anywhere."""
    relevance = torch.rand(2, 3, 6, generator=torch.Generator().manual_seed(5))
    signed = torch.tensor([[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]])
    group = () if scheme is intra_sample else (2,)
    given = None if weights is None else [weights] * 2
    return scheme(relevance, signed, None, *group, criterion_weight_BR=given, **options)


@pytest.mark.parametrize("scheme", WEIGHABLE)
def test_equal_weights_are_no_weights(scheme) -> None:  # type: ignore[no-untyped-def]
    plain = weighed(scheme, None)
    assert torch.equal(weighed(scheme, [1, 1, 1]), plain)
    torch.testing.assert_close(weighed(scheme, [7, 7, 7]), plain)


@pytest.mark.parametrize("scheme", [intra_sample, inter_sample, baseline_intra])
def test_weights_are_those_of_a_mean(scheme) -> None:  # type: ignore[no-untyped-def]
    alone = [weighed(scheme, [float(k == j) for j in range(3)]) for k in range(3)]
    expected = (3 * alone[0] + alone[1] + 0 * alone[2]) / 4
    torch.testing.assert_close(weighed(scheme, [3, 1, 0]), expected)


def test_softmax_share_weighs_relative_to_the_mean_weight() -> None:
    alone = [weighed(softmax_share, [float(k == j) for j in range(3)]) / 3 for k in range(3)]
    expected = 3 * (3 * alone[0] + alone[1]) / 4
    torch.testing.assert_close(weighed(softmax_share, [3, 1, 0]), expected)


@pytest.mark.parametrize("scheme", SKIPPING)
def test_constant_criteria_can_be_left_out_of_the_mean(scheme) -> None:  # type: ignore[no-untyped-def]
    relevance = torch.tensor([[[1.0, 0.0, 0.5], [0.0, 0.0, 0.0]]]).expand(2, 2, 3)
    signed = torch.tensor([[1.0, 1.0], [-1.0, 1.0]])
    group = () if scheme is intra_sample else (2,)
    alone = scheme(relevance[:, :1], signed[:, :1], None, *group)
    assert torch.equal(scheme(relevance, signed, None, *group, skip_constant=True), alone)
    torch.testing.assert_close(scheme(relevance, signed, None, *group), alone / 2)
