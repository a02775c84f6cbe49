"""How links become operations in one order: hubs, clocks, cuts, deletions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import memtrace

Link = tuple[str, str, str, int]
"""Operation, source, target, millisecond."""
HUB = "prediction:str:" + "0" * 40


def stamp(millisecond: int) -> str:
    return f"2026-01-02 10:00:00.{millisecond:03d}"


def node(name: str) -> dict[str, Any]:
    space, _, rest = name.rpartition(":") if name.startswith("delete") else ("", "", name)
    if name == HUB:
        space, _, rest = name.partition(":")
    return {
        "name": rest, "version": 1, "class_name": space or None, "value": repr(name),
        "category": "memory_entry" if name.startswith("unit") else "message",
        "created_at": stamp(0), "session_id": "s", "full_node_id": f"{name}@1",
    }  # fmt: skip


@pytest.fixture
def trace_of(tmp_path: Path) -> Iterator[Callable[..., memtrace.Trace]]:
    """A trace of links; `sessions` maps operations to theirs."""
    with ExitStack() as stack:

        def make(links: list[Link], sessions: dict[str, str] | None = None) -> memtrace.Trace:
            names = dict.fromkeys(end for link in links for end in link[1:3])
            operations = dict.fromkeys(link[0] for link in links)
            of = sessions or {}
            data = {
                "nodes": [node(name) for name in names],
                "edges": [
                    {"op_id": op, "source_full_node_id": f"{source}@1",
                     "target_full_node_id": f"{target}@1", "created_at": stamp(at)}
                    for op, source, target, at in links
                ],
                "operations": [
                    {"op_id": op, "op_name": op, "session_id": of.get(op, "s"),
                     "created_at": stamp(0)}
                    for op in operations
                ],
                "sessions": [{"session_id": name, "created_at": stamp(0)}
                             for name in {"s", *of.values()}],
            }  # fmt: skip
            (tmp_path / "in.json").write_text(json.dumps({"data": data}))
            memtrace.import_memtracebench(tmp_path / "in.json", tmp_path / "t.db", strict=True)
            return stack.enter_context(memtrace.open(tmp_path / "t.db"))

        yield make


def order(trace: memtrace.Trace) -> list[str]:
    return [operation.name for operation in trace.operations() if operation.kind != "session"]


def behind(trace: memtrace.Trace, operation: str) -> set[str]:
    """Operations behind what an operation made."""
    (found,) = trace.operations(name=operation)
    return {part.name for part in trace.upstream(found.output_ids[0])}


def test_a_file_out_of_order_is_put_in_order_of_time(trace_of: Any) -> None:
    links = [("c", "w", "x", 30), ("a", "u", "v", 10), ("d", "x", "y", 40), ("b", "v", "w", 20)]
    links += [("e", "y", "z", 5)]
    assert order(trace_of(links)) == ["e", "a", "b", "c", "d"]


def test_a_clock_that_was_set_back_changes_nothing(trace_of: Any) -> None:
    links = [("a", "u", "v", 500), ("b", "v", "w", 501), ("c", "w", "x", 100), ("d", "x", "y", 101)]
    trace = trace_of(links)
    assert order(trace) == ["a", "b", "c", "d"]
    assert behind(trace, "d") == {"a", "b", "c", "d"}


def test_a_reader_of_a_hub_reads_what_its_own_session_made(trace_of: Any) -> None:
    links = [("ask1", "q1", HUB, 1), ("ask2", "q2", HUB, 2), ("read1", HUB, "r1", 3)]
    trace = trace_of(links, {"ask1": "s1", "ask2": "s2", "read1": "s1"})
    assert behind(trace, "read1") == {"ask1", "read1"}


def test_a_reader_of_a_hub_reads_what_was_made_from_its_question(trace_of: Any) -> None:
    links = [("ask1", "q1", HUB, 1), ("ask2", "q2", HUB, 2), ("judge1", HUB, "r1", 3),
             ("judge1", "q1", "r1", 3)]  # fmt: skip
    assert behind(trace_of(links), "judge1") == {"ask1", "judge1"}


def test_a_hub_read_before_it_was_made_came_from_outside(trace_of: Any) -> None:
    trace = trace_of([("read", HUB, "r", 1), ("ask", "q", HUB, 2)])
    assert behind(trace, "read") == {"read"}
    assert sum(variable.name is None for variable in trace.variables()) == 2


def test_two_operations_that_feed_each_other_in_turn_are_cut(trace_of: Any) -> None:
    links = [("a", "u", "v", 1), ("b", "v", "w", 2), ("a", "w", "x", 3), ("b", "x", "y", 4)]
    trace = trace_of(links)
    assert order(trace) == ["a", "b", "a", "b"]
    last = list(trace.operations(name="b"))[-1]
    assert len(list(trace.upstream(last.output_ids[0]))) == 4


def test_what_an_operation_made_before_a_cut_leads_on_after_it(trace_of: Any) -> None:
    links = [("a", "u", "v", 1), ("b", "v", "w", 2), ("a", "w", "v", 3), ("c", "v", "z", 4)]
    trace = trace_of(links)
    assert {variable.name for variable in trace.variables(
        ids=trace.graph.upstream(next(trace.operations(name="c")).output_ids[0]).variables
    )} == {"u", "v", "w", "z"}  # fmt: skip


def test_an_item_that_is_led_to_again_is_read_where_it_was_stored(trace_of: Any) -> None:
    trace = trace_of(
        [("store", "m", "unit1", 1), ("search", "q", "unit1", 2), ("use", "unit1", "z", 3)]
    )
    assert behind(trace, "use") == {"store", "search", "use"}
    assert len(trace.history("unit1")) == 1


def test_a_marker_with_the_name_of_an_item_ends_it(trace_of: Any) -> None:
    trace = trace_of([("store", "m", "unit1", 1), ("drop", "why", "delete_marker:unit1", 2)])
    assert [version.is_deletion for version in trace.history("unit1")] == [False, True]


def test_links_outside_of_operations_stay_apart(trace_of: Any) -> None:
    none = "__none_op__"
    trace = trace_of(
        [(none, "a", "b", 1), (none, "c", "d", 2), (none, "b", "e", 3), (none, "x", "b", 4)]
    )
    (last,) = trace.variables(name="e")
    names = {v.name for v in trace.variables(ids=trace.graph.upstream(last.id).variables)}
    assert names >= {"a", "b", "e"}
    assert not names & {"c", "d"}
