"""What an answer rests on, found again in other words around it."""

from __future__ import annotations

import random

import pytest

from lmcommon.data.generated.speech import date_words
from memtrace.faultbench.building import history
from memtrace.faultbench.targets import another, days_off, targets_of, written_dates

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_answer_rests_on_facts_that_their_turns_tell(seed: int) -> None:
    conversation = history(seed, "tiny")
    said = {turn.id: turn.text for turn in conversation.turns}
    for question in conversation.questions:
        targets = targets_of(conversation, question)
        assert bool(targets) == question.is_answerable, question
        for target in targets:
            assert said[target.fact.turn_id] in target, (question, target)
            assert sum(text in target for text in said.values()) <= 3, (question, target)


@pytest.mark.parametrize("seed", SEEDS)
def test_another_value_is_of_the_same_sort_and_said_nowhere(seed: int) -> None:
    conversation = history(seed, "tiny")
    said = " ".join(turn.text for turn in conversation.turns).lower()
    for question in conversation.questions:
        for target in targets_of(conversation, question):
            other = another(target, conversation, random.Random(seed))
            assert other != target.needle, question
            assert bool(written_dates(other)) == target.is_date, (target, other)
            assert target.is_date or target.needle == target.fact.fate or other.lower() not in said


def test_dates_move_over_the_ends_of_months() -> None:
    assert days_off("on 28 February 2024, and 31 December 2024", 3) == (
        "on 2 March 2024, and 3 January 2025"
    )


def test_a_day_that_never_was_is_left_alone() -> None:
    assert days_off("31 February 2024", 3) == "31 February 2024"
    assert written_dates("31 February 2024") == []


def test_dates_are_read_as_they_are_written() -> None:
    (day,) = written_dates("I moved on 3 March 2024.")
    assert date_words(day) == "3 March 2024"
