"""LongMemEval: both layouts, abstention, evidence, order of time; judged runs."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data import Conversation
from lmcommon.data.longmemeval import parse_longmemeval, read_runs
from lmcommon.data.rows import Row
from lmcommon.errors import DataError


def turn(content: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


OFFICIAL: dict[str, Any] = {
    "question_id": "q1",
    "question_type": "knowledge-update",
    "question": "How many?",
    "answer": 3,
    "question_date": "2023/06/01 (Thu) 00:58",
    "haystack_session_ids": ["s_b", "answer_a"],
    "haystack_dates": ["2023/05/27 (Sat) 10:20", "2023/05/25 (Thu) 20:21"],
    "haystack_sessions": [
        [turn("hello"), turn("hi", has_answer=False)],
        [turn("three of them", has_answer=True)],
    ],
    "answer_session_ids": ["answer_a"],
}


def parsed(**changes: Any) -> Conversation:
    return parse_longmemeval(Row({**OFFICIAL, **changes}, "f.json", 0))


def test_number_answers_become_text() -> None:
    assert parsed().questions[0].answer == "3"


def test_marked_turns_are_the_evidence() -> None:
    question = parsed().questions[0]
    assert (question.evidence, question.evidence_unit) == (("answer_a:1",), "turn")


def test_without_marks_the_answer_sessions_are_the_evidence() -> None:
    talks = [[turn("hello")], [turn("three")]]
    question = parsed(haystack_sessions=talks).questions[0]
    assert (question.evidence, question.evidence_unit) == (("answer_a",), "session")


def test_an_answer_session_that_is_missing_is_a_warning() -> None:
    conversation = parsed(answer_session_ids=["answer_z"])
    assert "answer session 'answer_z' is not in the haystack" in conversation.warnings


def test_sessions_come_in_order_of_time() -> None:
    conversation = parsed()
    assert [s.id for s in conversation.sessions] == ["answer_a", "s_b"]
    assert conversation.sessions[0].time == datetime(2023, 5, 25, 20, 21)
    assert "not in order of time" in conversation.warnings[0]


def test_question_time() -> None:
    assert parsed().questions[0].time == datetime(2023, 6, 1, 0, 58)


def test_abstention_has_no_answer_but_keeps_the_reference() -> None:
    question = parsed(question_id="q1_abs", answer="You never said.").questions[0]
    assert question.answer is None
    assert question.metadata["reference"] == "You never said."


def test_a_repeated_session_id_gets_a_name_of_its_own() -> None:
    conversation = parsed(haystack_session_ids=["s", "s"], answer_session_ids=["s"])
    assert sorted(s.id for s in conversation.sessions) == ["s", "s#2"]
    assert len({t.id for t in conversation.turns}) == 3


def test_three_lists_of_different_length_are_an_error() -> None:
    with pytest.raises(DataError, match="same length, got 2, 1 and 2"):
        parsed(haystack_dates=["2023/05/27 (Sat) 10:20"])


def test_a_question_reported_upstream_says_so() -> None:
    assert parsed(question_id="370a8ff4").questions[0].metadata["label_doubt"] == "gold answer"


RELAID: dict[str, Any] = {
    "id": "multi-x1",
    "question_type": "multi-session",
    "conversation": [
        turn("a", date="2023/05/20 (Sat) 07:34"),
        turn("b", date="2023/05/20 (Sat) 07:34"),
        turn("c", date="2023/05/21 (Sun) 09:00"),
    ],
    "questions": [{"id": "q1", "question": "?", "answer": 7}],
}


def test_relaid_sessions_are_runs_of_one_date() -> None:
    conversation = parse_longmemeval(Row(RELAID, "f.json", 0))
    assert [len(s.turns) for s in conversation.sessions] == [2, 1]
    assert conversation.questions[0].id == "multi-x1:q1"
    assert conversation.questions[0].answer == "7"


def test_relaid_abstention() -> None:
    asked = [{"id": "q1", "question": "?", "answer": "never said", "is_abstention": True}]
    conversation = parse_longmemeval(Row({**RELAID, "questions": asked}, "f.json", 0))
    assert conversation.questions[0].answer is None


def test_judged_rows_and_failures(tmp_path: Path) -> None:
    rows = [
        {"question_id": "a", "hypothesis": "h", "autoeval_label": {"label": True}},
        {"question_id": "b", "question": "?", "question_type": "t", "correct_answer": 5,
         "llm_output": "o", "is_correct": False, "answer_session_ids": ["s"],
         "retrieval_analysis": {"recall@50": 0.5}},
    ]  # fmt: skip
    path = tmp_path / "run.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    judged, failed = read_runs(path)
    assert (judged.is_correct, judged.prompt, judged.reference) == (True, None, None)
    assert (failed.is_correct, failed.reference) == (False, "5")
    assert failed.retrieval == {"recall@50": 0.5}
