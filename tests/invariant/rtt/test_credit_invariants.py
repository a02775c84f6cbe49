"""What must hold for every input: order, padding, scale of types, and agreement with slow loops."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rtt.credit import (
    aggregate,
    baseline_intra,
    baseline_times_relevance,
    combine,
    inter_sample,
    intra_sample,
    mean_then_group,
    response_advantage,
    softmax_share,
)
from rtt.loss import policy_loss

_PATH = Path(__file__).parents[2] / "unit" / "rtt" / "credit" / "slow_reference.py"
_SPEC = importlib.util.spec_from_file_location("slow_reference", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
slow = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(slow)

SCHEMES = {
    "intra": (lambda c, p, s, m, on: intra_sample(p, s, m, criterion_mask_BR=on), slow.intra),
    "inter": (
        lambda c, p, s, m, on: inter_sample(p, s, m, c.size, criterion_mask_BR=on),
        slow.inter,
    ),
    "mean": (
        lambda c, p, s, m, on: mean_then_group(p, s, m, c.size, criterion_mask_BR=on),
        slow.mean_group,
    ),
    "softmax": (
        lambda c, p, s, m, on: softmax_share(p, s, m, c.size, criterion_mask_BR=on),
        slow.softmax,
    ),
    "baseline_intra": (
        lambda c, p, s, m, on: baseline_intra(p, s, m, c.size, criterion_mask_BR=on),
        slow.baseline,
    ),
    "baseline_times_relevance": (
        lambda c, p, s, m, on: baseline_times_relevance(
            p, s, m, c.size, spread="mean", criterion_mask_BR=on
        ),
        slow.laid_on,
    ),
}
each_scheme = pytest.mark.parametrize("name", SCHEMES)
quick = settings(deadline=None, max_examples=60)


@dataclass
class Case:
    size: int
    relevance: Tensor  # [B, R, T] float64
    signed: Tensor
    mask: Tensor
    active: Tensor

    def credit(self, name: str) -> Tensor:
        return SCHEMES[name][0](self, self.relevance, self.signed, self.mask, self.active)


@st.composite
def cases(draw: st.DrawFn, hard: bool | None = None) -> Case:
    groups, size = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    criteria, tokens = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    rows = groups * size
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    relevance = torch.rand(rows, criteria, tokens, generator=generator, dtype=torch.float64)
    if draw(st.booleans()) if hard is None else hard:
        relevance = relevance.round()

    def bits(*shape: int, share: float) -> Tensor:
        return (torch.rand(*shape, generator=generator) < share).double()

    return Case(
        size,
        relevance,
        2 * bits(rows, criteria, share=0.5) - 1,
        bits(rows, tokens, share=0.8),
        bits(rows, criteria, share=0.8),
    )


@each_scheme
@quick
@given(case=cases())
def test_equal_to_slow_loops(name: str, case: Case) -> None:
    lists = [x.tolist() for x in (case.relevance, case.signed, case.mask, case.active)]
    size = () if name == "intra" else (case.size,)
    expected = torch.tensor(SCHEMES[name][1](*lists, *size), dtype=torch.float64)
    torch.testing.assert_close(case.credit(name), expected, atol=1e-9, rtol=1e-9)


@each_scheme
@quick
@given(case=cases(), data=st.data())
def test_permuting_samples_criteria_and_groups_permutes_the_credit(
    name: str, case: Case, data: st.DataObject
) -> None:
    rows, criteria, _ = case.relevance.shape
    groups = data.draw(st.permutations(range(rows // case.size)))
    order = [
        g * case.size + i for g in groups for i in data.draw(st.permutations(range(case.size)))
    ]
    ks = data.draw(st.permutations(range(criteria)))
    moved = Case(
        case.size,
        case.relevance[order][:, ks],
        case.signed[order][:, ks],
        case.mask[order],
        case.active[order][:, ks],
    )
    torch.testing.assert_close(moved.credit(name), case.credit(name)[order], atol=1e-9, rtol=1e-9)


@each_scheme
@quick
@given(case=cases(), width=st.integers(1, 5))
def test_padding_changes_nothing(name: str, case: Case, width: int) -> None:
    rows, criteria, tokens = case.relevance.shape
    nan = torch.full((rows, criteria, width), torch.nan, dtype=torch.float64)
    padded = Case(
        case.size,
        torch.cat([case.relevance, nan], 2),
        case.signed,
        torch.cat([case.mask, torch.zeros(rows, width)], 1),
        case.active,
    )
    credit = padded.credit(name)
    torch.testing.assert_close(credit[:, :tokens], case.credit(name), atol=1e-9, rtol=1e-9)
    assert not credit[:, tokens:].any()


@pytest.mark.parametrize("name", ["intra", "baseline_intra"])
@quick
@given(case=cases())
def test_intra_credit_moves_and_never_adds(name: str, case: Case) -> None:
    assert case.credit(name).sum(dim=1).abs().max() < 1e-9


@each_scheme
@quick
@given(case=cases())
def test_lists_float32_and_float64_agree(name: str, case: Case) -> None:
    scheme = SCHEMES[name][0]
    tensors = (case.relevance, case.signed, case.mask, case.active)
    double = case.credit(name)
    single = scheme(case, *(x.float() for x in tensors))
    listed = scheme(case, *(x.tolist() for x in tensors))
    assert double.dtype == torch.float64
    assert single.dtype == torch.float32
    assert torch.equal(single, listed)
    spread = double.abs().max().clamp(min=1)
    torch.testing.assert_close(single.double() / spread, double / spread, atol=2e-3, rtol=0)


@each_scheme
@quick
@given(case=cases())
def test_a_sample_without_verdicts_carries_no_gradient(name: str, case: Case) -> None:
    case.active[0] = 0
    verdict = (case.signed + 1) / 2
    reward = aggregate(verdict, "csr", criterion_mask_BR=case.active)
    advantage = response_advantage(reward, case.size)
    total = combine(advantage, case.credit(name), case.mask)
    logprob = torch.randn(total.shape, dtype=torch.float64).requires_grad_()
    policy_loss(logprob, torch.zeros_like(total), total, case.mask).backward()
    assert reward[0].isnan()
    assert not total[0].any()
    assert not logprob.grad[0].any()  # type: ignore[index]
    assert torch.isfinite(logprob.grad).all()  # type: ignore[arg-type]


@quick
@given(case=cases(), mode=st.sampled_from(["token-mean", "seq-mean-token-mean",
                                            "seq-mean-token-sum"]))  # fmt: skip
def test_padding_changes_neither_loss_nor_gradient(case: Case, mode: str) -> None:
    rows, _, tokens = case.relevance.shape
    new = torch.rand(rows, tokens, dtype=torch.float64).requires_grad_()
    wide = torch.cat([new.detach(), torch.full((rows, 3), torch.nan)], 1).requires_grad_()
    old, adv = torch.zeros(rows, tokens), torch.rand(rows, tokens, dtype=torch.float64) - 0.5
    pad = torch.nn.functional.pad
    first = policy_loss(new, old, adv, case.mask, aggregation=mode)  # type: ignore[arg-type]
    second = policy_loss(
        wide,
        pad(old, (0, 3)),
        pad(adv, (0, 3)),
        pad(case.mask, (0, 3)),
        aggregation=mode,  # type: ignore[arg-type]
    )
    first.backward()
    second.backward()
    torch.testing.assert_close(first, second, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(wide.grad[:, :tokens], new.grad, atol=1e-12, rtol=1e-12)  # type: ignore[index]
    assert not wide.grad[:, tokens:].any()  # type: ignore[index]


@each_scheme
@quick
@given(case=cases())
def test_weight_zero_is_plain_grpo_bit_for_bit(name: str, case: Case) -> None:
    reward = aggregate((case.signed + 1) / 2, "aon", criterion_mask_BR=case.active)
    advantage = response_advantage(reward, case.size)
    plain = torch.where(case.mask > 0, advantage[:, None], 0.0)
    assert torch.equal(combine(advantage, case.credit(name), case.mask, weight=0.0), plain)


@quick
@given(
    value=st.floats(-1e3, 1e3, allow_subnormal=False),
    size=st.integers(1, 8),
    jitter=st.integers(0, 2**32 - 1),
)
def test_rewards_equal_up_to_rounding_give_exact_zeros(
    value: float, size: int, jitter: int
) -> None:
    generator = torch.Generator().manual_seed(jitter)
    ulp = torch.finfo(torch.float64).eps * abs(value)
    noise = torch.rand(size, generator=generator, dtype=torch.float64).round() * ulp
    assert not response_advantage(value + noise, size).any()
