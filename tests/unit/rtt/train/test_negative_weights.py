"""A criterion of negative weight must not hold: it is met where its verdict is "not satisfied"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.records import records_of
from rtt.show import view_groups
from rtt.show.tally import tally
from rtt.train.advantage import Credit
from rtt.train.evaluation import evaluate
from rtt.train.metrics import satisfied_by_kind
from rtt.train.scoring import score_tensors
from rtt.types import Group, Rollout, ScoredGroup, ScoredRollout

PROMPT = RubricPrompt(
    id="p", prompt="Advise.",
    rubric=Rubric((
        Criterion(id="good", text="Asks for the dose.", weight=5, tags=("axis:asks",)),
        Criterion(id="bad", text="Invents a dose.", weight=-5, tags=("axis:invents",)),
    )),
)  # fmt: skip
WELL = (True, False)
"""What the judge says of a response that does well: it asks, and does not invent."""


def rollout(text: str = "ab") -> Rollout:
    return Rollout(
        prompt_id="p", tokens=(1, 2), logprobs=(math.nan,) * 2, text=text, offsets=((0, 1), (1, 2))
    )


def scored(*told: bool | None) -> ScoredGroup:
    verdicts = tuple(
        Verdict.unscored("down") if one is None else Verdict(satisfied=one) for one in told
    )
    sample = ScoredRollout(rollout=rollout(), verdicts=verdicts, relevance=((1.0, 0.0),) * 2)
    return ScoredGroup(prompt=PROMPT, samples=(sample,))


@dataclass
class Fixed:
    """Samples the same text and judges it as it was told to."""

    told: tuple[bool | None, ...]

    def sample(self, prompts: Sequence[RubricPrompt], **_: Any) -> list[Group]:
        return [Group(prompt=prompt, rollouts=(rollout(),)) for prompt in prompts]

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        return [scored(*self.told).samples[0].verdicts for _ in items]


@pytest.mark.parametrize(
    ("weight", "satisfied", "met"),
    [(1, True, True), (0, True, True), (-1, True, False), (-1, False, True), (-2, None, None)],
)
def test_what_a_criterion_wants(weight: float, satisfied: bool | None, met: bool | None) -> None:
    assert Criterion(id="c", text="", weight=weight).is_met(satisfied) is met


def test_held_out_evaluation_counts_it_as_the_reward_does() -> None:
    fixed = Fixed(WELL)
    got = evaluate(fixed, [PROMPT], samples=1, seed=0, source=fixed)  # type: ignore[arg-type]
    assert (got.all_satisfied, got.satisfied_rate, got.by_kind) == (1.0, 1.0, {"judged": 1.0})
    assert score_tensors([scored(*WELL)]).verdict_BR.tolist() == [[1.0, 1.0]]


def test_the_tally_counts_it_by_kind() -> None:
    counted = tally(records_of([scored(*WELL), scored(True, True), scored(True, None)]))
    assert counted.figures()["all_satisfied"] == pytest.approx(2 / 3)
    assert {kind: rate.share for kind, rate in counted.by_kind.items()} == {
        "axis:asks": 1.0,
        "axis:invents": 0.5,
    }


def test_the_metrics_of_training_count_it() -> None:
    assert satisfied_by_kind([scored(*WELL)]) == {"judged": 1.0}
    assert satisfied_by_kind([scored(True, True)]) == {"judged": 0.5}


def test_it_is_shown_as_met_and_says_that_it_must_not_hold() -> None:
    (view,) = view_groups([scored(*WELL)], Credit(scheme="intra"))
    assert [one.satisfied for one in view.criteria] == [True, True]
    assert view.criteria[1].text == "must not hold: Invents a dose."
    assert view.criteria[1].part[0] > 0, "what decides it is praised"
