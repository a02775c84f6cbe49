"""When each question is asked: a memory may have seen only what came earlier.

In: a conversation. Out: `Stage`s, each a part of the history to take in and the questions to ask
once it was. A question asked before a turn (`asked_in`) cuts that session in two; one asked at a
time comes before the first session that took place later; all others come at the end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lmcommon.data.types import Conversation, Question, Session

__all__ = ["Stage", "schedule", "turns_before"]


@dataclass(frozen=True, slots=True)
class Stage:
    """Sessions (or parts of them) to take in, then questions to ask."""

    sessions: tuple[Session, ...]
    questions: tuple[Question, ...]


def schedule(
    conversation: Conversation, questions: Sequence[Question] | None = None
) -> Iterator[Stage]:
    """Order the history and the questions (all of the conversation's, or those given)."""
    asked: dict[int, list[Question]] = defaultdict(list)
    for question in conversation.questions if questions is None else questions:
        asked[turns_before(conversation, question)].append(question)
    seen = 0
    for position in sorted(asked):
        yield Stage(tuple(_between(conversation, seen, position)), tuple(asked[position]))
        seen = position


def turns_before(conversation: Conversation, question: Question) -> int:
    """How many turns of the conversation came before the question.

    Raises:
        ValueError: `asked_in` names no turn of the conversation.
    """
    if question.asked_in is not None:
        for place, turn in enumerate(conversation.turns):
            if turn.id == question.asked_in:
                return place
        raise ValueError(
            f"question {question.id!r} of {conversation.id!r}: asked_in names the turn "
            f"{question.asked_in!r}, which the conversation does not have"
        )
    count = 0
    for session in conversation.sessions:
        if question.time and session.time and session.time > question.time:
            break
        count += len(session.turns)
    return count


def _between(conversation: Conversation, start: int, end: int) -> Iterator[Session]:
    """The turns from place `start` up to `end`, session by session."""
    starts = [0]
    for session in conversation.sessions:
        starts.append(starts[-1] + len(session.turns))
    for place in range(max(0, bisect_right(starts, start) - 1), len(conversation.sessions)):
        if starts[place] >= end:
            return
        session = conversation.sessions[place]
        low, high = max(0, start - starts[place]), end - starts[place]
        turns = session.turns[low:high]
        if turns:
            yield replace(session, turns=turns)
