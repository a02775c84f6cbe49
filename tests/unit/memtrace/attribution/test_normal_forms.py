"""Normal forms: dates in any layout, relative times, lists in any order, replies as lines."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memtrace.attribution.equivalence import compare
from memtrace.attribution.facts import Witness
from memtrace.attribution.grounding import follows
from memtrace.attribution.matching import normal_words, passage
from memtrace.attribution.spelling import spellings_in
from memtrace.attribution.times import day_of, relative_times, told_span
from memtrace.attribution.unfolding import rows_of, unfold

LAYOUTS = ("{d.day} {d:%B} {d.year}", "{d:%B} {d.day}, {d.year}", "{d:%Y-%m-%d}", "{d:%Y/%m/%d}")
DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2035, 12, 31))
MONDAY = date(2024, 11, 4)


@given(DAYS, st.sampled_from(LAYOUTS), st.sampled_from(LAYOUTS))
def test_a_date_is_one_word_in_every_layout(day: date, one: str, other: str) -> None:
    left, right = (normal_words(layout.format(d=day)) for layout in (one, other))
    assert left == right == [day.isoformat()], (left, right)


@given(DAYS, st.sampled_from(LAYOUTS[:3]), st.sampled_from(LAYOUTS[:3]))
def test_equal_dates_are_equal_answers(day: date, one: str, other: str) -> None:
    found = compare("When?", one.format(d=day), other.format(d=day))
    assert found.is_equal is True, found


@given(DAYS, st.integers(1, 3000), st.sampled_from(LAYOUTS[:3]))
def test_other_dates_are_other_answers(day: date, later: int, layout: str) -> None:
    other = day + timedelta(days=later)
    found = compare("When?", layout.format(d=day), layout.format(d=other))
    assert found.is_equal is False, found


@given(st.permutations(["cycling", "chess", "pottery", "karaoke"]))
def test_lists_are_compared_in_any_order(items: list[str]) -> None:
    found = compare("What does Ana like?", "chess, karaoke, pottery and cycling", ", ".join(items))
    assert found.is_equal is True, found


@pytest.mark.parametrize(
    ("gold", "prediction", "is_equal"),
    [
        ("2 weeks", "14 days", True), ("2 weeks", "15 days", False),
        ("twenty-five", "25", True), ("7", "8", False), ("yes", "no", False),
        ("Chidi Okafor", "Chidi", True), ("Chidi", "Gustav", False),
        ("7 May 2023", "May 2023", None), ("May 2023", "7 May 2023", True),
        ("chess, karaoke and pottery", "chess", None),
        ("The Last Ferry", "The Glass Orchard", False),
        ("Lisbon", "I do not know.", False), (None, "Lisbon", False),
        (None, "I do not know.", True),
    ],
)  # fmt: skip
def test_answers_are_compared_by_what_they_are(
    gold: str | None, prediction: str, is_equal: bool | None
) -> None:
    found = compare("Which was first, The Last Ferry or The Glass Orchard?", gold, prediction)
    assert found.is_equal is is_equal, found


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("I did it yesterday", date(2024, 11, 3), date(2024, 11, 3)),
        ("the day before yesterday", date(2024, 11, 2), date(2024, 11, 2)),
        ("last Friday we met", date(2024, 11, 1), date(2024, 11, 1)),
        ("two days ago", date(2024, 11, 2), date(2024, 11, 2)),
        ("last week", date(2024, 10, 28), date(2024, 11, 3)),
        ("next month", date(2024, 12, 1), date(2024, 12, 31)),
        ("last year", date(2023, 1, 1), date(2023, 12, 31)),
        ("next Friday", date(2024, 11, 8), date(2024, 11, 8)),
        ("in 3 days", date(2024, 11, 7), date(2024, 11, 7)),
    ],
)
def test_a_relative_time_means_days(text: str, first: date, last: date) -> None:
    spans = [(span.first, span.last) for span in relative_times(text, MONDAY)]
    assert (first, last) in spans, spans


@given(st.integers(1, 400), DAYS)
def test_days_ago_are_counted_back(number: int, today: date) -> None:
    (span,) = relative_times(f"It was {number} days ago.", today)
    assert span.first == span.last == today - timedelta(days=number), span


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("3 November 2024", "[4 November 2024] Ana: I painted the door yesterday."),
        ("The Friday before 4 November 2024", "[4 November 2024] Ana: Last Friday I met him."),
        ("2023", "[4 November 2024] Ana: I painted that last year!"),
        ("4 November 2024", "[4 November 2024] Ana: I have just adopted a rabbit!"),
        ("November 3, 2024", "[9 November 2024] Ana: It was on 3 November."),
    ],
)
def test_a_turn_tells_a_date_by_relative_time(gold: str, text: str) -> None:
    assert spellings_in(gold, text), (gold, text)


def test_the_day_of_saying_is_no_date_of_an_event_that_has_its_own() -> None:
    text = "[19 June 2024] Jo: I joined on 17 June 2024."
    assert not spellings_in("19 June 2024", text)


def test_a_span_beside_a_date_is_before_or_after_it() -> None:
    span = told_span("the Sunday before 25 May 2023")
    assert span is not None
    assert (span.first, day_of("25 May 2023")) == (date(2023, 5, 21), date(2023, 5, 25))


@pytest.mark.parametrize(
    ("value", "is_given"),
    [("Lisbon", True), ("Porto", False), ("19 days", True), ("18 days", False), ("yes", None)],
)
def test_whether_a_value_follows_from_turns(value: str, is_given: bool | None) -> None:
    turns = [
        Witness("var-1", "D1", "[9 May 2024] Ana: I moved to Lisbon, not Porto, on 1 May 2024."),
        Witness("var-2", "D2", "[21 May 2024] Ana: I moved out on 20 May 2024."),
    ]
    assert follows(value, turns, "Where did Ana move?") is is_given


def test_people_in_one_line_speak_in_lines_of_their_own() -> None:
    text = passage("[4 May 2024] Ana said: I moved. Bo said: I did not.\nBo: Well!")
    assert text.speakers == ("ana", "bo", "bo"), text
    assert text.dates[0] == "2024-05-04", text


REPLY = json.dumps({"memory": [
    {"id": "0", "text": "Ana likes tea", "event": "NONE"},
    {"id": "1", "text": "Ana moved", "event": "UPDATE", "old_memory": "Ana lives in Porto"},
    {"id": "2", "text": "Ana has a cat", "event": "DELETE"},
]})  # fmt: skip


def test_a_reply_passes_on_what_it_writes_and_nothing_else() -> None:
    lines = unfold(REPLY).splitlines()
    assert "Ana moved" in lines, lines
    assert not {"Ana likes tea", "Ana has a cat", "Ana lives in Porto"} & set(lines), lines
    assert [row["event"] for row in rows_of(REPLY)] == ["NONE", "UPDATE", "DELETE"]


@given(st.text())
def test_a_text_that_is_no_reply_is_left_alone(text: str) -> None:
    if text.strip()[:1] not in ("{", "[", "`"):
        assert unfold(text) == text


@pytest.mark.parametrize("text", ["[" * 50_000, '{"a":' * 50_000, "[" * 3000 + "1" + "]" * 3000])
def test_a_reply_that_opens_and_opens_is_read(text: str) -> None:
    """A small model that repeats itself."""
    assert unfold(text) in (text, "1")
    assert rows_of(text) == []


def test_texts_come_in_the_order_of_the_value() -> None:
    assert unfold({"a": ["x", {"b": "y", "c": ["z", 1]}], "d": "w"}) == "x\ny\nz\n1\nw"
