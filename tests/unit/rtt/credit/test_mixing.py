import pytest
import torch

from rtt.credit import combine

CREDIT = [[1.0, -1.0], [0.5, -0.5]]


def test_add() -> None:
    assert combine([2.0, -1.0], CREDIT).tolist() == [[2.5, 1.5], [-0.75, -1.25]]


def test_mix() -> None:
    got = combine([2.0, -1.0], CREDIT, mode="mix", weight=0.25)
    assert got.tolist() == [[1.75, 1.25], [-0.625, -0.875]]


def test_masked_tokens_are_zero_whatever_they_hold() -> None:
    got = combine([2.0], [[1.0, float("nan")]], [[1, 0]])
    assert got.tolist() == [[2.5, 0.0]]


@pytest.mark.parametrize("mode", ["add", "mix"])
def test_weight_zero_is_plain_grpo_bit_for_bit(mode: str) -> None:
    advantage = torch.randn(5, generator=torch.Generator().manual_seed(0))
    got = combine(advantage, torch.randn(5, 3), mode=mode, weight=0.0)
    assert torch.equal(got, advantage[:, None].expand(5, 3))


def test_an_unscored_sample_is_a_zero_row() -> None:
    nan = float("nan")
    assert combine([nan, 1.0], CREDIT).tolist() == [[0.0, 0.0], [1.25, 0.75]]
    assert combine([0.0, 1.0], CREDIT, scored_B=[0, 1])[0].tolist() == [0.0, 0.0]


def test_an_unknown_mode_names_the_modes() -> None:
    with pytest.raises(ValueError, match=r"add, mix.*'sum'"):
        combine([1.0], [[1.0]], mode="sum")  # type: ignore[arg-type]


def test_shapes_that_disagree_are_named() -> None:
    with pytest.raises(ValueError, match=r"advantage_B \(1,\), credit_BT \(2, 2\)"):
        combine([1.0], CREDIT)
