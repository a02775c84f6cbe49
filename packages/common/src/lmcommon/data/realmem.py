"""RealMem: one persona, some two hundred sessions with an assistant, queries inside them.

RealMemBench, arXiv 2601.06966 (Apache-2.0). One file is one persona, hence one conversation. A
query is asked inside a running session: `Question.asked_in` names the turn that asks it, and a
memory system may see only what came before that turn.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from lmcommon.data.rows import Row
from lmcommon.data.times import parse_time
from lmcommon.data.types import Conversation, Question, Session, Turn

__all__ = ["parse_realmem"]


def parse_realmem(row: Row) -> Conversation:
    """Read one persona. Turns get the ids `<session_uuid>:<place from 1>`.

    The answer is the reference reply of the assistant (one of many good ones); evidence are the
    sessions of `memory_session_uuids`, and the gold memories are in the metadata.
    """
    name = row.row("_metadata").text("person_name")
    warnings: list[str] = []
    sessions: list[Session] = []
    questions: list[Question] = []
    memories: list[dict[str, Any]] = []
    known: set[str] = set()
    latest: datetime | None = None
    for part in row.rows("dialogues"):
        session = _session(part, warnings)
        if session.id in known:
            raise part.error(f"expected unique sessions; {session.id!r} came before",
                             "session_uuid")  # fmt: skip
        known.add(session.id)
        if session.time is not None and latest is not None and session.time < latest:
            warnings.append(f"session {session.id}: dated before an earlier session")
        latest = max(filter(None, (latest, session.time)), default=None)
        sessions.append(session)
        questions += _questions(part, session, name, known, warnings)
        memories += [_memory(one, session.id, warnings) for one in part.rows("extracted_memory")]
    return Conversation(
        id=name,
        sessions=tuple(sessions),
        questions=tuple(questions),
        source="realmem",
        warnings=tuple(warnings),
        metadata={"memories": memories},
    )


def _session(part: Row, warnings: list[str]) -> Session:
    name, when = part.text("session_uuid"), part.text("current_time")
    time = parse_time(when)
    if time is None:
        warnings.append(f"session {name}: time {when!r} not understood")
    turns = tuple(
        Turn(id=f"{name}:{place}", speaker=turn.text("speaker"), text=turn.text("content"))
        for place, turn in enumerate(part.rows("dialogue_turns"), start=1)
    )
    return Session(id=name, turns=turns, time=time, time_text=when)


def _questions(
    part: Row, session: Session, persona: str, known: set[str], warnings: list[str]
) -> list[Question]:
    turns = part.rows("dialogue_turns")
    questions = []
    for place, turn in enumerate(turns):
        is_query = turn.has("is_query") and turn.boolean("is_query")
        if not is_query or turn.text("speaker") != "User":
            continue
        if place + 1 == len(turns) or turns[place + 1].text("speaker") != "Assistant":
            raise turn.error("expected the assistant's reference reply after a query", "is_query")
        questions.append(
            _question(turn, turns[place + 1], session, place, persona, known, warnings)
        )
    return questions


def _question(
    turn: Row, reply: Row, session: Session, place: int, persona: str, known: set[str],
    warnings: list[str],
) -> Question:  # fmt: skip
    name = f"{persona}:{turn.text('query_id')}"
    wanted = reply.texts("memory_session_uuids") if reply.has("memory_session_uuids") else ()
    for missing in (one for one in wanted if one not in known):
        warnings.append(f"{name}: evidence session {missing!r} is not at or before the query")
    gold = reply.rows("memory_used") if reply.has("memory_used") else []
    return Question(
        id=name,
        text=turn.text("content"),
        answer=reply.text("content"),
        evidence=tuple(one for one in wanted if one in known),
        evidence_unit="session",
        category=turn.text_or("category_name"),
        time=session.time,
        asked_in=session.turns[place].id,
        metadata={
            "topic": turn.text_or("topic"),
            "session_type": turn.text_or("session_type"),
            "gold_memories": [
                {"session": one.text("session_uuid"), "content": _content(one, name, warnings)}
                for one in gold
            ],
        },
    )


def _memory(one: Row, session: str, warnings: list[str]) -> dict[str, Any]:
    """A memory that the data set's authors extracted."""
    return {
        "session": session,
        "kind": one.text_or("type"),
        "content": _content(one, f"session {session}", warnings),
    }


def _content(one: Row, where: str, warnings: list[str]) -> str:
    """A memory's text; an object in its place is written as JSON and noted."""
    value = one.value.get("content")
    if isinstance(value, (dict, list)):
        warnings.append(f"{where}: a memory is an object, not a text")
        return json.dumps(value, ensure_ascii=False)
    return one.text("content")
