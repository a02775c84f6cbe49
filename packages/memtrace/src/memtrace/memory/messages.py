"""Sessions and questions as variables of the trace."""

from __future__ import annotations

from lmcommon.data.types import Session
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.tracing import variable
from memtrace.memory.rendering import Line, lines_of
from memtrace.memory.types import Query

__all__ = ["record_messages", "record_query"]


def record_messages(session: Session) -> list[tuple[Line, Handle[str]]]:
    """One message variable a turn, named by the turn's id."""
    return [
        (
            line,
            variable(line.dated, kind="message", name=line.turn, metadata={"session": session.id}),
        )
        for line in lines_of(session)
    ]


def record_query(query: Query) -> Handle[str]:
    """The question variable, named by the question's id."""
    metadata = {"time": query.time.isoformat()} if query.time else None
    return variable(query.text, kind="question", name=query.id or None, metadata=metadata)
