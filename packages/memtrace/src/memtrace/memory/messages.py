"""Sessions and questions as variables of the trace, and the operations that hold what they cause.

A trace can be replayed without its data set: `adding` and `asking` record whatever their calls
were given, and `memtrace.replay` reads it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lmcommon.data.types import Session, Turn
from memtrace.execution.places import Scope, within
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.tracing import current, variable
from memtrace.memory.rendering import Line, lines_of
from memtrace.memory.types import Query

__all__ = ["adding", "asking", "record_messages", "record_query"]


@contextmanager
def adding(scope: Scope, session: Session) -> Iterator[list[tuple[Line, Handle[str]]]]:
    """The operation `add`, around everything a session causes; gives its messages.

    Args:
        scope: Of the memory.
        session: What is added.
    """
    parameters = {
        "session": session.id, "turns": [turn.id for turn in session.turns],
        "time": session.time.isoformat() if session.time else None,
        "time_text": session.time_text,
    }  # fmt: skip
    with (
        within(f"add {session.id}", scope=scope, time=session.time),
        Stage("add", kind="ingest", parameters=parameters) as op,
    ):
        recorded = record_messages(session)
        op.input("messages", [message for _, message in recorded])
        yield recorded


@contextmanager
def asking(scope: Scope, queries: Sequence[Query], *, action: str = "answer") -> Iterator[None]:
    """The operation `ask`, around everything that a batch of questions causes.

    Args:
        scope: Of the memory.
        queries: What is asked.
        action: `answer`, or `search` where nothing is answered.
    """
    parameters = {"questions": [query.id or query.text for query in queries], "action": action}
    with within("", scope=scope), Stage("ask", kind="ask", parameters=parameters):
        yield


def record_messages(session: Session) -> list[tuple[Line, Handle[str]]]:
    """One message variable a turn, named by the turn's id; the turn as it came is beside it."""
    return [
        (line, variable(line.dated, kind="message", name=line.turn, metadata=_about(session, turn)))
        for line, turn in zip(lines_of(session), session.turns, strict=True)
    ]


def record_query(query: Query) -> Handle[str]:
    """The question variable, named by the question's id."""
    metadata = {"time": query.time.isoformat()} if query.time else None
    made = variable(query.text, kind="question", name=query.id or None, metadata=metadata)
    around = current()
    if isinstance(around, Stage) and around.place is not None and around.place.path[:4] == "ask#":
        around.input("questions", made)
    return made


def _about(session: Session, turn: Turn) -> dict[str, Any]:
    said: dict[str, Any] = {"speaker": turn.speaker, "text": turn.text}
    if turn.caption is not None:
        said["caption"] = turn.caption
    if turn.metadata:
        said["metadata"] = dict(turn.metadata)
    return {"session": session.id, "turn": said}
