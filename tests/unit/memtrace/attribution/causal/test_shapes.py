"""Putting a fact back into whatever an operation passes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memtrace.attribution import Witness, critical_facts
from memtrace.attribution.causal.shapes import Mender
from memtrace.attribution.causal.wording import Wording, wordings

SAID = "[3 May 2024] Ana: By the way. I moved to Lisbon last week."
SPEAKERS = frozenset({"ana", "bo"})


def wording(text: str = SAID, gold: str = "Lisbon", turn: str = "D2:3") -> Wording:
    facts = critical_facts(gold, [Witness("var-1", turn, text)], "Where does Ana live?")
    return wordings(facts, SPEAKERS)[0]


def mended(value: Any, role: str, **options: Any) -> tuple[Any, list[str]]:
    mender = Mender([wording()], role=role, **options)
    return mender.restore(value), mender.told


LINE = {"turn": "D2:1", "date": "3 May 2024", "text": "Bo: Hello."}
HELD: dict[str, Any] = {
    "facts": ["Bo: Hello.", "Ana: I moved to Lisbon last week."],
    "writes": [{"event": "ADD", "item": None, "text": "Ana: I moved to Lisbon last week."}],
    "lines": [LINE, {**LINE, "turn": "D2:3", "text": SAID.partition("] ")[2]}],
    "hits": [
        {"item": "m1", "score": 0.4, "text": "[3 May 2024] Ana: I moved to Lisbon last week."}
    ],
    "chunks": [[{**LINE, "text": SAID.partition("] ")[2]}]],
    "items": [{"item": "i1", "lines": [{**LINE, "text": SAID.partition("] ")[2]}]}],
    "context": "[3 May 2024]\nBo: Hello.\nAna: By the way. I moved to Lisbon last week.",
    "reply": json.dumps({"facts": ["Ana: I moved to Lisbon last week."]}),
}


@pytest.mark.parametrize("role", HELD)
def test_what_holds_the_fact_is_left_alone(role: str) -> None:
    assert mended(HELD[role], role) == (HELD[role], [])


LOST: dict[str, Any] = {
    "facts": ["Bo: Hello."],
    "lines": [LINE],
    "chunks": [[LINE]],
    "items": [{"item": "i1", "lines": [LINE]}],
    "context": "[3 May 2024]\nBo: Hello.",
    "summary": "Bo said hello.",
    "reply": json.dumps({"facts": ["Bo: Hello."]}),
    "episode": {"subject": "a day", "text": "Bo said: Hello."},
    "memory": json.dumps({"memory": [{"id": "0", "text": "Bo: Hello."}]}),
}


@pytest.mark.parametrize("role", LOST)
def test_a_lost_fact_comes_back_in_the_shape_that_is_there(role: str) -> None:
    value, told = mended(LOST[role], role)
    assert type(value) is type(LOST[role])
    assert wording().holds(json.dumps(value).replace("\\n", "\n").replace('", "', '"\n"')), value
    assert told
    assert mended(value, role)[0] == value, "a second time there is nothing to do"


@pytest.mark.parametrize("role", ["facts", "writes", "lines", "chunks", "items"])
def test_an_empty_list_gets_the_fact_in_the_shape_of_its_point(role: str) -> None:
    sources = ("Ana: I moved to Lisbon last week.",)
    value, _ = mended([], role, sources=sources)
    assert value, role
    assert "Lisbon" in json.dumps(value)


def test_a_fact_of_another_person_is_put_right_and_not_added() -> None:
    value, told = mended(["Bo: I moved to Lisbon last week.", "Bo: Hello."], "facts")
    assert len(value) == 2, value
    assert value[0].startswith("Ana:"), value
    assert told[0].startswith("put right")


def test_a_fact_that_was_cut_short_is_put_right() -> None:
    said = "Ana: I moved to Lisbon on 3 March 2024."
    facts = critical_facts(
        "3 March 2024", [Witness("var-1", "D1:1", said)], "When did Ana move to Lisbon?"
    )
    mender = Mender(wordings(facts, SPEAKERS), sources=(said,), role="facts")
    assert mender.restore(["Ana: I moved to Lisbon."]) == [said]


def test_a_search_finds_the_item_that_holds_the_fact() -> None:
    items = (("m7", "Ana: I moved to Lisbon last week."),)
    rows = [{"item": "m1", "score": 0.9, "text": "Bo: Hello."}]
    value, _ = mended(rows, "hits", items=items)
    assert [row["item"] for row in value] == ["m7", "m1"]


def test_a_search_finds_nothing_that_the_memory_does_not_hold() -> None:
    rows = [{"item": "m1", "score": 0.9, "text": "Bo: Hello."}]
    assert mended(rows, "hits") == (rows, [])


@pytest.mark.parametrize("event", ["DELETE", "UPDATE"])
def test_a_write_that_takes_the_fact_away_is_left_out(event: str) -> None:
    items = (("m7", "Ana: I moved to Lisbon last week."),)
    rows = [{"event": event, "item": "m7", "text": "Ana: I moved to Porto."}]
    value, told = mended(rows, "writes", items=items)
    assert not [row for row in value if row.get("item") == "m7"], value
    assert told[0].startswith("left 'Ana: I moved to Lisbon")


def test_writes_that_have_nothing_to_do_with_the_fact_are_left_alone() -> None:
    items = (("m7", "Ana: I moved to Lisbon last week."),)
    rows = [{"event": "ADD", "item": None, "text": "Bo: Hello."}]
    assert mended(rows, "writes", items=items, sources=("Bo: Hello.",)) == (rows, [])


def test_a_fact_that_was_ignored_is_written_after_all() -> None:
    said = "Ana: I moved to Lisbon last week."
    rows = [{"event": "NONE", "item": None, "text": said}]
    value, _ = mended(rows, "writes", sources=(said,))
    assert value == [{"event": "ADD", "item": None, "text": said}]


def test_a_line_nobody_said_is_left_out() -> None:
    mender = Mender([], unwanted=frozenset({"ana i moved to porto"}), role="facts")
    assert mender.restore(["Ana: I moved to Porto.", "Bo: Hello."]) == ["Bo: Hello."]


def test_lines_around_a_gap_come_back_as_the_operation_read_them() -> None:
    messages = tuple((f"D2:{n}", f"[3 May 2024] Bo: Line {n}.") for n in (1, 2))
    messages += (("D2:3", SAID), ("D2:4", "[3 May 2024] Bo: Line 4."))
    value, _ = mended([[{**LINE, "text": "Bo: Line 1."}]], "chunks", messages=messages)
    turns = [line["turn"] for group in value[1:] for line in group]
    assert {"D2:2", "D2:3", "D2:4"} <= set(turns), value


texts = st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=6)


@given(texts)
def test_restoring_adds_the_fact_and_keeps_everything_else(lines: list[str]) -> None:
    value, _ = mended(lines, "facts")
    assert any(wording().holds(line) for line in value), value
    assert len(value) <= len(lines) + 1
    assert mended(value, "facts")[0] == value


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
keys = ("event", "score", "turn", "lines", "text", "id", "item", "facts", "memory", "old_memory")
telling = st.recursive(
    st.sampled_from([None, 1, "ADD", "UPDATE", "NONE", "DELETE", "\u00b2", "[[", SAID]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(keys), inner, max_size=3),
        st.sampled_from(keys).flatmap(
            lambda key: st.lists(st.fixed_dictionaries({key: inner, "text": inner}), max_size=3)
        ),
    ),
    max_leaves=8,
)
"""Values whose keys look like those of the shapes, and hold something else."""
roles = st.sampled_from(["facts", "hits", "writes", "lines", "chunks", "items", "context", "odd"])


@given(values | telling, roles)
@example([{"lines": "no rows", "text": "x"}], "items")
@example([{"lines": [], "text": "x"}], "items")
@example([{"score": "high", "text": "x"}], "hits")
@example([{"id": "\u00b2", "text": "x"}], "facts")
def test_no_shape_of_json_breaks_it(value: Any, role: str) -> None:
    told = {"items": (("mem-3", SAID),), "sources": ("Ana: I moved to Lisbon last week.",)}
    mended(value, role, **told)


@pytest.mark.parametrize("text", ["[" * 50_000, '{"a":' * 50_000, "[" * 3000 + "]" * 3000])
def test_a_reply_that_opens_and_opens_is_survived(text: str) -> None:
    """A small model that repeats itself."""
    value, told = mended(text, "reply")
    assert (value == text) is not any(told)
