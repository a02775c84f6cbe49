"""Controls: what is told is wrong, or nothing is, and the memory is never to blame."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lmcommon.judge.base import AnswerItem
from memtrace.attribution.types import Verdict
from memtrace.faultbench.building import Bench
from memtrace.faultbench.controls import CONTROLS
from memtrace.faultbench.judges import LenientJudge, StrictJudge, usual_judge
from memtrace.faultbench.rewording import answers_alike
from memtrace.faultbench.types import Recipe
from memtrace.faultbench.verifying import verified

RIGHT = {
    "no_fault": Verdict.NO_FAILURE, "benign_rewording": Verdict.NO_FAILURE,
    "wrong_gold": Verdict.ANNOTATION, "ambiguous_question": Verdict.ANNOTATION,
    "strict_judge": Verdict.JUDGE, "lenient_judge": Verdict.JUDGE,
}  # fmt: skip


def holding(bench: Bench, control: str, pipeline: str = "rag_bm25") -> Recipe:
    for seed in range(12):
        recipe = Recipe(id="", pipeline=pipeline, size="small", seed=seed, kinds=(control,))
        done = verified(bench, recipe)
        if done.holds:
            return done.recipe
    pytest.fail(f"{control} never holds in {pipeline}")


@pytest.mark.parametrize("control", sorted(CONTROLS))
@pytest.mark.parametrize("pipeline", ["long_context", "rag_bm25"])
def test_a_control_is_judged_as_it_says(bench: Bench, control: str, pipeline: str) -> None:
    recipe = holding(bench, control, pipeline)
    staging = bench.draw(recipe).staging
    assert staging is not None
    assert staging.verdict is RIGHT[control]
    trial = bench.tried(
        recipe, staging.question, defects=staging.defects, judge=staging.judge
    )  # fmt: skip
    assert trial.episode.verdict.satisfied is staging.judged, trial.episode


def test_a_wrong_gold_answer_is_not_what_the_evidence_says(bench: Bench) -> None:
    recipe = holding(bench, "wrong_gold")
    drawn = bench.draw(recipe)
    said = {turn.id: turn.text for turn in bench.clean(recipe).conversation.turns}
    evidence = " ".join(said[turn] for turn in drawn.asked.evidence)
    assert drawn.question.answer not in evidence
    assert drawn.question.evidence == drawn.asked.evidence


def test_an_ambiguous_question_names_nobody(bench: Bench) -> None:
    recipe = holding(bench, "ambiguous_question", "long_context")
    people = bench.clean(recipe).conversation.metadata["people"]
    drawn = bench.draw(recipe)
    assert not [name for name in people if name in drawn.question.text], drawn.question
    assert [name for name in people if name in drawn.asked.text], drawn.asked


@pytest.mark.parametrize("gold", ["3 March 2024", "11 days", "1 day", "Lisbon", "no", "sold it"])
def test_an_answer_in_other_words_is_right_and_a_strict_judge_refuses_it(gold: str) -> None:
    found = list(answers_alike(gold, random.Random(0)))
    assert found
    for said in found:
        item = AnswerItem(question="?", gold=gold, prediction=said)
        assert usual_judge().judge([item])[0].satisfied is True, said
        assert StrictJudge().judge([item])[0].satisfied is False, said


def test_a_lenient_judge_refuses_only_those_who_say_nothing() -> None:
    said = ["Oslo", "I do not know.", " "]
    items = [AnswerItem(question="?", gold="Lisbon", prediction=one) for one in said]
    assert [one.satisfied for one in LenientJudge().judge(items)] == [True, False, False]


def test_judges_that_err_do_not_say_so() -> None:
    assert StrictJudge().identity == LenientJudge().identity == usual_judge().identity


def test_a_lenient_judge_lets_a_wrong_answer_pass(bench: Bench, tmp_path: Path) -> None:
    recipe = holding(bench, "lenient_judge")
    drawn = bench.draw(recipe)
    assert drawn.staging is not None
    assert drawn.staging.defects
    episode = bench.record(
        tmp_path / "trace.db", recipe, drawn.question, defects=drawn.defects,
        judge=drawn.staging.judge,
    )  # fmt: skip
    item = AnswerItem(question="?", gold=drawn.asked.answer, prediction=episode.prediction)
    assert usual_judge().judge([item])[0].satisfied is False, episode
    assert episode.verdict.satisfied is True
