"""The list of questions of traces of many origins."""

from __future__ import annotations

from pathlib import Path

import memtrace
from memtrace.viewing.questions import AskedAnswer, asked_behind, read_asked


def asked(path: Path) -> list[AskedAnswer]:
    with memtrace.open(path) as trace:
        return read_asked(trace)


def test_an_answer_nobody_judged_is_unscored(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        question = memtrace.variable("Where?", kind="question", name="q1")
        with memtrace.step("answer", kind="answer", inputs={"question": question}) as op:
            made = op.output("answer", "Lisbon", kind="answer")
    (found,) = asked(tmp_path / "t.db")
    assert (found.answer, found.verdict, found.question_id) == (made.id, "unscored", "q1")
    assert not found.has_gold


def test_verdicts_of_several_shapes(tmp_path: Path) -> None:
    said = [True, False, {"satisfied": True}, {"satisfied": False}, {"satisfied": None}, None, "no"]
    with memtrace.record(tmp_path / "t.db"):
        for verdict in said:
            with memtrace.step("answer", kind="answer") as op:
                answer = op.output("answer", "Lisbon", kind="answer")
            with memtrace.step("judge", kind="judge", inputs={"answer": answer}) as op:
                op.output("verdict", verdict, kind="verdict")
    assert [one.verdict for one in asked(tmp_path / "t.db")] == [
        "right", "wrong", "right", "wrong", "unscored", "unscored", "unscored",
    ]  # fmt: skip


def test_the_judge_that_knew_the_right_answer_counts(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        with memtrace.step("answer", kind="answer") as op:
            answer = op.output("reply", "Porto", kind="answer")
        gold = memtrace.variable("Lisbon", name="q7", metadata={"category": "where"})
        for inputs, verdict in (({}, True), ({"gold": gold}, False), ({}, True)):
            with memtrace.step("j", kind="judge", inputs={"answer": answer, **inputs}) as op:
                op.output("verdict", verdict, kind="verdict")
    (found,) = asked(tmp_path / "t.db")
    assert (found.verdict, found.question_id, found.category) == ("wrong", "q7", "where")
    assert found.gold == gold.id


def test_the_question_is_found_behind_a_prompt(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        question = memtrace.variable("Where?", kind="question")
        other = memtrace.variable("When?", kind="question")
        with memtrace.step("old", inputs={"question": other}) as op:
            note = op.output("note", "x")
        with memtrace.step("render", inputs={"question": question, "note": note}) as op:
            prompt = op.output("prompt", "Where? x", kind="prompt")
        with memtrace.step("answer", kind="answer", inputs={"prompt": prompt}) as op:
            answer = op.output("answer", "Lisbon", kind="answer")
        with memtrace.step("answer", kind="answer") as op:
            alone = op.output("answer", "Lisbon", kind="answer")
    with memtrace.open(tmp_path / "t.db") as trace:
        assert asked_behind(trace, answer.id or "") == question.id
        assert asked_behind(trace, alone.id or "") is None


def test_an_answer_that_came_from_outside_is_listed(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        answer = memtrace.variable("Lisbon", kind="answer")
        with memtrace.step("judge", kind="judge", inputs={"answer": answer}) as op:
            op.output("verdict", False, kind="verdict")
    (found,) = asked(tmp_path / "t.db")
    assert (found.answer, found.operation, found.verdict) == (answer.id, None, "wrong")
    with memtrace.view(tmp_path / "t.db") as page:
        assert page.url.startswith("http://127.0.0.1:")
