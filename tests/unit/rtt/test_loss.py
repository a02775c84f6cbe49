from math import exp, log

import pytest
import torch

from rtt.loss import kl_k3, policy_loss

NAN, INF = float("nan"), float("inf")
MODES = ["token-mean", "seq-mean-token-mean", "seq-mean-token-sum", "seq-mean-token-sum-norm"]
OLD = [[-1.0, -2.0, -1.5], [-0.5, -1.0, -3.0]]
NEW = [[-0.9, -2.5, -1.5], [-0.1, -1.6, -3.0]]
ADV = [[1.0, -0.5, 2.0], [0.7, -1.2, 0.0]]
MASK = [[1, 1, 0], [1, 1, 1]]


def token_losses(low: float = 0.2, high: float = 0.27) -> list[list[float]]:
    rows = []
    for new, old, adv, mask in zip(NEW, OLD, ADV, MASK, strict=True):
        row = []
        for n, o, a, m in zip(new, old, adv, mask, strict=True):
            w = exp(n - o)
            row.append(-min(w * a, min(max(w, 1 - low), 1 + high) * a) if m else 0.0)
        rows.append(row)
    return rows


def test_each_aggregation_by_slow_loops() -> None:
    rows = token_losses()
    sums = [sum(row) for row in rows]
    expected = {
        "token-mean": sum(sums) / 5,
        "seq-mean-token-mean": (sums[0] / 2 + sums[1] / 3) / 2,
        "seq-mean-token-sum": sum(sums) / 2,
        "seq-mean-token-sum-norm": sum(sums) / 3,
    }
    for mode, value in expected.items():
        got = policy_loss(NEW, OLD, ADV, MASK, clip_high=0.27, aggregation=mode)
        assert got.item() == pytest.approx(value, abs=1e-6), mode


def test_sequence_importance_is_the_exp_of_the_rows_masked_mean() -> None:
    w0 = exp((0.1 - 0.5) / 2)
    got = policy_loss([NEW[0]], [OLD[0]], [[1.0, 1.0, 9.0]], [MASK[0]], importance="sequence")
    assert got.item() == pytest.approx(-w0, abs=1e-6)


def test_sequence_importance_shares_the_gradient_over_the_row() -> None:
    new = torch.zeros(1, 4, requires_grad=True)
    policy_loss(new, torch.zeros(1, 4), [[4.0, 0, 0, 0]], [[1, 1, 1, 1]], importance="sequence",
                aggregation="seq-mean-token-sum").backward()  # fmt: skip
    assert new.grad is not None
    assert new.grad.tolist() == [[-1.0] * 4]


def test_dual_clip_bounds_the_loss_of_a_negative_advantage() -> None:
    args = ([[log(10.0)]], [[0.0]], [[-2.0]], [[1]])
    assert policy_loss(*args).item() == pytest.approx(20.0, rel=1e-5)
    assert policy_loss(*args, dual_clip=3.0).item() == pytest.approx(6.0, rel=1e-5)
    assert policy_loss([[log(10.0)]], [[0.0]], [[2.0]], [[1]], dual_clip=3.0).item() == (
        pytest.approx(-2.4, rel=1e-5)
    )


def test_on_policy_gradient_is_minus_advantage_over_tokens() -> None:
    new = torch.tensor(OLD, requires_grad=True)
    policy_loss(new, torch.tensor(OLD), torch.tensor(ADV), torch.tensor(MASK)).backward()
    assert new.grad is not None
    expected = torch.where(torch.tensor(MASK) > 0, -torch.tensor(ADV) / 5, 0.0)
    assert torch.allclose(new.grad, expected, atol=1e-7)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("importance", ["token", "sequence"])
@pytest.mark.parametrize("junk", [NAN, INF, -INF, 1e30])
def test_what_is_masked_poisons_nothing(mode: str, importance: str, junk: float) -> None:
    clean = torch.tensor(NEW, requires_grad=True)
    dirty = torch.tensor(NEW)
    dirty[0, 2] = junk
    dirty.requires_grad_()
    old, adv = torch.tensor(OLD), torch.tensor(ADV)
    old_dirty, adv_dirty = old.clone(), adv.clone()
    old_dirty[0, 2] = adv_dirty[0, 2] = junk
    options = {"aggregation": mode, "importance": importance}
    first = policy_loss(clean, old, adv, MASK, **options)  # type: ignore[arg-type]
    second = policy_loss(dirty, old_dirty, adv_dirty, MASK, **options)  # type: ignore[arg-type]
    first.backward()
    second.backward()
    assert torch.equal(first, second)
    assert torch.equal(clean.grad, dirty.grad)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("importance", ["token", "sequence"])
def test_an_all_masked_batch_is_zero_with_zero_gradients(mode: str, importance: str) -> None:
    new = torch.full((2, 3), NAN, requires_grad=True)
    loss = policy_loss(new, OLD, ADV, torch.zeros(2, 3), aggregation=mode, importance=importance)  # type: ignore[arg-type]
    loss.backward()
    assert loss.item() == 0.0
    assert new.grad is not None
    assert not new.grad.any()


@pytest.mark.parametrize("advantage", [5.0, -5.0, 0.0])
def test_an_enormous_ratio_stays_finite(advantage: float) -> None:
    new = torch.tensor([[900.0]], requires_grad=True)
    loss = policy_loss(new, [[0.0]], [[advantage]], [[1]])
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(new.grad).all()  # type: ignore[arg-type]


def test_row_advantages_are_refused_not_broadcast() -> None:
    with pytest.raises(ValueError, match=r"advantage_BT.*advantage_BT \(2,\)"):
        policy_loss(NEW, OLD, [1.0, -1.0], MASK)
    with pytest.raises(ValueError, match=r"advantage_BT \(2, 1\)"):
        policy_loss(NEW, OLD, [[1.0], [-1.0]], MASK)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("aggregation", "mean", "token-mean, seq-mean"),
        ("importance", "row", "token, sequence"),
        ("dual_clip", 0.5, "above 1"),
        ("clip_low", -0.1, "clip_low in"),
    ],
)
def test_bad_options_name_what_is_expected(key: str, value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        policy_loss(NEW, OLD, ADV, MASK, **{key: value})  # type: ignore[arg-type]


def test_k3_by_hand() -> None:
    got = kl_k3([[-1.0, -2.0]], [[-1.5, -2.0]], [[1, 1]])
    assert got[0].tolist() == pytest.approx([exp(-0.5) + 0.5 - 1, 0.0], abs=1e-7)


def test_k3_masks_junk_and_its_gradient() -> None:
    new = torch.tensor([[-1.0, NAN]], requires_grad=True)
    kl = kl_k3(new, [[-1.5, INF]], [[1, 0]])
    kl.sum().backward()
    assert kl[0, 1] == 0
    assert new.grad is not None
    assert new.grad[0].tolist() == pytest.approx([1 - exp(-0.5), 0.0], abs=1e-6)
