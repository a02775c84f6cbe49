"""LoCoMo: every trap of the format, on small hand-made rows."""

from __future__ import annotations

import copy
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data import Conversation, load_conversations
from lmcommon.data.locomo import parse_locomo, read_audit
from lmcommon.data.rows import Row
from lmcommon.errors import DataError

ROW: dict[str, Any] = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ana",
        "speaker_b": "Ben",
        "session_2_date_time": "12:05 am on 1 March, 2024",
        "session_2": [{"speaker": "Ben", "dia_id": "D2:1", "text": "Late."}],
        "session_1_date_time": "1:56 pm on 29 February, 2024",
        "session_1": [
            {"speaker": "Ana", "dia_id": "D1:1", "text": "Look!", "blip_caption": "a red kite",
             "img_url": ["http://example.org/kite.png"], "query": "kite"},
            {"speaker": "Ben", "dia_id": "D1:2", "text": "Nice."},
        ],
        "session_10_date_time": "2:00 pm on 2 March, 2024",
        "session_11_date_time": "2:00 pm on 3 March, 2024",
        "session_10": [{"speaker": "Ana", "dia_id": "D10:1", "text": "Bye."}],
    },
    "qa": [
        {"question": "What?", "answer": "a kite", "evidence": ["D1:1"], "category": 4},
        {"question": "How many?", "answer": 2022, "evidence": ["D1:1; D1:2"], "category": 1},
        {"question": "Who?", "adversarial_answer": "Ben", "evidence": [], "category": 5},
        {"question": "Yes?", "answer": "No", "adversarial_answer": "Yes", "evidence": ["D2:1"],
         "category": 5},
        {"question": "Odd?", "answer": "x", "evidence": ["D:1:2", "D9:9", "D01:02"],
         "category": 2},
    ],
}  # fmt: skip


def parsed(**changes: Any) -> Conversation:
    return parse_locomo(Row({**copy.deepcopy(ROW), **changes}, "f.json", 0))


def test_sessions_are_in_order_of_number_and_dates_without_session_are_skipped() -> None:
    assert [s.id for s in parsed().sessions] == ["session_1", "session_2", "session_10"]


def test_numbers_too_long_to_be_numbers_are_no_ids() -> None:
    long = "1" * 5000
    talk = {**ROW["conversation"], f"session_{long}": []}
    question = {"question": "?", "answer": "x", "evidence": [f"D{long}:1"], "category": 2}
    row = parsed(conversation=talk, qa=[question])
    assert len(row.sessions) == 3
    assert "names no turn" in row.warnings[-1]


def test_times() -> None:
    assert [s.time for s in parsed().sessions] == [
        datetime(2024, 2, 29, 13, 56), datetime(2024, 3, 1, 0, 5), datetime(2024, 3, 2, 14, 0),
    ]  # fmt: skip
    assert parsed().sessions[0].time_text == "1:56 pm on 29 February, 2024"


def test_an_unreadable_time_is_a_warning() -> None:
    talk = {**ROW["conversation"], "session_1_date_time": "31 February"}
    conversation = parsed(conversation=talk)
    assert conversation.sessions[0].time is None
    assert "session_1: time '31 February' not understood" in conversation.warnings


def test_caption_is_part_of_the_content() -> None:
    turn = parsed().sessions[0].turns[0]
    assert turn.caption == "a red kite"
    assert "a red kite" in turn.content
    assert turn.metadata["img_url"] == ["http://example.org/kite.png"]


def test_number_answers_become_text() -> None:
    assert parsed().questions[1].answer == "2022"


def test_category_5_without_answer_asks_for_abstention() -> None:
    question = parsed().questions[2]
    assert (question.answer, question.category) == (None, "adversarial")
    assert question.metadata["adversarial_answer"] == "Ben"


def test_category_5_with_answer_keeps_it() -> None:
    assert parsed().questions[3].answer == "No"


def test_joined_evidence_is_split_with_a_warning() -> None:
    conversation = parsed()
    assert conversation.questions[1].evidence == ("D1:1", "D1:2")
    assert any("conv-1:qa1" in w and "split" in w for w in conversation.warnings)


def test_evidence_that_names_no_turn_is_left_out_and_noted() -> None:
    conversation = parsed()
    question = conversation.questions[4]
    assert question.evidence == ("D1:2",)
    assert question.metadata["evidence_as_written"] == ["D:1:2", "D9:9", "D01:02"]
    noted = [w for w in conversation.warnings if w.startswith("conv-1:qa4")]
    assert len(noted) == 3, noted


@pytest.mark.parametrize(
    ("qa", "field"),
    [
        ({"question": "?", "evidence": [], "category": 4}, "qa[0].answer"),
        ({"question": "?", "evidence": [], "category": 6, "answer": "a"}, "qa[0].category"),
        ({"question": "?", "evidence": [], "category": True, "answer": "a"}, "qa[0].category"),
        ({"question": "?", "evidence": "D1:1", "category": 4, "answer": "a"}, "qa[0].evidence"),
        ({"question": "?", "evidence": [3], "category": 4, "answer": "a"}, "qa[0].evidence[0]"),
        ({"question": None, "evidence": [], "category": 4, "answer": "a"}, "qa[0].question"),
        ({"question": "?", "evidence": [], "category": 4, "answer": ["a"]}, "qa[0].answer"),
    ],
)
def test_a_malformed_question_names_file_row_and_field(qa: dict[str, Any], field: str) -> None:
    with pytest.raises(DataError) as caught:
        parsed(qa=[qa])
    assert (caught.value.path, caught.value.row, caught.value.field) == ("f.json", 0, field)


def test_the_same_turn_id_twice_is_an_error() -> None:
    talk = {**ROW["conversation"], "session_2": ROW["conversation"]["session_1"]}
    with pytest.raises(DataError, match="unique turn ids"):
        parsed(conversation=talk)


def test_the_same_conversation_twice_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    path.write_text(json.dumps([ROW, ROW]), encoding="utf-8")
    with pytest.raises(DataError, match=r"row 1: expected unique ids; 'conv-1' came before"):
        load_conversations("locomo", path)


def test_audit_points_at_our_question_ids(tmp_path: Path) -> None:
    path = tmp_path / "errors.json"
    row = {"question_id": "locomo_2_qa7", "error_type": "AMBIGUOUS", "correct_answer": 3,
           "correct_evidence": ["D1:1"], "reasoning": "r"}  # fmt: skip
    path.write_text(json.dumps([row]), encoding="utf-8")
    (fault,) = read_audit(path)
    assert (fault.question_id, fault.correct_answer) == ("conv-41:qa7", "3")


def test_audit_with_another_id_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "errors.json"
    path.write_text(json.dumps([{"question_id": "locomo_10_qa1"}]), encoding="utf-8")
    with pytest.raises(DataError, match="question_id"):
        read_audit(path)
