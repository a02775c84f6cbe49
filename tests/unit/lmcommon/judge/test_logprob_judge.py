"""The log-probability judge: calibrated, honest about it, refused when it is no judge."""

from dataclasses import replace

import pytest

from lmcommon.errors import UserError
from lmcommon.judge import Criterion, JudgeItem, LogprobJudge, calibrate
from lmcommon.judge.logprob import calibrate_margins, fit_threshold
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ModelFailure, ScoreRequest
from lmcommon.stats import wilson_interval


def item(response: str) -> JudgeItem:
    return JudgeItem(prompt="p", response=response, criterion=Criterion(id="c", text="t"))


def scored_by(margins: dict[str, float]) -> ScriptedModel:
    """A model whose margin depends on the response; "No" is always far likelier."""

    def score(request: ScoreRequest) -> float | ModelFailure:
        text = request.messages[-1].content
        name = max((name for name in margins if f"\n{name}\n" in text), key=len, default=None)
        if name is None:
            return ModelFailure(kind="too_long", message="cut")
        return -5.0 + margins[name] if request.continuation == "Yes" else -1.0

    return ScriptedModel([], scores=score, name="tiny")


LABELS = {f"r{index:02}": index % 2 == 0 for index in range(40)}
GOOD = {name: (1.0 if label else -1.0) + int(name[1:]) / 100 for name, label in LABELS.items()}
ITEMS = [item(name) for name in LABELS]


def test_a_model_that_always_prefers_no_can_still_judge() -> None:
    model = scored_by(GOOD)
    calibration = calibrate(model, ITEMS, list(LABELS.values()))
    assert (calibration.auc, calibration.balanced_accuracy) == (1.0, 1.0)
    assert (calibration.positives, calibration.negatives) == (20, 20)
    verdicts = LogprobJudge(model, calibration).judge(ITEMS)
    assert [verdict.satisfied for verdict in verdicts] == list(LABELS.values())


def test_no_calibration_no_judge() -> None:
    with pytest.raises(UserError, match="needs a calibration"):
        LogprobJudge(scored_by(GOOD), None)


def test_a_model_no_better_than_chance_is_refused() -> None:
    model = scored_by({name: (int(name[1:]) // 2) % 5 / 10 for name in LABELS})
    calibration = calibrate(model, ITEMS, list(LABELS.values()))
    assert calibration.auc == 0.5
    with pytest.raises(UserError, match="cannot judge"):
        LogprobJudge(model, calibration)


def test_a_calibration_belongs_to_its_model_and_prompt() -> None:
    model = scored_by(GOOD)
    calibration = calibrate(model, ITEMS, list(LABELS.values()))
    for other in (replace(calibration, model="big"), replace(calibration, prompt="0" * 16)):
        with pytest.raises(UserError, match="calibrate again"):
            LogprobJudge(model, other)


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(UserError, match="10 scored examples of each class, got 40 satisfied"):
        calibrate(scored_by(GOOD), ITEMS, [True] * 40)


def test_a_model_that_cannot_score_is_refused_with_its_reason() -> None:
    with pytest.raises(UserError, match=r"40 failed, first: model failure \(unsupported\)"):
        calibrate(ScriptedModel([], name="mute"), ITEMS, list(LABELS.values()))


def test_a_failed_score_is_unscored() -> None:
    model = scored_by(GOOD)
    calibration = calibrate(model, ITEMS, list(LABELS.values()))
    verdicts = LogprobJudge(model, calibration).judge([item("r00"), item("unheard of")])
    assert [verdict.satisfied for verdict in verdicts] == [True, None]
    assert verdicts[1].failure == "model failure (too_long): cut"


def test_the_threshold_separates_what_can_be_separated() -> None:
    pairs = [(-3.0, False), (-2.0, False), (-1.0, True), (0.0, False), (4.0, True), (5.0, True)]
    assert -2.0 < fit_threshold(pairs) < 4.0


def test_the_bound_knows_how_few_examples_the_rarer_class_has() -> None:
    def bound(positives: int, negatives: int) -> float:
        told = [1.0] * positives + [-1.0] * negatives
        labels = [True] * positives + [False] * negatives
        return calibrate_margins(told, labels, model="m", prompt="p").lower_bound

    assert bound(100, 100) == wilson_interval(200, 200)[0]
    assert bound(180, 20) == wilson_interval(72, 72)[0], "4 * 180 * 20 / 200, not 200"
