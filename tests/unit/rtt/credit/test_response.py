from statistics import mean, stdev

import pytest
import torch

from rtt.credit import aggregate, response_advantage

VERDICTS = [[1, 1, 1], [1, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("aon", [1, 0, 0]), ("csr", [1, 2 / 3, 0]), ("csr_signed", [1, 1 / 3, -1])],
)
def test_aggregate_by_mode(mode: str, expected: list[float]) -> None:
    assert aggregate(VERDICTS, mode).tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("mode", ["aon", "csr", "csr_signed"])
def test_a_masked_criterion_does_not_count_whatever_it_holds(mode: str) -> None:
    got = aggregate([[1, -100], [0, 7]], mode, criterion_mask_BR=[[1, 0], [1, 0]])
    assert got.tolist() == aggregate([[1], [0]], mode).tolist()


@pytest.mark.parametrize("mode", ["aon", "csr", "csr_signed"])
def test_a_sample_without_criteria_is_unscored(mode: str) -> None:
    assert aggregate([[], []], mode).isnan().all()
    assert aggregate([[1, 1]], mode, criterion_mask_BR=[[0, 0]]).isnan().all()


def test_a_nan_verdict_is_a_criterion_that_is_off() -> None:
    assert aggregate([[1, float("nan")]], "aon").tolist() == [1.0]


def test_bool_verdicts_are_read() -> None:
    assert aggregate(torch.tensor([[True, False]]), "csr").tolist() == [0.5]


def test_signed_verdicts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0 \(violated\) or 1.*-1"):
        aggregate([[1, -1]], "aon")


def test_an_unknown_mode_names_the_modes() -> None:
    with pytest.raises(ValueError, match=r"aon, csr, csr_signed.*'mean'"):
        aggregate([[1]], "mean")  # type: ignore[arg-type]


def test_advantage_uses_the_unbiased_std_and_eps_outside_the_root() -> None:
    rewards = [1.0, 0.0, 0.25, 0.5]
    scale = stdev(rewards) + 1e-6
    expected = [(r - mean(rewards)) / scale for r in rewards]
    assert response_advantage(rewards, 4).tolist() == pytest.approx(expected, abs=1e-6)


def test_groups_do_not_mix() -> None:
    both = response_advantage([1, 0, 5, 5, 5, 8], 3)
    assert torch.equal(both[:3], response_advantage([1, 0, 5], 3))
    assert torch.equal(both[3:], response_advantage([5, 5, 8], 3))


def test_an_unscored_sample_is_left_out_and_gets_zero() -> None:
    got = response_advantage([1.0, float("nan"), 0.0, 0.5], 4)
    without = response_advantage([1.0, 0.0, 0.5], 3)
    assert got[1] == 0
    assert torch.allclose(got[[0, 2, 3]], without, atol=1e-7)


@pytest.mark.parametrize(
    ("rewards", "size"),
    [
        ([0.1 + 0.2, 0.3], 2),
        ([0.7, 0.7, 0.7], 3),
        ([5.0, -1.0], 1),
        ([float("nan"), 3.0], 2),
        ([float("nan")] * 2, 2),
        ([1e-9, 1e-9], 2),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_variance_gives_exact_zeros(rewards: list[float], size: int, dtype: torch.dtype) -> None:
    got = response_advantage(torch.tensor(rewards, dtype=dtype), size)
    assert got.tolist() == [0.0] * len(rewards)


def test_a_group_size_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match=r"divisor of the number of rows 5; got 2"):
        response_advantage([1.0] * 5, 2)


def test_an_infinite_reward_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        response_advantage([1.0, float("inf")], 2)


def test_dtypes_float64_stays_and_lists_are_float32() -> None:
    assert response_advantage(torch.ones(2, dtype=torch.float64), 2).dtype == torch.float64
    assert response_advantage([1, 0], 2).dtype == torch.float32
    assert response_advantage(torch.ones(2, dtype=torch.bfloat16), 2).dtype == torch.float32


def test_weighted_reward_by_hand() -> None:
    got = aggregate([[1, 0, 1]], "weighted", criterion_weight_BR=[[3, 1, 0]])
    assert got.tolist() == [0.75]


def test_weighted_reward_without_weights_is_the_satisfied_rate() -> None:
    verdict = [[1, 0, 1], [0, 0, 1]]
    assert torch.equal(aggregate(verdict, "weighted"), aggregate(verdict, "csr"))


def test_weighted_reward_of_the_criteria_that_are_left() -> None:
    got = aggregate(
        [[1, 0], [1, 0], [1, 0]], "weighted", criterion_weight_BR=[[1, 3], [1, 3], [0, 3]],
        criterion_mask_BR=[[1, 1], [1, 0], [1, 0]],
    )  # fmt: skip
    assert got[:2].tolist() == [0.25, 1.0]
    assert got[2].isnan()  # nothing of any weight was scored


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="criterion_weight_BR: expected finite weights"):
        aggregate([[1]], "weighted", criterion_weight_BR=[[weight]])
