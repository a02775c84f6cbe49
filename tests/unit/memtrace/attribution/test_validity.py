"""The validity gate: which failures are real, and why the others are not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import memtrace
from lmcommon.llm.base import ChatModel
from lmcommon.llm.scripted import ScriptedModel
from memtrace.attribution import Attribution, Question, ValidityStage, Verdict, examine
from memtrace.attribution.second_opinion import EvidenceJudge, Judges

MOVED = "[8 November 2024] Ana: I moved to Lisbon, not to Porto."
SIZE = "[9 November 2024] Bo: For the bowling shoes: I wear size 39."
OTHER = "[9 November 2024] Ana: For the bowling shoes: I wear size 41."


def gate(
    path: Path, prediction: str, gold: str | None, *, messages: Sequence[str] = (MOVED,),
    evidence: Sequence[str] | None = ("D1",), judged: bool | None = False, is_live: bool = False,
    question: str = "Where does Ana live?", stage: ValidityStage | None = None,
) -> Attribution:  # fmt: skip
    """What the gate makes of an answer from a window that holds everything."""
    with memtrace.record(path):
        said = [
            memtrace.variable(text, kind="message", name=f"D{n}")
            for n, text in enumerate(messages, 1)
        ]
        asked = memtrace.variable(question, kind="question")
        with memtrace.step("reply", kind="answer", inputs={"said": said, "q": asked}) as op:
            answer = op.output("answer", prediction, kind="answer")
    assert answer.id is not None
    with memtrace.open(path) as trace:
        known = Question(
            answer=answer.id, gold=gold, judged=judged, is_live=is_live,
            evidence=None if evidence is None else tuple(evidence),
        )  # fmt: skip
        return examine(trace, known, [stage or ValidityStage()])


@pytest.mark.parametrize(
    ("prediction", "gold", "judged", "verdict"),
    [
        ("She lives in Lisbon", "Lisbon", False, Verdict.JUDGE),
        ("She lives in Lisbon", "Lisbon", None, Verdict.JUDGE),
        ("She lives in Lisbon", "Lisbon", True, Verdict.NO_FAILURE),
        ("Madrid", "Lisbon", True, Verdict.JUDGE),
        ("I do not know.", "Lisbon", True, Verdict.JUDGE),
        ("Madrid", "Lisbon", False, Verdict.ABSTAINED),
        ("Lisbon", "Porto", False, Verdict.ANNOTATION),
        ("Lisbon", "Madrid", False, Verdict.ANNOTATION),
        ("I do not know.", None, False, Verdict.JUDGE),
        ("I do not know.", None, True, Verdict.NO_FAILURE),
    ],
)
def test_what_the_gate_makes_of_an_answer(
    prediction: str, gold: str | None, judged: bool | None, verdict: Verdict, tmp_path: Path
) -> None:
    found = gate(tmp_path / "t.db", prediction, gold, judged=judged)
    assert found.verdict is verdict, found.log


def test_a_closed_case_says_why_in_one_sentence(tmp_path: Path) -> None:
    found = gate(tmp_path / "t.db", "Lisbon", "Madrid")
    assert "D1" in found.reason, found
    assert "'Madrid'" in found.reason, found


def test_a_gold_answer_said_of_somebody_else_is_wrong(tmp_path: Path) -> None:
    found = gate(
        tmp_path / "t.db", "39", "41", messages=[SIZE, OTHER], evidence=["D1", "D2"],
        question="What is Bo's shoe size?",
    )  # fmt: skip
    assert found.verdict is Verdict.ANNOTATION, found.log


def test_an_answer_of_another_person_is_ambiguous_where_nobody_is_named(tmp_path: Path) -> None:
    found = gate(
        tmp_path / "t.db", "41", "39", messages=[SIZE, OTHER], evidence=["D1"],
        question="What size of bowling shoes is it?",
    )  # fmt: skip
    assert (found.verdict, found.reason[:9]) == (Verdict.ANNOTATION, "ambiguous"), found.log


def test_an_answer_of_another_person_is_no_ambiguity_where_one_is_named(tmp_path: Path) -> None:
    found = gate(
        tmp_path / "t.db", "41", "39", messages=[SIZE, OTHER], evidence=["D1"],
        question="What is Bo's shoe size?",
    )  # fmt: skip
    assert found.verdict is not Verdict.ANNOTATION, found.log


def test_a_label_that_cites_nothing_and_that_nobody_said_is_unanswerable(tmp_path: Path) -> None:
    found = gate(tmp_path / "t.db", "I do not know.", "Madrid", evidence=[])
    assert (found.verdict, found.reason[:12]) == (Verdict.ANNOTATION, "unanswerable"), found.log


def test_a_turn_in_which_another_speaks_of_himself_is_no_evidence(tmp_path: Path) -> None:
    found = gate(
        tmp_path / "t.db", "Oslo", "39", messages=[SIZE, OTHER], question="What is Ana's size?"
    )
    assert found.verdict is Verdict.ANNOTATION, found.log


def test_the_end_of_a_thing_makes_yes_a_wrong_gold_answer(tmp_path: Path) -> None:
    found = gate(
        tmp_path / "t.db", "No", "yes", question="Does Ana still use the code?",
        messages=["[8 May 2024] Ana: Please forget the code, I removed the keypad."],
    )  # fmt: skip
    assert found.verdict is Verdict.ANNOTATION, found.log


def test_a_live_case_is_not_compared(tmp_path: Path) -> None:
    found = gate(tmp_path / "t.db", "Lisbon", None, evidence=None, is_live=True)
    assert "no gold answer" in " ".join(found.log), found.log


def judges(lenient: str, strict: str) -> ValidityStage:
    """A gate with two judges who always say the same."""

    def model(reply: str) -> ChatModel:
        return ScriptedModel(lambda _: reply, name="judge")

    left, right = (Judges.of(model(reply)) for reply in (lenient, strict))
    return ValidityStage(Judges(left.lenient, right.strict))


YES = '{"reason": "fine", "satisfied": true}'
NO = '{"reason": "wrong", "satisfied": false}'
UNSURE = {"prediction": "by the river in the big town", "gold": "a town on the river Tejo"}


@pytest.mark.parametrize(
    ("lenient", "strict", "verdict"),
    [
        (YES, YES, Verdict.JUDGE), (NO, NO, Verdict.ABSTAINED), (YES, NO, Verdict.ABSTAINED),
        ("gibberish", YES, Verdict.ABSTAINED),
    ],
)  # fmt: skip
def test_two_judges_decide_only_together(
    lenient: str, strict: str, verdict: Verdict, tmp_path: Path
) -> None:
    found = gate(tmp_path / "t.db", **UNSURE, stage=judges(lenient, strict))  # type: ignore[arg-type]
    assert found.verdict is verdict, found.log


def test_judges_are_not_asked_where_the_program_is_sure(tmp_path: Path) -> None:
    stage = ValidityStage(Judges.of(ScriptedModel({"": YES})))
    found = gate(tmp_path / "t.db", "Lisbon", "Lisbon", stage=stage)
    assert found.cost is not None
    assert found.cost["model_calls"] == 0, found.cost


def test_what_the_judges_took_is_counted(tmp_path: Path) -> None:
    stage = ValidityStage(Judges.of(ScriptedModel({"": YES})))
    found = gate(tmp_path / "t.db", **UNSURE, stage=stage)  # type: ignore[arg-type]
    assert found.cost is not None
    assert found.cost["model_calls"] == 2, found.cost


def test_a_model_may_say_that_the_gold_answer_does_not_follow(tmp_path: Path) -> None:
    model = ScriptedModel(lambda request: NO if "abroad" in str(request) else YES, name="evidence")
    found = gate(
        tmp_path / "t.db", "in the south of Europe", "somewhere abroad",
        stage=ValidityStage(evidence=EvidenceJudge(model)),
    )  # fmt: skip
    assert found.verdict is Verdict.ANNOTATION, found.log
