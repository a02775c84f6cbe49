"""Interventions at every point of Mem0 change what Mem0 really does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError
from memtrace.execution import Drop, Insert, Oracle, Place, Reorder, Replace

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from mem0_support import LINE, only_classic, run, state_of, store_of


def at(path: str) -> Place:
    return Place("c1", path)


def held_after(tmp_path: Path, *interventions: Any) -> set[str]:
    """What the store holds at the end; the trace must say the same."""
    _, held = run(tmp_path / "t.db", *interventions)
    assert state_of(tmp_path / "t.db") == held
    with memtrace.open(tmp_path / "t.db") as trace:
        assert not [op.id for op in trace.operations() if "unplanned" in op.metadata]
    return set(held.values())


def test_a_dropped_fact_is_never_stored(tmp_path: Path) -> None:
    held = held_after(tmp_path, Drop(at=at("add s1/s1:0/parse#0"), role="facts", index=1))
    assert "Ana: I work as a nurse." not in held


def test_an_inserted_fact_is_stored(tmp_path: Path) -> None:
    fact = "Ana: My sister lives in Faro."
    held = held_after(
        tmp_path, Insert(at=at("add s1/s1:0/parse#0"), role="facts", value=fact, index=0)
    )
    assert {fact, "Ana: I work as a nurse."} <= held


def test_no_facts_no_writes(tmp_path: Path) -> None:
    held = held_after(tmp_path, Replace(at=at("add s2/s2:4/parse#0"), role="facts", value=[]))
    assert "Ana: I like green tea in the morning." not in held


def test_reordered_facts_are_stored_in_that_order(tmp_path: Path) -> None:
    _, plain = run(tmp_path / "plain.db")
    _, held = run(tmp_path / "t.db", Reorder(at=at("add s1/s1:0/parse#0"), role="facts"))
    assert set(held.values()) == set(plain.values())


def test_facts_take_effect_where_the_reply_could_not_be_read(tmp_path: Path) -> None:
    held = held_after(
        tmp_path,
        Replace(at=at("add s2/s2:4/extract#0"), role="reply", value="no JSON at all"),
        Replace(at=at("add s2/s2:4/parse#0"), role="facts", value=["Ana: I like black tea."]),
    )
    assert "Ana: I like black tea." in held


def test_a_replaced_reply_is_read_by_mem0(tmp_path: Path) -> None:
    fact = "Ana: I like black tea."
    reply = (
        f'{{"facts": ["{fact}"]}}' if LINE == "classic" else f'{{"memory": [{{"text": "{fact}"}}]}}'
    )
    held = held_after(tmp_path, Replace(at=at("add s2/s2:4/extract#0"), role="reply", value=reply))
    assert fact in held
    assert "Ana: I like green tea in the morning." not in held


def test_a_dropped_write_is_not_written(tmp_path: Path) -> None:
    held = held_after(tmp_path, Drop(at=at("add s2/s2:4/apply#0"), role="writes", index=0))
    assert "Ana: I like green tea in the morning." not in held


def test_an_inserted_write_is_written(tmp_path: Path) -> None:
    row = {"event": "ADD", "item": None, "text": "Ana: I like black tea."}
    held = held_after(tmp_path, Insert(at=at("add s2/s2:4/apply#0"), role="writes", value=row))
    assert {"Ana: I like black tea.", "Ana: I like green tea in the morning."} <= held


def test_a_repeated_write_is_written_twice(tmp_path: Path) -> None:
    row = {"event": "ADD", "item": None, "text": "Ana: I like green tea in the morning."}
    _, held = run(tmp_path / "t.db", Insert(at=at("add s2/s2:4/apply#0"), role="writes", value=row))
    assert list(held.values()).count("Ana: I like green tea in the morning.") == 2


def test_items_that_were_not_shown_can_be_updated_and_deleted(tmp_path: Path) -> None:
    _, plain = run(tmp_path / "plain.db")
    items = {text: item for item, text in plain.items()}
    nurse = items["Ana: I work as a nurse."]
    rows = [
        {"event": "DELETE", "item": nurse, "text": ""},
        {"event": "UPDATE", "item": items["Ana: I moved to Porto for a new job."],
         "text": "Ana: I moved to Braga."},
    ]  # fmt: skip
    held = held_after(tmp_path, Replace(at=at("add s2/s2:4/apply#0"), role="writes", value=rows))
    assert "Ana: I work as a nurse." not in held
    assert "Ana: I moved to Braga." in held
    assert "Ana: I moved to Porto for a new job." not in held


@only_classic
def test_a_deletion_that_is_dropped_keeps_the_memory(tmp_path: Path) -> None:
    held = held_after(tmp_path, Drop(at=at("add s2/s2:3/apply#0"), role="writes", index=0))
    assert "Bo: The name of my dog is Pickle." in held


@only_classic
def test_similar_memories_that_are_not_found_are_not_updated(tmp_path: Path) -> None:
    held = held_after(
        tmp_path,
        Replace(at=at("add s2/s2:2/search_similar#0"), role="hits", value=[]),
        Replace(at=at("add s2/s2:2/search_similar#1"), role="hits", value=[]),
    )
    assert {
        "Ana: I moved to Lisbon for a new job.", "Ana: I moved to Porto for a new job."
    } <= held  # fmt: skip


def test_a_replaced_text_of_a_similar_memory_reaches_the_model(tmp_path: Path) -> None:
    def louder(hits: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**hit, "text": hit["text"].upper()} for hit in hits]

    place = "add s2/s2:4/search_similar#0"
    run(tmp_path / "t.db", Oracle(at=at(place), role="hits", function=louder))
    with memtrace.open(tmp_path / "t.db") as trace:
        sent = [str(trace.value(v.id)) for v in trace.variables(kind="request")]
        assert list(map(str, trace.check_edges())) == []
    assert any("ANA: I WORK AS A NURSE" in one for one in sent)


def test_a_dropped_hit_is_not_in_the_context(tmp_path: Path) -> None:
    answer, _ = run(tmp_path / "plain.db")
    found = [hit.text for hit in answer.hits]
    changed, _ = run(tmp_path / "t.db", Drop(at=at("ask q1/retrieve#0"), role="hits", index=0))
    assert [hit.text for hit in changed.hits] == found[1:]


def test_reversed_hits_reverse_the_context(tmp_path: Path) -> None:
    answer, _ = run(tmp_path / "plain.db")
    changed, _ = run(tmp_path / "t.db", Reorder(at=at("ask q1/retrieve#0"), role="hits"))
    assert [hit.item for hit in changed.hits] == [hit.item for hit in answer.hits][::-1]


def test_any_stored_item_can_be_inserted_as_a_hit(tmp_path: Path) -> None:
    answer, held = run(tmp_path / "plain.db", top_k=1)
    (item,) = [item for item, text in held.items() if "green tea" in text]
    row = {"item": item, "text": held[item], "score": 0.9}
    changed, _ = run(
        tmp_path / "t.db", Insert(at=at("ask q1/retrieve#0"), role="hits", value=row), top_k=1
    )
    assert [hit.item for hit in changed.hits] == [answer.hits[0].item, item]


def test_a_replaced_context_is_what_is_answered_from(tmp_path: Path) -> None:
    answer, _ = run(
        tmp_path / "t.db",
        Replace(at=at("ask q1/build_context#0"), role="context", value="Ana did move to Rome."),
    )
    assert answer.text == "Ana did move to Rome."


@pytest.mark.parametrize(
    ("place", "role", "value", "expected"),
    [
        ("add s2/s2:4/parse#0", "facts", [3], "list of texts"),
        ("add s2/s2:4/apply#0", "writes", [{"event": "MOVE"}], "ADD, UPDATE, DELETE"),
        ("add s2/s2:4/apply#0", "writes", [{"event": "ADD"}], "text is missing"),
        ("add s2/s2:4/apply#0", "writes",
         [{"event": "DELETE", "item": "c1/00000000-0000-0000-0000-000000000000"}],
         "does not hold"),
        ("add s2/s2:4/search_similar#0", "hits", [{"item": "c9/x"}], "items in the store"),
        ("ask q1/retrieve#0", "hits", ["x"], "rows {item, text, score}"),
        ("ask q1/retrieve#0", "hits",
         [{"item": "c1/00000000-0000-0000-0000-000000000000"}], "items in the store"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_what_was_expected(
    tmp_path: Path, place: str, role: str, value: Any, expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        run(tmp_path / "t.db", Replace(at=at(place), role=role, value=value))


def test_a_refused_intervention_writes_nothing(tmp_path: Path) -> None:
    from mem0_support import memory, sessions

    system = memory()
    system.add(sessions()[0])
    assert len(store_of(system)) == 3
