"""The simulated model reads every sentence and every question of the generated language."""

from __future__ import annotations

import random
import string
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.data.generated import facts_of, generate_conversation
from lmcommon.data.generated.attributes import Attribute, with_article
from lmcommon.data.generated.plan import ATTRIBUTES
from lmcommon.data.generated.questions import _fill
from lmcommon.data.generated.small_talk import (
    CHATTER,
    CLOSINGS,
    DEGREES,
    GREETINGS,
    MOODS,
    PREFACES,
    REACTIONS,
    RELATIONS,
    REPLIES,
)
from lmcommon.data.generated.speech import date_words
from memtrace.faultbench.simulated.asking import asked_in, clauses_in
from memtrace.faultbench.simulated.reading import RELATION, read

KEYS = sorted(ATTRIBUTES)
DAYS = st.dates(date(2023, 1, 1), date(2027, 12, 31))


def values_of(attribute: Attribute) -> tuple[str, ...]:
    days = (date(2024, 1, 9) + timedelta(days=37 * n) for n in range(12))
    return attribute.values or tuple(map(date_words, days))


def worded(template: str, value: str, old: str, when: str) -> str:
    return template.format(
        value=value, a_value=with_article(value), old=old, a_old=with_article(old), when=when,
        other="My cousin Teo",
    )  # fmt: skip


def ways(attribute: Attribute) -> list[tuple[str, str, str]]:
    """Operation, template and fate of all that can be said of a topic."""
    return [
        *(("state", text, "") for text in (*attribute.state, *attribute.start, *attribute.other)),
        *(("update", text, "") for text in attribute.update),
        *(("correct", text, "") for text in attribute.correction),
        *(("delete", one.text, one.fate) for one in attribute.deletion),
    ]


@pytest.mark.parametrize("key", KEYS)
def test_every_sentence_of_a_topic_is_read_as_what_it_says(key: str) -> None:
    values = values_of(ATTRIBUTES[key])
    for operation, template, fate in ways(ATTRIBUTES[key]):
        for place, value in enumerate(values):
            old, when = values[place - 1], " on 3 March 2024" if place % 2 else ""
            text = PREFACES[place % len(PREFACES)] + worded(template, value, old, when)
            found = [
                (one.attribute, one.operation, one.value, one.old, one.when, one.fate, one.other)
                for one in read(text)
            ]
            expected = (
                key, operation, value, old if "old}" in template else "",
                "2024-03-03" if when and "{when}" in template else "", fate,
                "Teo" if "{other}" in template else "",
            )  # fmt: skip
            assert found == [expected], text


@given(
    key=st.sampled_from([key for key in KEYS if ATTRIBUTES[key].values]),
    value=st.text(string.ascii_lowercase, min_size=2, max_size=9),
    day=DAYS,
    pick=st.randoms(use_true_random=False),
)
def test_a_value_that_nobody_knows_is_read_by_its_place(
    key: str, value: str, day: date, pick: random.Random
) -> None:
    template = pick.choice((*ATTRIBUTES[key].state, *ATTRIBUTES[key].start))
    text = worded(template, value, "other", f" on {date_words(day)}")
    assert [(one.attribute, one.value) for one in read(text)] == [(key, value)], text


@pytest.mark.parametrize("key", KEYS)
def test_a_remark_that_breaks_off_after_its_value_is_still_read(key: str) -> None:
    values = values_of(ATTRIBUTES[key])
    for _, template, _ in ways(ATTRIBUTES[key]):
        for value in values:
            cut = template[: template.index("value}") + len("value}")]
            text = worded(cut, value, values[0], "")
            found = [(one.attribute, one.value) for one in read(text)]
            assert found == [(key, value)], f"{text!r} is read as {found}"


@pytest.mark.parametrize("relation", RELATIONS)
def test_relations_are_read(relation: str) -> None:
    for text in (
        f"My {relation} is called Vera, I do not think you two have met.",
        f"You should meet Vera, my {relation}.",
    ):
        assert [(one.attribute, one.value) for one in read(text)] == [
            (RELATION + relation, "Vera")
        ], text


def test_small_talk_says_nothing() -> None:
    lines = [
        *(text.format(me="Ana", other="Ben") for pair in GREETINGS for text in pair),
        *PREFACES, *REACTIONS, *REPLIES, *CLOSINGS,
        *(c.format(mood=mood, badly=badly) for c in CHATTER for mood in MOODS for badly in DEGREES),
    ]  # fmt: skip
    assert {line: read(line) for line in lines if read(line)} == {}


@pytest.mark.parametrize("seed", range(8))
def test_a_conversation_is_read_as_its_ledger_has_it(seed: int) -> None:
    conversation = generate_conversation(seed)
    for fact in facts_of(conversation):
        said = read(fact.text)
        assert len(said) == 1, f"{fact.text!r} is read as {said}"
        (one,) = said
        assert (one.operation, one.value, one.when, one.fate) == (
            fact.operation, fact.value, fact.date or "", fact.fate,
        ), fact.text  # fmt: skip
        assert (one.other or fact.speaker) == fact.subject or fact.attribute in RELATIONS, fact
        assert one.attribute.removeprefix(RELATION) == fact.attribute, fact.text


@pytest.mark.parametrize("kind", ["now", "before", "when", "first", "still", "gone"])
def test_every_question_of_a_kind_is_understood(kind: str) -> None:
    for key, attribute in ATTRIBUTES.items():
        template = getattr(attribute, kind)
        values = values_of(attribute)
        for value in values if template else ():
            for person in ("Ana", "Ana's yoga teacher"):
                text = template.format(
                    person=person, value=value, a_value=with_article(value), x=value, y=values[0]
                )
                found = [(one.kind, one.attribute, one.person, one.value) for one in asked_in(text)]
                named = value if "value}" in template or kind == "first" else ""
                assert (kind, key, person, named) in found, f"{text!r} is read as {found}"
                assert {one[0] for one in found} == {kind}, f"{text!r} is read as {found}"


def test_a_person_is_told_by_a_fact() -> None:
    for key, attribute in ATTRIBUTES.items():
        for value in values_of(attribute) if attribute.who else ():
            clause = _fill(attribute.who, "Ana", value)
            assert (key, value) in clauses_in(clause), clause


def test_a_question_in_other_words_is_not_understood() -> None:
    assert asked_in("Could you sum up what Ana told us?") == ()
