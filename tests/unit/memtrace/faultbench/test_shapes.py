"""Values are edited by shape, and what was given is never changed."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memtrace.faultbench.shapes import edited, in_reply, rows_without, texts_in, without

ROWS = [
    {"item": "m1", "score": 0.9, "text": "Ana: I live in Oslo."},
    {"item": "m2", "score": 0.4, "text": "Bo: Good to know!"},
]
CHUNKS = [
    [{"turn": "D1:1", "date": "8 May 2023", "text": "Ana: Hi. I live in Oslo."}],
    [{"turn": "D1:2", "date": "8 May 2023", "text": "Bo: Good to know!"}],
]

texts = st.text(alphabet="ab .\n!", max_size=20)
rows = st.fixed_dictionaries({"item": texts, "score": st.floats(0, 1), "text": texts})
values = st.one_of(
    texts, st.lists(texts, max_size=4), st.lists(rows, max_size=4),
    st.lists(st.lists(rows, max_size=3), max_size=3),
    st.fixed_dictionaries({"facts": st.lists(texts, max_size=4)}).map(json.dumps),
    st.none(), st.integers(),
)  # fmt: skip


def in_oslo(text: str) -> bool:
    return "Oslo" in text


def test_a_row_goes_with_what_it_says() -> None:
    assert without(ROWS, in_oslo) == ROWS[1:]


def test_a_sentence_goes_and_its_line_stays() -> None:
    assert without(CHUNKS, in_oslo)[0][0]["text"] == "Ana: Hi."


def test_a_whole_row_goes_for_one_of_its_sentences() -> None:
    assert rows_without(CHUNKS, in_oslo) == CHUNKS[1:]


def test_a_reply_that_is_json_stays_json() -> None:
    reply = '```json\n{"facts": ["Ana lives in Oslo.", "Bo left."]}\n```'
    assert json.loads(without(reply, in_oslo)) == {"facts": ["Bo left."]}


def test_a_reply_that_is_no_json_is_text() -> None:
    assert without("{Oslo\nBergen", in_oslo) == "Bergen"


def test_labels_are_no_statements() -> None:
    assert list(texts_in({"item": "Oslo", "text": "Bergen"})) == ["Bergen"]
    assert edited(ROWS, lambda text: "x") == [
        {"item": "m1", "score": 0.9, "text": "x"}, {"item": "m2", "score": 0.4, "text": "x"},
    ]  # fmt: skip


def test_a_mapping_keeps_its_keys() -> None:
    episode = {"subject": "a talk", "text": "Ana lives in Oslo."}
    assert without(episode, in_oslo) == {"subject": "a talk", "text": ""}


@given(values, st.sampled_from("ab"))
def test_nothing_unwanted_is_left_and_nothing_given_is_changed(value: Any, letter: str) -> None:
    before = deepcopy(value)
    left = without(value, lambda text: letter in text)
    assert value == before
    assert not [text for text in texts_in(left) if letter in text], left


@given(values)
def test_an_edit_that_changes_nothing_gives_the_value_back(value: Any) -> None:
    assert edited(value, lambda text: text) == value
    assert without(value, lambda text: False) == value
    assert rows_without(value, lambda text: False) == value
    assert in_reply(value, lambda one: one) == value
