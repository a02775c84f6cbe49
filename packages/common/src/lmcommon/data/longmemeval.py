"""LongMemEval: one question over a long chat history, in the official and in a re-laid layout.

Wu et al., ICLR 2025, arXiv 2410.10813 (MIT). One row is one question, hence one conversation with
one question. Also the judged logs of published runs (`read_runs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

from lmcommon.data.files import read_rows
from lmcommon.data.rows import Row
from lmcommon.data.times import parse_time
from lmcommon.data.types import Conversation, Question, Session, Turn

__all__ = ["JudgedAnswer", "parse_longmemeval", "read_runs"]

_DOUBTED = {
    "eac54add": "evidence session", "370a8ff4": "gold answer", "gpt4_88806d6e": "gold answer",
    "9aaed6a3": "dates", "gpt4_f420262d": "dates",
}  # fmt: skip
"""Questions whose labels are reported wrong upstream, and what is wrong."""


def parse_longmemeval(row: Row) -> Conversation:
    """Read one question with its history.

    In the official layout evidence is the turns marked `has_answer`, or, where none is marked,
    the sessions of `answer_session_ids`. An abstention question has the answer None; what the
    data set says instead is in the metadata as `reference`.
    """
    return _official(row) if "haystack_sessions" in row.value else _relaid(row)


def _official(row: Row) -> Conversation:
    name = row.text("question_id")
    warnings: list[str] = []
    sessions, marked = _haystack(row, warnings)
    wanted = row.texts("answer_session_ids")
    have = {session.id for session in sessions}
    warnings += [f"answer session {one!r} is not in the haystack" for one in wanted
                 if one not in have]  # fmt: skip
    found = tuple(one for one in wanted if one in have)
    reference = row.scalar_text("answer")
    is_abstention = name.endswith("_abs")
    metadata: dict[str, object] = {"reference": reference, "answer_session_ids": list(wanted)}
    if name in _DOUBTED:
        metadata["label_doubt"] = _DOUBTED[name]
    question = Question(
        id=name,
        text=row.text("question"),
        answer=None if is_abstention else reference,
        evidence=marked or found,
        evidence_unit="turn" if marked else "session",
        category=row.text("question_type"),
        time=_time(row.text("question_date"), "question_date", warnings),
        metadata=metadata,
    )
    return Conversation(
        id=name, sessions=sessions, questions=(question,), source="longmemeval",
        warnings=tuple(warnings),
    )  # fmt: skip


def _time(text: str, what: str, warnings: list[str]) -> datetime | None:
    time = parse_time(text)
    if time is None:
        warnings.append(f"{what}: time {text!r} not understood")
    return time


def _haystack(row: Row, warnings: list[str]) -> tuple[tuple[Session, ...], tuple[str, ...]]:
    """The sessions in order of time, and the ids of the turns marked as evidence."""
    ids, dates = row.texts("haystack_session_ids"), row.texts("haystack_dates")
    talks = row.lists("haystack_sessions")
    if not len(ids) == len(dates) == len(talks):
        raise row.error(
            "expected haystack_session_ids, haystack_dates and haystack_sessions of the same "
            f"length, got {len(ids)}, {len(dates)} and {len(talks)}",
            "haystack_sessions",
        )
    sessions: dict[str, Session] = {}
    marked = []
    for name, date, talk in zip(ids, dates, talks, strict=True):
        unique = _unique(name, sessions, warnings)
        turns = tuple(_turn(turn, f"{unique}:{i}") for i, turn in enumerate(talk, start=1))
        marked += [turn.id for turn, raw in zip(turns, talk, strict=True) if _is_evidence(raw)]
        sessions[unique] = Session(
            id=unique, turns=turns, time=_time(date, name, warnings), time_text=date
        )
    return _in_order(list(sessions.values()), warnings), tuple(marked)


def _unique(name: str, taken: dict[str, Session], warnings: list[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}#{number}" in taken:
        number += 1
    warnings.append(f"session {name!r} occurs again; called {name}#{number}")
    return f"{name}#{number}"


def _is_evidence(turn: Row) -> bool:
    return turn.has("has_answer") and turn.boolean("has_answer")


def _in_order(sessions: list[Session], warnings: list[str]) -> tuple[Session, ...]:
    """Sort by time if every time is known: a memory must not learn the new before the old."""
    times = [session.time for session in sessions]
    if all(time is not None for time in times):
        ordered = sorted(sessions, key=lambda session: session.time or datetime.min)
        if ordered != sessions:
            warnings.append("the sessions of the file are not in order of time; sorted")
        return tuple(ordered)
    return tuple(sessions)


def _turn(row: Row, name: str) -> Turn:
    return Turn(id=name, speaker=row.text("role"), text=row.text("content"))


def _relaid(row: Row) -> Conversation:
    """Turns with a date each; a session is a run of turns of one date."""
    name = row.text("id")
    warnings: list[str] = []
    sessions = []
    runs = groupby(row.rows("conversation"), key=lambda turn: turn.text("date"))
    for number, (date, turns) in enumerate(runs, start=1):
        session = f"session_{number}"
        sessions.append(
            Session(
                id=session,
                turns=tuple(_turn(t, f"{session}:{i}") for i, t in enumerate(turns, start=1)),
                time=_time(date, session, warnings),
                time_text=date,
            )
        )
    kind = row.text("question_type")
    return Conversation(
        id=name,
        sessions=_in_order(sessions, warnings),
        questions=tuple(_relaid_question(q, name, kind) for q in row.rows("questions")),
        source="longmemeval",
        warnings=tuple(warnings),
    )


def _relaid_question(row: Row, conversation: str, kind: str) -> Question:
    reference = row.scalar_text("answer")
    is_abstention = row.has("is_abstention") and row.boolean("is_abstention")
    is_abstention = is_abstention or conversation.endswith("_abs")
    return Question(
        id=f"{conversation}:{row.text('id')}",
        text=row.text("question"),
        answer=None if is_abstention else reference,
        category=kind,
        metadata={"reference": reference},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAnswer:
    """One line of a published run: an answer and what a model judge said of it.

    Example: `JudgedAnswer(question_id="118b2229", answer="45 minutes", is_correct=True)`
    """

    question_id: str
    answer: str
    is_correct: bool
    """The verdict of a model judge, not truth."""
    prompt: str | None = None
    question: str | None = None
    reference: str | None = None
    category: str | None = None
    answer_session_ids: tuple[str, ...] = ()
    retrieval: dict[str, object] | None = None
    """Published retrieval analysis: ranks of the evidence, what was missed."""


def read_runs(path: str | Path) -> Iterator[JudgedAnswer]:
    """Read a judged run, or a file of failures, line by line."""
    for row in read_rows(path):
        if row.has("autoeval_label"):
            label = row.row("autoeval_label").boolean("label")
            yield JudgedAnswer(
                question_id=row.text("question_id"), answer=row.text("hypothesis"),
                is_correct=label, prompt=row.text_or("prompt") or None,
            )  # fmt: skip
        else:
            yield _failure(row)


def _failure(row: Row) -> JudgedAnswer:
    retrieval = row.row("retrieval_analysis").value if row.has("retrieval_analysis") else None
    return JudgedAnswer(
        question_id=row.text("question_id"),
        answer=row.text("llm_output"),
        is_correct=row.boolean("is_correct"),
        prompt=row.text_or("prompt") or None,
        question=row.text("question"),
        reference=row.scalar_text("correct_answer"),
        category=row.text("question_type"),
        answer_session_ids=row.texts("answer_session_ids"),
        retrieval=None if retrieval is None else dict(retrieval),
    )
