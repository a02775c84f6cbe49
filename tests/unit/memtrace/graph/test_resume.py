"""Going on with a trace: numbers, items and handles continue where the file leaves off."""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import memtrace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.db"


def test_a_resumed_recording_continues_and_drops_nothing(path: Path) -> None:
    for name in ("one", "two", "three"):
        with memtrace.record(path, resume=True), memtrace.step(name) as op:
            op.output("out", name)
    with memtrace.open(path) as trace:
        assert [op.name for op in trace.operations()] == ["one", "two", "three"]
        assert [op.seq for op in trace.operations()] == [1, 4, 7]
        assert len(trace.metadata["sessions"]) == 3


def test_items_go_on_with_their_next_version(path: Path) -> None:
    with memtrace.record(path):
        memtrace.variable("tea", kind="memory_item", item="m1")
        memtrace.variable("gone", kind="memory_item", item="m2")
        with memtrace.step("delete") as op:
            op.deleted("m2")
    with memtrace.record(path, resume=True) as run:
        assert run.live("m2") is None
        old = run.live("m1")
        assert old is not None
        assert (old.value, old.kind, old.version) == ("tea", "memory_item", 1)
        with memtrace.step("update", inputs={"old": old}) as update:
            new = update.output("item", "coffee", item="m1")
        assert new.version == 2
    with memtrace.open(path) as trace:
        assert trace.operation(update.id or "").inputs == {"old": (old.id,)}


def test_a_handle_of_an_earlier_session_still_works(path: Path) -> None:
    with memtrace.record(path):
        saved = pickle.dumps(memtrace.variable("x", name="D1:1"))
    with memtrace.record(path, resume=True) as run:
        handle = pickle.loads(saved)
        assert run.handle(handle.id).name == "D1:1"
        with memtrace.step("s", inputs={"x": handle}):
            pass
    with memtrace.open(path) as trace:
        assert [op.inputs for op in trace.operations()] == [{"x": (handle.id,)}]


def test_a_handle_lost_with_a_killed_session_is_refused(path: Path) -> None:
    with memtrace.record(path) as run:
        lost: memtrace.Handle[str] = memtrace.Handle("x", run=run.id, number=50)
    with (
        memtrace.record(path, resume=True),
        pytest.raises(ValueError, match="lost"),
        memtrace.step("s", inputs={"x": lost}),
    ):
        pass


def test_an_unknown_variable_has_no_handle(path: Path) -> None:
    with memtrace.record(path) as run, pytest.raises(ValueError, match="there is no var-99"):
        run.handle("var-99")


def test_a_file_killed_before_its_first_transaction_is_taken_up(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert path.stat().st_size > 0
    with memtrace.record(path, resume=True):
        memtrace.variable("tea")
    with memtrace.open(path) as trace:
        assert trace.counts["variables"] == 1
