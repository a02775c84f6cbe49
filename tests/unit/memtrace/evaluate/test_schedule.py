"""A memory may have seen only what came before the question."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.data.types import Conversation, Question, Session, Turn
from memtrace.evaluate import schedule
from memtrace.evaluate.stages import turns_before


def conversation(sizes: list[int], questions: tuple[Question, ...] = ()) -> Conversation:
    sessions = tuple(
        Session(
            id=f"s{day}",
            time=datetime(2024, 1, day),
            turns=tuple(
                Turn(id=f"s{day}:{place}", speaker="Ana", text=f"{day} {place}")
                for place in range(size)
            ),
        )
        for day, size in enumerate(sizes, 1)
    )
    return Conversation(id="c", sessions=sessions, questions=questions)


def question(identifier: str, **options: object) -> Question:
    return Question(id=identifier, text="?", answer="!", **options)  # type: ignore[arg-type]


def seen_by(row: Conversation) -> dict[str, list[str]]:
    """Turn ids taken in when each question is asked."""
    taken: list[str] = []
    seen = {}
    for stage in schedule(row):
        taken += [turn.id for session in stage.sessions for turn in session.turns]
        seen |= {asked.id: list(taken) for asked in stage.questions}
    return seen


def test_a_question_comes_after_everything_by_default() -> None:
    row = conversation([2, 1], (question("q"),))
    assert seen_by(row) == {"q": ["s1:0", "s1:1", "s2:0"]}


def test_a_question_asked_in_a_session_does_not_see_the_rest_of_it() -> None:
    row = conversation([2, 3, 1], (question("q", asked_in="s2:1"), question("end")))
    assert seen_by(row) == {
        "q": ["s1:0", "s1:1", "s2:0"],
        "end": ["s1:0", "s1:1", "s2:0", "s2:1", "s2:2", "s3:0"],
    }


def test_a_dated_question_does_not_see_later_sessions() -> None:
    row = conversation([1, 1, 1], (question("q", time=datetime(2024, 1, 2, 23)),))
    assert seen_by(row) == {"q": ["s1:0", "s2:0"]}


def test_a_question_before_everything_sees_nothing() -> None:
    row = conversation([1, 1], (question("q", asked_in="s1:0"),))
    assert seen_by(row) == {"q": []}


def test_an_unknown_turn_is_refused() -> None:
    row = conversation([1])
    with pytest.raises(ValueError, match="s9:9"):
        turns_before(row, question("q", asked_in="s9:9"))


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 4), min_size=1, max_size=6), data=st.data())
def test_every_question_sees_exactly_the_turns_before_it(
    sizes: list[int], data: st.DataObject
) -> None:
    turns = [turn.id for turn in conversation(sizes).turns]
    asked_in = data.draw(st.lists(st.sampled_from([*turns, None]), max_size=5))
    questions = tuple(question(f"q{n}", asked_in=turn) for n, turn in enumerate(asked_in))
    expected = {
        asked.id: turns[: turns.index(asked.asked_in)] if asked.asked_in else turns
        for asked in questions
    }
    assert seen_by(conversation(sizes, questions)) == expected
