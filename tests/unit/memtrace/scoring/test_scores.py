"""Every metric on outcomes whose figures can be worked out by hand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memtrace.attribution.types import Verdict
from memtrace.scoring import WORDS, Outcome, confusion, score, score_by
from memtrace.scoring.metrics import MEANS, RATES, f1

from .scoring_support import EXTRACTION, RETRIEVAL, control, label, outcome, said


def share(outcomes: list[Outcome], metric: str) -> tuple[int, int]:
    found = score(outcomes).rates[metric]
    return found.hits, found.trials


SINGLE = [
    outcome("right", label("op-1"), said("op-1"), distance=0),
    outcome("type wrong", label("op-1"), said("op-1", types=(RETRIEVAL,)), distance=0),
    outcome("near", label("op-1"), said("op-2"), distance=1),
    outcome("two off", label("op-1"), said("op-3"), distance=2),
    outcome("far", label("op-1"), said("op-9")),
    outcome("abstained", label("op-1"), said(verdict=Verdict.ABSTAINED)),
    outcome("blamed the judge", label("op-1"), said(verdict=Verdict.JUDGE)),
    outcome("failed", label("op-1"), None),
]


@pytest.mark.parametrize(
    ("metric", "hits"),
    [("exact", 2), ("within_1", 3), ("within_2", 4), ("error_type", 4), ("joint", 1),
     ("abstained", 1), ("missed", 1), ("verdict", 5)],
)  # fmt: skip
def test_a_single_fault(metric: str, hits: int) -> None:
    assert share(SINGLE, metric) == (hits, 7)


def test_a_failed_attempt_is_counted_apart() -> None:
    found = score(SINGLE)
    assert (found.cases, found.unscored, found.failed) == (8, 1, 1)
    assert found.sorts == {"single": 7}


def test_a_right_operation_in_a_larger_set_is_exact_but_not_alone() -> None:
    blamed = [outcome("two", label("op-1"), said("op-1", "op-2"), distance=0)]
    assert share(blamed, "exact") == (1, 1)
    assert share(blamed, "exact_only") == (0, 1)


MULTI = [
    outcome("all", label("op-1", "op-2"), said("op-1", "op-2")),
    outcome("half", label("op-1", "op-2"), said("op-1")),
    outcome("one wrong", label("op-1", "op-2"), said("op-3", "op-2")),
    outcome("nothing", label("op-1", "op-2"), said(verdict=Verdict.ABSTAINED)),
]


def test_several_faults_are_scored_as_sets() -> None:
    found = score(MULTI)
    assert found.means["f1"].value == pytest.approx((1 + 2 / 3 + 0.5 + 0) / 4)
    assert found.means["precision"].value == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert found.means["recall"].value == pytest.approx((1 + 0.5 + 0.5 + 0) / 4)
    assert (found.rates["set_exact"].hits, found.rates["first_in_set"].hits) == (1, 2)
    assert "exact" not in found.rates, "exact is of single faults"


def test_error_types_of_a_set_need_no_order() -> None:
    truth = label("op-1", "op-2", types=(EXTRACTION, RETRIEVAL))
    swapped = said("op-3", "op-4", types=(RETRIEVAL, EXTRACTION))
    assert share([outcome("a", truth, swapped)], "set_error_types") == (1, 1)


def test_mrr_is_over_the_ranked_suspects() -> None:
    ranked = [
        outcome("first", label("op-1"), said("op-1")),
        outcome("third", label("op-1"), said("op-7", ranked=("op-7", "op-8", "op-1"))),
        outcome("never", label("op-1"), said("op-7")),
    ]
    assert score(ranked).means["mrr"].value == pytest.approx((1 + 1 / 3 + 0) / 3)


CONTROLS = [
    outcome("j", control(Verdict.JUDGE, "strict_judge"), said(verdict=Verdict.JUDGE)),
    outcome("a", control(Verdict.ANNOTATION, "wrong_gold"), said("op-1")),
    outcome("n", control(Verdict.NO_FAILURE, "no_fault"), said(verdict=Verdict.ABSTAINED)),
]


def test_controls_count_false_blame_and_right_verdicts() -> None:
    assert share(CONTROLS, "false_blame") == (1, 3)
    assert share(CONTROLS, "control_verdict") == (1, 3)
    assert "exact" not in score(CONTROLS).rates
    assert "f1" not in score(CONTROLS).means


def test_controls_by_kind() -> None:
    parts = score_by(CONTROLS, "kind")
    assert {kind: one.rates["control_verdict"].hits for kind, one in parts.items()} == {
        "no_fault": 0, "strict_judge": 1, "wrong_gold": 0,
    }  # fmt: skip


def test_proofs_are_of_memory_verdicts() -> None:
    draws = {"hits": 1, "trials": 3}
    proved = [
        outcome("flips", label("op-1"), said("op-1", proof={})),
        outcome("does not", label("op-1"), said("op-1", proof={
            "sufficiency": draws, "is_minimal": False,
        })),
        outcome("unproved", label("op-1"), said("op-1")),
        outcome("abstained", label("op-1"), said(verdict=Verdict.ABSTAINED)),
    ]  # fmt: skip
    assert share(proved, "proved") == (2, 3)
    assert share(proved, "flips") == (1, 2)
    assert share(proved, "minimal") == (1, 2)


def test_names_are_what_agents_are_told_by() -> None:
    body = said("op-1")
    body["suspects"][0]["name"] = "WebSurfer"
    row = Outcome(case="a", method="m", label=label("op-4"), attribution=body, names=("WebSurfer",))
    assert share([row], "name") == (1, 1)
    assert share([row], "exact") == (0, 1)


def test_costs_are_spread_over_cases() -> None:
    calls = [1, 2, 3, 4, 100]
    rows = [
        outcome(
            str(n), None, said("op-1", model_calls=n, prompt_tokens=10 * n, completion_tokens=n)
        )
        for n in calls
    ]
    spread = score(rows).costs
    assert (spread["model_calls"].median, spread["model_calls"].mean) == (3, 22)
    assert spread["model_calls"].p95 == pytest.approx(4 + 0.8 * 96)
    assert spread["tokens"].total == 11 * sum(calls)


def test_cases_without_a_label_are_unscored_but_cost() -> None:
    found = score([outcome("a", None, said("op-1", model_calls=2))])
    assert (found.unscored, found.failed, found.rates) == (1, 0, {})
    assert found.costs["model_calls"].mean == 2


def test_confusion_counts_what_was_said() -> None:
    rows = [
        outcome("1", label("op-1", kinds=("drop",)), said("op-1", types=(RETRIEVAL,))),
        outcome("2", label("op-1", kinds=("drop",)), said(verdict=Verdict.ABSTAINED)),
        outcome("3", label("op-1", kinds=("drop",)), None),
    ]
    assert confusion(rows, "kind") == {"drop": {"retrieval": 1, "abstained": 1}}


def test_every_metric_is_explained() -> None:
    assert set(WORDS) == {*RATES, *MEANS}


operations = st.sampled_from(["op-1", "op-2", "op-3", "op-4"])
sets = st.lists(operations, max_size=3, unique=True).map(tuple)
verdicts = st.sampled_from(list(Verdict))


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    truth = draw(st.one_of(sets.filter(len).map(lambda s: label(*s)), verdicts.map(control)))
    blamed, verdict = draw(sets), draw(verdicts)
    body = draw(st.one_of(st.none(), st.just(said(*blamed, verdict=verdict))))
    distance = draw(st.one_of(st.none(), st.integers(1, 3)))
    if body and truth.operations and set(body["operations"][:1]) & set(truth.operations):
        distance = 0
    return outcome(str(draw(st.integers(0, 10**9))), truth, body, distance=distance)


@given(st.lists(outcomes(), max_size=12, unique_by=lambda one: one.case), st.randoms())
@settings(deadline=None)
def test_the_order_of_rows_is_nothing(rows: list[Outcome], rng: random.Random) -> None:
    shuffled = rng.sample(rows, len(rows))
    assert score(rows) == score(shuffled)


@given(st.lists(outcomes(), max_size=12))
@settings(deadline=None)
def test_within_k_grows_with_k(rows: list[Outcome]) -> None:
    rates = score(rows).rates
    if "exact" in rates:
        hits = [rates[name].hits for name in ("joint", "exact", "within_1", "within_2")]
        assert hits == sorted(hits), rows


@given(st.lists(sets.filter(len), min_size=1))
@settings(deadline=None)
def test_perfect_attributions_score_one(truths: list[tuple[str, ...]]) -> None:
    rows = [outcome(str(n), label(*one), said(*one), distance=0) for n, one in enumerate(truths)]
    found = score(rows)
    shares = {name: one.share for name, one in found.rates.items()}
    wanted = {"exact", "error_type", "joint", "verdict", "set_exact", "set_error_types"}
    assert {shares[name] for name in wanted & shares.keys()} == {1.0}, shares
    assert {found.means[name].value for name in ("f1", "precision", "recall", "mrr")} == {1.0}


@given(sets.filter(len), sets.filter(len))
@settings(deadline=None)
def test_f1_is_symmetric(left: tuple[str, ...], right: tuple[str, ...]) -> None:
    forth, back = outcome("a", label(*left), said(*right)), outcome("b", label(*right), said(*left))
    assert f1(forth) == f1(back)


@given(outcomes())
@settings(deadline=None)
def test_a_row_comes_back_as_it_was(one: Outcome) -> None:
    assert Outcome.from_dict(one.to_dict()) == one
