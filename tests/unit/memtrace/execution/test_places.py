"""Places: the same in every run, whatever else changes."""

from __future__ import annotations

from datetime import datetime

from memtrace.execution import Place, Scope, next_id, next_place, now, scope_here, within
from memtrace.execution.places import EPOCH


def test_a_place_is_scope_path_name_and_count() -> None:
    scope = Scope("mem0/c1")
    with within("add s1", scope=scope), within("D1:3"):
        assert next_place("extract") == Place("mem0/c1", "add s1/D1:3/extract#0")
        assert next_place("extract") == Place("mem0/c1", "add s1/D1:3/extract#1")
    with within("add s1", scope=scope), within("D1:4"):
        assert next_place("extract") == Place("mem0/c1", "add s1/D1:4/extract#0")


def test_counts_outlive_the_block_and_belong_to_the_scope() -> None:
    one, other = Scope("one"), Scope("other")
    for _ in range(2):
        for scope in (one, other):
            with within("ask q", scope=scope):
                last = next_place("answer")
    assert last == Place("other", "ask q/answer#1")


def test_outside_a_scope_there_is_no_place_no_id_and_no_time() -> None:
    with within("add s1"):
        assert (next_place("x"), next_id(), now(), scope_here()) == (None, None, None, None)


def test_ids_are_drawn_from_the_place() -> None:
    def drawn() -> list[str]:
        with within("add s1", scope=Scope("a")):
            return [str(next_id()), str(next_id()), str(next_id("memory"))]

    assert drawn() == drawn()
    assert len(set(drawn())) == 3


def test_a_message_put_in_front_shifts_no_other_place() -> None:
    def places(turns: list[str]) -> dict[str, Place | None]:
        scope, found = Scope("a"), {}
        for turn in turns:
            with within(turn, scope=scope):
                found[turn] = next_place("extract")
        return found

    assert places(["t2"])["t2"] == places(["t1", "t2"])["t2"]


def test_time_is_the_sessions_and_stands_still() -> None:
    day = datetime(2024, 5, 1)
    scope = Scope("a")
    with within("add s1", scope=scope, time=day), within("t1"):
        assert now() == day
    with within("add s2", scope=scope):
        assert now() == EPOCH


def test_a_snapshot_counts_on_from_where_it_was() -> None:
    scope = Scope("a")
    with within("x", scope=scope):
        next_place("op")
        state = scope.snapshot()
        after = next_place("op")
        scope.restore(state)
        assert next_place("op") == after
