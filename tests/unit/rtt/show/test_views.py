"""From records to views, and which of them to look at."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lmcommon.errors import UserError
from rtt.credit import intra_sample
from rtt.show import pick, view_records
from rtt.train.advantage import Credit

from .show_support import record


def test_recorded_advantages_are_shown_as_they_are() -> None:
    (view,) = view_records([record(advantage=(0.25, -2.0))], Credit())
    assert view.advantage == (0.25, -2.0)
    assert view.is_recorded
    assert view.label == "RTT-AON"


def test_credit_is_computed_where_a_record_has_none() -> None:
    pool = [record(), record(sample=1, verdicts=(False, False))]
    views = view_records(pool, Credit(scheme="none", reward="csr"))
    assert views[0].advantage == pytest.approx((0.70710, 0.70710), abs=1e-4)
    assert views[1].advantage == pytest.approx((-0.70710, -0.70710), abs=1e-4)
    assert not views[0].is_recorded
    assert views[0].label == "CSR"


def test_groups_of_different_sizes_are_pools_of_their_own() -> None:
    records = [record(), record(group=1), record(group=1, sample=1, verdicts=(False, False))]
    views = view_records(records, Credit(scheme="none", reward="csr"))
    assert [view.mean_advantage > 0 for view in views] == [False, True, False]


def test_the_parts_of_the_criteria_add_up_to_the_token_credit() -> None:
    one = record(relevance=((0.9, 0.1), (0.3, 0.4)))
    (view,) = view_records([one], Credit())
    expected = intra_sample([[[0.9, 0.1], [0.3, 0.4]]], [[1.0, -1.0]])[0]
    parts = torch.tensor([criterion.part for criterion in view.criteria])
    assert torch.allclose(parts.sum(dim=0), expected, atol=1e-6), (parts, expected)


def test_an_unscored_criterion_has_no_part_and_a_reason() -> None:
    (view,) = view_records([record(verdicts=(True, None))], Credit())
    assert view.criteria[1].part == ()
    assert view.criteria[1].reason == "judge is down"
    assert view.met == 1.0


def test_a_response_without_criteria_is_unscored() -> None:
    (view,) = view_records([record(verdicts=())], Credit())
    assert view.met is None
    assert view.advantage == (0.0, 0.0)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (record(advantage=(1.0,)), "as many advantages as tokens (2), got 1"),
        (record(relevance=((1.0,), (1.0, 0.0))), "as many relevances as tokens (2), got 1"),
        (record(relevance=((1.0, 0.0),)), "one row of relevances a criterion (2), got 1"),
        (record(advantage=(1.0, float("nan"))), "finite advantages"),
    ],
)
def test_a_record_that_does_not_fit_together_is_named(broken: object, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        view_records([replace(broken, step=7, sample=3)], Credit())  # type: ignore[type-var]
    assert expected in str(caught.value)
    assert "step 7, group 0, sample 3" in str(caught.value)


VIEWS = view_records(
    [
        record(verdicts=(True, True), advantage=(0.1, 0.1)),
        record(sample=1, verdicts=(False, False), advantage=(-0.1, -0.1)),
        record(group=1, verdicts=(True, False), advantage=(3.0, -3.0)),
        record(group=1, sample=1, verdicts=(None, None), advantage=(0.0, 0.0)),
    ],
    Credit(),
)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("first", [(0, 0), (0, 1), (1, 0), (1, 1)]),
        ("best", [(0, 0), (0, 1), (1, 0), (1, 1)]),
        ("worst", [(0, 1), (0, 0), (1, 0), (1, 1)]),
        ("telling", [(1, 0), (1, 1), (0, 0), (0, 1)]),
    ],
)
def test_the_order_is_the_one_asked_for(order: str, expected: list[tuple[int, int]]) -> None:
    chosen = pick(VIEWS, order, prompts=2, samples=2)  # type: ignore[arg-type]
    assert [(view.group, view.sample) for view in chosen] == expected


def test_prompts_and_samples_are_limited() -> None:
    chosen = pick(VIEWS, "telling", prompts=1, samples=1)
    assert [(view.group, view.sample) for view in chosen] == [(1, 0)]
