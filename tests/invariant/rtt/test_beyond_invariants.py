"""What must hold for every input of the schemes and guards beyond the paper."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rtt.credit import (
    aggregate,
    baseline_intra,
    baseline_times_relevance,
    clip_credit,
    contrast_weights,
    gdpo,
    intra_sample,
    threshold_relevance,
    two_channel,
)

quick = settings(deadline=None, max_examples=60)


@dataclass
class Case:
    size: int
    relevance: Tensor  # [B, R, T] float64
    verdict: Tensor  # [B, R]
    mask: Tensor
    active: Tensor
    weight: Tensor
    hard: Tensor

    @property
    def signed(self) -> Tensor:
        return 2 * self.verdict - 1


@st.composite
def cases(draw: st.DrawFn) -> Case:
    groups, size = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    criteria, tokens = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    rows = groups * size
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    return Case(
        size,
        uniform(rows, criteria, tokens),
        (uniform(rows, criteria) < 0.5).double(),
        (uniform(rows, tokens) < 0.8).double(),
        (uniform(rows, criteria) < 0.8).double(),
        3 * uniform(1, criteria).expand(rows, criteria),
        (uniform(1, criteria) < 0.5).double().expand(rows, criteria),
    )


def per_row(name: str, c: Case) -> Tensor:
    """[B] or [B, T] of the scheme `name`."""
    on = {"criterion_mask_BR": c.active}
    weighted = {**on, "criterion_weight_BR": c.weight}
    if name == "gdpo":
        return gdpo(c.signed, c.size, **weighted)
    if name == "two_channel":
        return two_channel(c.verdict, c.hard, c.size, soft_weight=0.7, **on)
    if name == "contrast":
        return contrast_weights(c.relevance, c.mask, strength=1.3, **weighted)
    if name == "intra":
        return intra_sample(c.relevance, c.signed, c.mask, skip_constant=True, **weighted)
    if name == "baseline":
        return baseline_intra(c.relevance, c.signed, c.mask, c.size, floor=0.2, **weighted)
    if name == "weighted":
        return aggregate(c.verdict, "weighted", **weighted).nan_to_num(-1.0)
    spread = name.removeprefix("times_")
    return baseline_times_relevance(
        c.relevance,
        c.signed,
        c.mask,
        c.size,
        spread=spread,
        **weighted,  # type: ignore[arg-type]
    )


NAMES = (
    "gdpo", "two_channel", "contrast", "intra", "baseline", "weighted", "times_plain",
    "times_mean", "times_sum",
)  # fmt: skip
each = pytest.mark.parametrize("name", NAMES)


@each
@quick
@given(case=cases(), data=st.data())
def test_permuting_samples_criteria_and_groups_permutes_the_result(
    name: str, case: Case, data: st.DataObject
) -> None:
    rows, criteria, _ = case.relevance.shape
    groups = data.draw(st.permutations(range(rows // case.size)))
    order = [
        g * case.size + i for g in groups for i in data.draw(st.permutations(range(case.size)))
    ]
    ks = data.draw(st.permutations(range(criteria)))
    moved = Case(
        case.size, case.relevance[order][:, ks], case.verdict[order][:, ks], case.mask[order],
        case.active[order][:, ks], case.weight[order][:, ks], case.hard[order][:, ks],
    )  # fmt: skip
    expected = per_row(name, case)[order]
    torch.testing.assert_close(per_row(name, moved), expected, atol=1e-9, rtol=1e-9)


@each
@quick
@given(case=cases(), width=st.integers(1, 4))
def test_padding_tokens_and_criteria_changes_nothing(name: str, case: Case, width: int) -> None:
    rows, criteria, tokens = case.relevance.shape
    relevance = torch.full((rows, criteria + 1, tokens + width), torch.nan, dtype=torch.float64)
    relevance[:, :criteria, :tokens] = case.relevance

    def wider(x: Tensor, fill: float) -> Tensor:
        return torch.cat([x, torch.full((rows, 1), fill, dtype=torch.float64)], 1)

    padded = replace(
        case,
        relevance=relevance,
        verdict=wider(case.verdict, 1.0),
        mask=torch.cat([case.mask, torch.zeros(rows, width)], 1),
        active=wider(case.active, 0.0),
        weight=wider(case.weight, 5.0),
        hard=wider(case.hard, 1.0),
    )
    got, expected = per_row(name, padded), per_row(name, case)
    if got.dim() == 2:
        assert not got[:, tokens:].any()
        got = got[:, :tokens]
    torch.testing.assert_close(got, expected, atol=1e-9, rtol=1e-9)


@each
@quick
@given(case=cases())
def test_an_unscored_row_gets_nothing_and_does_not_touch_the_others(name: str, case: Case) -> None:
    case.active[0] = 0
    first = per_row(name, case)
    case.verdict[0], case.relevance[0] = 1 - case.verdict[0], torch.nan
    second = per_row(name, case)
    assert torch.equal(first, second)
    neutral = {"contrast": case.mask[0], "weighted": torch.tensor(-1.0, dtype=torch.float64)}
    assert torch.equal(first[0], neutral.get(name, torch.zeros_like(first[0])))


@each
@quick
@given(case=cases())
def test_an_inactive_criterion_is_never_looked_at(name: str, case: Case) -> None:
    expected = per_row(name, case)
    off = case.active == 0
    case.relevance[off] = torch.nan
    case.verdict = torch.where(off, 1 - case.verdict, case.verdict)
    assert torch.equal(per_row(name, case), expected)


@pytest.mark.parametrize("name", ["intra", "baseline"])
@quick
@given(case=cases())
def test_options_keep_the_credit_zero_sum(name: str, case: Case) -> None:
    assert per_row(name, case).sum(dim=1).abs().max() < 1e-9


@quick
@given(case=cases(), limit=st.floats(0.01, 3.0))
def test_clipping_keeps_every_row_sum_and_bounds_what_it_can(case: Case, limit: float) -> None:
    credit = 4 * (case.relevance[:, 0] - 0.3) * case.mask
    got = clip_credit(credit, case.mask, limit)
    torch.testing.assert_close(got.sum(1), credit.sum(1), atol=1e-9, rtol=1e-9)
    cut = (credit.abs() - limit).clamp(min=0).sum(1, keepdim=True)
    count = case.mask.sum(1, keepdim=True).clamp(min=1)
    assert (got.abs() <= limit + cut / count + 1e-9).all()
    assert not (got * (1 - case.mask)).any()


@quick
@given(case=cases(), threshold=st.floats(0.0, 1.0))
def test_thresholds_keep_the_order_of_relevances(case: Case, threshold: float) -> None:
    for binarise in (False, True):
        got = threshold_relevance(case.relevance, threshold, binarise=binarise)
        order = case.relevance.argsort(dim=2)
        assert (got.gather(2, order).diff(dim=2) >= 0).all()
        assert ((got == 0) | (got >= threshold)).all()


@quick
@given(case=cases())
def test_credit_per_criterion_averages_its_advantage_when_spread_by_the_mean(case: Case) -> None:
    one = replace(
        case, relevance=case.relevance[:, :1] + 0.01, verdict=case.verdict[:, :1],
        active=torch.ones_like(case.active[:, :1]), weight=torch.ones_like(case.weight[:, :1]),
    )  # fmt: skip
    credit = per_row("times_mean", one)
    count = one.mask.sum(dim=1)
    has = count > 0
    mean = (credit.sum(dim=1) / count.clamp(min=1))[has]
    expected = gdpo(one.signed, one.size, batch_normalise=False)[has]
    torch.testing.assert_close(mean, expected, atol=1e-9, rtol=1e-9)
