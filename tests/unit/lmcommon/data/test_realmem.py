"""RealMem: queries inside running sessions, gold memories, odd fields."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lmcommon.data import Conversation
from lmcommon.data.realmem import parse_realmem
from lmcommon.data.rows import Row
from lmcommon.errors import DataError


def session(uuid: str, day: str, turns: list[dict[str, Any]], memory: Any = None) -> dict[str, Any]:
    memories = [] if memory is None else [{"type": "Dynamic", "content": memory}]
    return {"session_identifier": "P:S1", "session_uuid": uuid, "current_time": day,
            "dialogue_turns": turns, "extracted_memory": memories}  # fmt: skip


QUERY = [
    {"speaker": "User", "content": "hello"},
    {"speaker": "Assistant", "content": "hi", "is_query": False, "query_id": None},
    {"speaker": "User", "content": "where?", "is_query": True, "query_id": "Q-1", "topic": "t",
     "category_name": "Temporal-reasoning", "session_type": "single_session"},
    {"speaker": "Assistant", "content": "there", "is_query": False,
     "memory_used": [{"session_uuid": "aa", "content": "was there"}],
     "memory_session_uuids": ["aa"]},
]  # fmt: skip
ROW: dict[str, Any] = {
    "_metadata": {"person_name": "Ana"},
    "dialogues": [
        session("aa", "2025-12-16 (Tuesday)", [{"speaker": "User", "content": "I was there"}],
                "was there"),
        session("bb", "2025-12-15 (Monday)", QUERY, {"place": "there"}),
    ],
}  # fmt: skip


def parsed(edit: Any = None) -> Conversation:
    row = copy.deepcopy(ROW)
    if edit is not None:
        edit(row["dialogues"])
    return parse_realmem(Row(row, "f.json", 0))


def test_a_query_is_asked_before_its_own_turn() -> None:
    (question,) = parsed().questions
    assert (question.id, question.asked_in) == ("Ana:Q-1", "bb:3")
    assert question.answer == "there"
    assert (question.evidence, question.evidence_unit) == (("aa",), "session")
    assert question.metadata["gold_memories"] == [{"session": "aa", "content": "was there"}]


def test_the_order_of_the_list_stands_and_odd_dates_are_noted() -> None:
    conversation = parsed()
    assert [s.id for s in conversation.sessions] == ["aa", "bb"]
    assert "session bb: dated before an earlier session" in conversation.warnings


def test_a_memory_that_is_an_object_becomes_json_with_a_warning() -> None:
    conversation = parsed()
    assert conversation.metadata["memories"][1]["content"] == '{"place": "there"}'
    assert "session bb: a memory is an object, not a text" in conversation.warnings


def test_turns_without_is_query_are_no_queries() -> None:
    def edit(dialogues: list[Any]) -> None:
        del dialogues[1]["dialogue_turns"][2]["is_query"]

    assert parsed(edit).questions == ()


def test_evidence_of_a_later_session_is_left_out_and_noted() -> None:
    def edit(dialogues: list[Any]) -> None:
        dialogues[1]["dialogue_turns"][3]["memory_session_uuids"] = ["zz", "aa"]

    conversation = parsed(edit)
    assert conversation.questions[0].evidence == ("aa",)
    assert any("'zz' is not at or before the query" in w for w in conversation.warnings)


def test_a_query_without_reply_is_an_error() -> None:
    def edit(dialogues: list[Any]) -> None:
        dialogues[1]["dialogue_turns"].pop()

    with pytest.raises(DataError, match=r"dialogues\[1\]\.dialogue_turns\[2\]\.is_query"):
        parsed(edit)


def test_the_same_session_twice_is_an_error() -> None:
    def edit(dialogues: list[Any]) -> None:
        dialogues[0]["session_uuid"] = "bb"

    with pytest.raises(DataError, match="unique sessions"):
        parsed(edit)
