from math import log

import pytest
import torch

import rtt
from rtt.discriminator import loss


def test_loss_by_hand() -> None:
    # p = 1/2 and 4/5 on a relevant and an irrelevant token: (log 2 + log 5)/2.
    got = loss([[0.0, log(4), 99.0]], [[1, 0, -1]])
    assert got.item() == pytest.approx((log(2) + log(5)) / 2, abs=1e-6)


def test_tokens_are_pooled_over_the_batch() -> None:
    got = loss([[0.0, 0.0, 0.0], [log(4), 0.0, 0.0]], [[1, 0, 1], [0, -1, -1]])
    assert got.item() == pytest.approx((3 * log(2) + log(5)) / 4, abs=1e-6)


def test_an_ignored_token_has_neither_value_nor_gradient() -> None:
    logits = torch.tensor([[0.5, float("nan"), float("inf")]], requires_grad=True)
    value = loss(logits, torch.tensor([[1, -1, -1]]))
    value.backward()
    assert value.isfinite()
    assert logits.grad is not None
    assert logits.grad[0, 0] != 0
    assert logits.grad[0, 1:].tolist() == [0.0, 0.0]


def test_nothing_labelled_is_zero_with_zero_gradient() -> None:
    logits = torch.ones(1, 2, requires_grad=True)
    value = loss(logits, [[-1, -1]])
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_half_precision_is_counted_in_float32() -> None:
    logits = torch.full((1, 4), 0.1, dtype=torch.bfloat16)
    got = loss(logits, [[1, 0, 1, 0]])
    assert got.dtype == torch.float32
    assert got.item() == pytest.approx(loss(logits.float(), [[1, 0, 1, 0]]).item(), abs=1e-6)


def test_the_gradient_is_probability_minus_label() -> None:
    logits = torch.tensor([[0.3, -1.2]], dtype=torch.float64, requires_grad=True)
    loss(logits, [[1, 0]]).backward()
    expected = (torch.sigmoid(logits.detach()) - torch.tensor([[1.0, 0.0]])) / 2
    torch.testing.assert_close(logits.grad, expected)


@pytest.mark.parametrize("label", [2, 0.5, float("nan")])
def test_another_label_is_refused(label: float) -> None:
    with pytest.raises(ValueError, match="labels_BT: expected 0, 1 or -1"):
        loss([[0.0]], [[label]])


def test_shapes_that_disagree_are_named() -> None:
    with pytest.raises(ValueError, match=r"labels_BT: .*logits_BT \(1, 2\)"):
        loss([[0.0, 0.0]], [[1]])


def test_the_name_is_the_function() -> None:
    assert rtt.discriminator.loss is loss
    assert callable(rtt.discriminator.loss)
