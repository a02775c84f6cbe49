"""`memtrace.repair` saves what can be read into a new file, and says what is gone."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError


def everything(path: Path) -> tuple[Any, ...]:
    with memtrace.open(path) as trace:
        variables = list(trace.variables())
        values = {variable.id: trace.value(variable.id) for variable in variables}
        return list(trace.operations()), variables, values, trace.metadata


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace ünï.db"
    with memtrace.record(path, metadata={"purpose": "to be saved"}):
        context = ""
        for turn in range(40):
            said = memtrace.variable(f"turn {turn}", kind="message", metadata={"n": turn})
            with memtrace.step("store", kind="update", inputs={"turn": said}) as op:
                op.output("note", {"turn": turn}, item=f"item-{turn % 3}")
                context += f"{turn}: " + " ".join(str(turn * n) for n in range(90)) + "\n"
                op.output("context", context)
        with memtrace.step("long", metadata={"text": "y" * 20_000}):
            pass
    return path


def test_a_sound_trace_comes_out_as_it_was(trace: Path, tmp_path: Path) -> None:
    report = memtrace.repair(trace, tmp_path / "saved.db")
    assert report.lost == ()
    assert everything(tmp_path / "saved.db") == everything(trace)


def test_what_stands_behind_a_damaged_list_of_tables_is_saved(trace: Path, tmp_path: Path) -> None:
    data = trace.read_bytes()
    whole = everything(trace)
    trace.write_bytes(bytes(4096) + data[4096:])
    assert memtrace.check(trace).verdict == "damaged"
    memtrace.repair(trace, tmp_path / "saved.db")
    assert everything(tmp_path / "saved.db") == whole


def test_a_lost_value_leaves_its_variable(trace: Path, tmp_path: Path) -> None:
    with sqlite3.connect(trace) as connection:
        connection.execute(
            "DELETE FROM blobs WHERE digest = (SELECT digest FROM variables WHERE number = 1)"
        )
    connection.close()
    report = memtrace.repair(trace, tmp_path / "saved.db")
    assert [(problem.kind, problem.examples) for problem in report.lost] == [
        ("value missing", ("var-1",))
    ]
    with memtrace.open(tmp_path / "saved.db") as saved:
        assert saved.value("var-1") is None
        assert saved.variable("var-1").metadata == {"n": 0, "value_lost": True}
        assert saved.graph.consumers("var-1") == ("op-2",)


def test_half_a_file_keeps_its_ids(trace: Path, tmp_path: Path) -> None:
    whole = everything(trace)
    data = trace.read_bytes()
    trace.write_bytes(data[: len(data) // 2 + 77])
    report = memtrace.repair(trace, tmp_path / "saved.db")
    assert report.lost
    assert memtrace.check(tmp_path / "saved.db", deep=True).ok
    _, variables, values, _ = everything(tmp_path / "saved.db")
    for variable in variables:
        if "value_lost" not in variable.metadata:
            assert values[variable.id] == whole[2][variable.id]


def test_a_repaired_trace_can_be_resumed(trace: Path, tmp_path: Path) -> None:
    memtrace.repair(trace, tmp_path / "saved.db")
    with memtrace.record(tmp_path / "saved.db", resume=True):
        added = memtrace.variable("more")
    with memtrace.open(tmp_path / "saved.db") as saved:
        assert saved.value(str(added.id)) == "more"


def test_version_1_is_brought_to_the_present_one(repo_root: Path, tmp_path: Path) -> None:
    old = repo_root / "tests/data/memtrace/trace_v1.db"
    memtrace.repair(old, tmp_path / "saved.db")
    assert everything(tmp_path / "saved.db")[:3] == everything(old)[:3]


@pytest.mark.parametrize("content", [b"", b"some text", bytes(5000), b"SQLite format 3\0"])
def test_where_nothing_can_be_saved_nothing_is_written(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(UserError):
        memtrace.repair(tmp_path / "x.db", tmp_path / "saved.db")
    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]


def test_it_writes_over_nothing(trace: Path, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("precious")
    with pytest.raises(UserError, match="something is here already"):
        memtrace.repair(trace, tmp_path / "here")
    with pytest.raises(UserError, match="something is here already"):
        memtrace.repair(trace, trace)
    assert (tmp_path / "here").read_text() == "precious"


def test_a_recording_in_progress_is_not_repaired(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "live.db"):
        memtrace.variable("x")
        with pytest.raises(UserError, match="a recording is writing"):
            memtrace.repair(tmp_path / "live.db", tmp_path / "saved.db")


def test_a_value_without_a_variable_comes_back_as_one(trace: Path, tmp_path: Path) -> None:
    with sqlite3.connect(trace) as connection:
        connection.execute("DELETE FROM variables WHERE number = 1")
        last = connection.execute("SELECT max(end_number) FROM operations").fetchone()[0]
    connection.close()
    report = memtrace.repair(trace, tmp_path / "saved.db")
    assert "variable lost" in {problem.kind for problem in report.lost}
    with memtrace.open(tmp_path / "saved.db") as saved:
        (recovered,) = saved.variables(kind="recovered")
        assert recovered.seq == last + 1
        assert saved.value(recovered.id) == "turn 0"


def test_a_list_of_tables_that_is_no_text_is_no_obstacle(trace: Path, tmp_path: Path) -> None:
    data = trace.read_bytes()
    name, garbled = b"tableinputsinputs", b"table\xff\xdcputsinputs"
    assert data.count(name) == 1
    trace.write_bytes(data.replace(name, garbled).replace(b"PRIMARY KEY (op", b"PRIMARY KEZ (op"))
    assert not memtrace.check(trace).ok
    memtrace.repair(trace, tmp_path / "saved.db")
    assert memtrace.check(tmp_path / "saved.db", deep=True).ok
