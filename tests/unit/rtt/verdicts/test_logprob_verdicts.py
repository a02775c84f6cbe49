"""A small model's verdicts: fitted on those that are there, each prompt by the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ScoreRequest
from rtt.verdicts.config import LogprobVerdicts
from rtt.verdicts.logprob import CrossFitted, read_calibration


def prompts(number: int, *, labelled: bool = True) -> list[RubricPrompt]:
    """Each has a criterion that the response meets and one that it does not."""
    return [
        RubricPrompt(
            id=f"p{n}", prompt="Write.",
            rubric=Rubric((Criterion(id="a", text="It is fine."), Criterion(id="b", text="Bad."))),
            metadata={"verdicts": [True, False]} if labelled else {},
        )
        for n in range(number)
    ]  # fmt: skip


def model(*, knows: bool = True) -> ScriptedModel:
    def score(request: ScoreRequest) -> float:
        is_fine = "It is fine." in request.messages[0].content
        yes = -1.0 if is_fine and knows else -2.0
        return yes if request.continuation == "Yes" else -0.5

    return ScriptedModel([], scores=score, name="tiny")


def items(number: int, **more: bool) -> list[tuple[RubricPrompt, str]]:
    return [(one, "r") for one in prompts(number, **more)]


def settings(path: Path) -> LogprobVerdicts:
    return LogprobVerdicts(calibration=str(path), reads="continuation")


def test_what_is_fitted_is_written_and_judges_what_has_no_verdicts(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    assert settings(path).is_fitting
    told = settings(path).build(model()).verdicts(items(12))
    assert {tuple(one.satisfied for one in row) for row in told} == {(True, False)}
    assert (read_calibration(path).positives, read_calibration(path).auc) == (12, 1.0)
    assert not settings(path).is_fitting
    later = settings(path).build(model()).verdicts(items(2, labelled=False))
    assert [[one.satisfied for one in row] for row in later] == [[True, False]] * 2


def test_no_prompt_is_judged_by_a_threshold_that_it_was_part_of(tmp_path: Path) -> None:
    # One prompt alone is labelled the other way round, at margins of its own.
    rows = items(20)
    rows[3] = (prompts(1)[0], "r")
    odd = RubricPrompt(
        id="odd", prompt="Write.", rubric=rows[3][0].rubric, metadata={"verdicts": [False, True]}
    )
    rows[3] = (odd, "r")
    source = CrossFitted(model(), tmp_path / "c.json", reads="continuation")
    told = source.verdicts(rows)[3]
    assert tuple(one.satisfied for one in told) == (True, False), (
        "as the others say, not as it does"
    )


def test_what_a_threshold_was_fitted_on_is_not_judged_by_it(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    settings(path).build(model()).verdicts(items(12))
    later = settings(path).build(model())
    assert len(later.verdicts([(items(12)[0][0], "another response")])) == 1
    with pytest.raises(UserError, match="not fitted on the responses it is to judge"):
        later.verdicts(items(12)[:1])


def test_a_model_that_cannot_tell_is_measured_and_then_refused(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    settings(path).build(model(knows=False)).verdicts(items(12))
    assert read_calibration(path).lower_bound <= 0.5
    with pytest.raises(UserError, match="cannot judge"):
        settings(path).build(model(knows=False))


@pytest.mark.parametrize("name", ["nothing", "broken"])
def test_without_a_calibration_and_without_verdicts_nobody_judges(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "calibration.json"
    if name == "nothing":
        with pytest.raises(UserError, match="prompt 'p0' brings none"):
            settings(path).build(model()).verdicts(items(2, labelled=False))
        return
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="expected a file that rtt-evaluate wrote"):
        settings(path).build(model())


def test_a_judge_needs_a_model() -> None:
    with pytest.raises(UserError, match="verdicts=logprob: expected a model"):
        LogprobVerdicts().build(None)
