"""Traces recorded apart become one: everything kept, numbered anew in order of time."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import networkx
import pytest

import memtrace
from lmcommon.errors import UserError
from memtrace.graph.storage.merging import append


def recorded(path: Path, name: str) -> None:
    with memtrace.record(path, metadata={"who": name}):
        turn = memtrace.variable({"turn": name, "parts": (1, b"x")}, name=name)
        with memtrace.step(f"{name}-outer", parameters={"k": 1}) as outer:
            with memtrace.step(f"{name}-add", inputs={"turn": turn}) as add:
                made = add.output("item", f"{name} tea", kind="memory_item", item="m1")
            outer.output("copy", made)


def content(path: Path, name: str) -> list[Any]:
    """What a part says, without numbers."""
    with memtrace.open(path) as trace:
        ids = {v.id: (v.kind, v.name, v.role, trace.value(v.id)) for v in trace.variables()}
        names = {op.id: op.name for op in trace.operations()}
        return [
            (op.name, names.get(op.parent or ""), op.parameters, op.started_ns, op.finished_ns,
             {role: [ids[part] for part in parts] for role, parts in op.inputs.items()},
             {role: [ids[part] for part in parts] for role, parts in op.outputs.items()})
            for op in trace.operations() if op.name.startswith(name)
        ]  # fmt: skip


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a.db", tmp_path / "b.db"]
    for path in paths:
        recorded(path, path.stem)
    return paths


def test_every_part_is_in_the_whole_unchanged(parts: list[Path], tmp_path: Path) -> None:
    counts = memtrace.merge(tmp_path / "all.db", parts)
    assert counts == {"operations": 4, "variables": 6}
    for part in parts:
        assert content(tmp_path / "all.db", part.stem) == content(part, part.stem)
    with memtrace.open(tmp_path / "all.db") as trace:
        graph = trace.to_networkx(values=True)
        assert networkx.is_directed_acyclic_graph(graph)
        assert nx_parts(graph) == 2
        assert [part["who"] for part in trace.metadata["merged"]] == ["a", "b"]


def nx_parts(graph: Any) -> int:
    return networkx.number_weakly_connected_components(graph)  # type: ignore[no-any-return]


def test_numbers_follow_time_and_each_trace_keeps_its_order(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "a.db"):
        memtrace.variable("a1")
    recorded(tmp_path / "b.db", "b")
    with memtrace.record(tmp_path / "a.db", resume=True):
        memtrace.variable("a2")
    memtrace.merge(tmp_path / "all.db", [tmp_path / "b.db", tmp_path / "a.db"])
    with memtrace.open(tmp_path / "all.db") as trace:
        values = [trace.value(variable.id) for variable in trace.variables()]
        assert values[0] == "a1"
        assert values[-1] == "a2"
        assert values[2:-1] == ["b tea", "b tea"]


def test_one_item_in_two_traces_has_one_history(parts: list[Path], tmp_path: Path) -> None:
    memtrace.merge(tmp_path / "all.db", parts)
    with memtrace.open(tmp_path / "all.db") as trace:
        history = trace.history("m1")
        assert [(v.version, trace.value(v.id)) for v in history] == [(1, "a tea"), (2, "b tea")]
        copies = [v for v in trace.variables(item="m1") if v.source is not None]
        assert [v.version for v in copies] == [1, 2]


def test_prefixes_keep_items_apart(parts: list[Path], tmp_path: Path) -> None:
    memtrace.merge(tmp_path / "all.db", parts, prefixes=["a/", "b/"])
    with memtrace.open(tmp_path / "all.db") as trace:
        assert trace.state_at(trace.last_seq).keys() == {"a/m1", "b/m1"}


def test_a_merged_trace_can_be_resumed(parts: list[Path], tmp_path: Path) -> None:
    memtrace.merge(tmp_path / "all.db", parts)
    with memtrace.record(tmp_path / "all.db", resume=True) as run:
        live = run.live("m1")
        assert live is not None
        assert live.value == "b tea"


def test_nothing_is_overwritten_and_a_failure_leaves_nothing(
    parts: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="something is here already"):
        memtrace.merge(parts[0], parts)
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"bad\.db"):
        memtrace.merge(tmp_path / "all.db", [*parts, bad])
    with pytest.raises(ValueError, match="expected 2 prefixes"):
        memtrace.merge(tmp_path / "all.db", parts, prefixes=["a"])
    assert {file.name for file in tmp_path.iterdir()} == {"a.db", "b.db", "bad.db"}


def test_a_trace_that_is_being_recorded_is_merged_as_it_stands(tmp_path: Path) -> None:
    part, stop = tmp_path / "a.db", threading.Event()
    with memtrace.record(part) as run:

        def work() -> None:
            while not stop.is_set():
                with memtrace.step("s") as op:
                    op.output("o", "x")
                run.flush()

        worker = threading.Thread(target=work)
        worker.start()
        try:
            for n in range(5):
                memtrace.merge(tmp_path / f"all{n}.db", [part, part])
        finally:
            stop.set()
            worker.join()
    assert memtrace.check(tmp_path / "all4.db").ok


@pytest.mark.parametrize("paths", ["a.db", []])
def test_what_is_no_list_of_traces_is_refused(tmp_path: Path, paths: Any) -> None:
    with pytest.raises(ValueError, match="expected a list of traces"):
        memtrace.merge(tmp_path / "all.db", paths)


def test_a_trace_with_lost_rows_is_told(tmp_path: Path) -> None:
    recorded(tmp_path / "a.db", "ana")
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("DELETE FROM variables WHERE number = 1")
        connection.commit()
    with pytest.raises(UserError, match=r"a\.db: the trace is damaged"):
        memtrace.merge(tmp_path / "all.db", [tmp_path / "a.db"])
    assert not (tmp_path / "all.db").exists()


def test_appended_traces_do_not_depend_on_when_they_were_recorded(tmp_path: Path) -> None:
    for name in ("b", "a"):  # the second part was recorded first
        recorded(tmp_path / f"{name}.db", name)
    first, second = append(tmp_path / "all.db", [tmp_path / "a.db", tmp_path / "b.db"])
    assert list(first) == list(first.values()), "the first keeps its ids"
    assert set(first.values()).isdisjoint(second.values())
    for name, ids in (("a", first), ("b", second)):
        assert content(tmp_path / "all.db", name) == content(tmp_path / f"{name}.db", name)
        with (
            memtrace.open(tmp_path / f"{name}.db") as part,
            memtrace.open(tmp_path / "all.db") as whole,
        ):
            assert {v.id for v in part.variables()} == set(ids)
            for old, new in ids.items():
                assert part.value(old) == whole.value(new)


def test_appending_to_what_was_appended_keeps_its_ids(parts: list[Path], tmp_path: Path) -> None:
    append(tmp_path / "one.db", parts[:1])
    before, _ = append(tmp_path / "two.db", [tmp_path / "one.db", parts[1]])
    assert list(before) == list(before.values())


def test_metadata_stays_where_it_was_and_the_later_trace_wins(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with memtrace.record(tmp_path / f"{name}.db", metadata={"seed": 3, "who": name}) as run:
            run.annotate(f"system {name}", {"k": 1})
    append(tmp_path / "all.db", [tmp_path / "a.db", tmp_path / "b.db"])
    with memtrace.open(tmp_path / "all.db") as trace:
        assert trace.metadata["seed"] == 3
        assert trace.metadata["system a"] == trace.metadata["system b"] == {"k": 1}
        assert trace.metadata["who"] == "b"
        assert [part.get("who") for part in trace.metadata["merged"]] == ["a", None]


def test_an_append_that_fails_leaves_nothing(parts: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError):
        append(tmp_path / "all.db", [*parts, tmp_path / "none.db"])
    assert {path.name for path in tmp_path.glob("*all*")} == set()
