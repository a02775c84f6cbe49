"""`memtrace.check` says what a file is and what is wrong with it, and never fails itself."""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from pathlib import Path

import pytest

import memtrace
from memtrace.graph.checking.pages import Pages
from memtrace.graph.checking.salvage import SHAPES
from memtrace.graph.storage.schema import SCHEMA_VERSION


def write(path: Path, turns: int = 8) -> None:
    with memtrace.record(path):
        for turn in range(turns):
            said = memtrace.variable(f"turn {turn} " * 9, kind="message", name=f"D{turn}")
            with memtrace.step("store", kind="update", inputs={"turn": said}) as op:
                op.output("note", f"note {turn} " * 9, kind="memory_item", item=f"item-{turn % 3}")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    write(tmp_path / "trace.db")
    return tmp_path / "trace.db"


def change(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def kinds(report: memtrace.CheckReport) -> set[str]:
    return {problem.kind for problem in report.problems}


def test_a_whole_trace_is_sound(trace: Path) -> None:
    report = memtrace.check(trace, deep=True)
    assert report.ok
    assert report.problems == ()
    assert report.schema == SCHEMA_VERSION
    assert report.counts == {"operations": 8, "variables": 16, "input edges": 8, "values": 16}


def test_a_trace_of_version_1_is_sound(repo_root: Path) -> None:
    report = memtrace.check(repo_root / "tests/data/memtrace/trace_v1.db", deep=True)
    assert report.ok, report
    assert report.schema == 1


@pytest.mark.parametrize(
    ("content", "verdict", "said"),
    [
        (b"", "empty", "no bytes"),
        (b"hello there, this is text", "foreign", "text"),
        ("ein übler Text".encode(), "foreign", "text"),
        (b'\xef\xbb\xbf  {"operations": []}', "foreign", "JSON"),
        (b"\x1f\x8b\x08\0", "foreign", "gzip"),
        (b"PK\x03\x04", "foreign", "zip"),
        (bytes(9000), "foreign", "zeros"),
        (bytes(range(128, 256)), "foreign", "no kind known"),
        (b"SQLite format 3\0", "damaged", "page"),
    ],
)
def test_what_is_no_trace_is_named(tmp_path: Path, content: bytes, verdict: str, said: str) -> None:
    (tmp_path / "x").write_bytes(content)
    report = memtrace.check(tmp_path / "x")
    assert report.verdict == verdict
    assert said in str(report)
    assert not report.ok


def test_nothing_and_a_folder_are_missing(tmp_path: Path) -> None:
    assert memtrace.check(tmp_path / "none.db").verdict == "missing"
    assert "a folder is here" in str(memtrace.check(tmp_path))


def test_databases_of_others_are_foreign(tmp_path: Path) -> None:
    change(
        tmp_path / "other.db", "CREATE TABLE songs (name TEXT)", "INSERT INTO songs VALUES ('x')"
    )
    assert "another program (1 tables)" in str(memtrace.check(tmp_path / "other.db"))
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("a", "b")
    assert memtrace.check(tmp_path / "z.zip").verdict == "foreign"


def test_a_newer_schema_is_not_called_damage(trace: Path) -> None:
    change(trace, "UPDATE meta SET value = '99' WHERE key = 'schema'")
    report = memtrace.check(trace)
    assert report.verdict == "newer"
    assert "Upgrade" in report.advice


@pytest.mark.parametrize(
    ("statement", "kind", "example"),
    [
        ("DELETE FROM operations WHERE number = 2", "edge without end", "var-3"),
        ("DELETE FROM variables WHERE number = 1", "edge without end", "op-2"),
        ("UPDATE operations SET parent = 999 WHERE number = 2", "edge without end", "op-2"),
        ("UPDATE variables SET source = 999 WHERE number = 3", "edge without end", "var-3"),
        ("UPDATE variables SET producer = 10 WHERE number = 3", "edge without end", "var-3"),
        ("UPDATE inputs SET variable = 3 WHERE operation = 2", "cycle", "op-2"),
        ("UPDATE operations SET end_number = 1 WHERE number = 2", "order broken", "op-2"),
        ("DELETE FROM blobs WHERE digest = (SELECT digest FROM variables WHERE number = 1)",
         "value missing", "var-1"),
        ("UPDATE variables SET metadata = '[1' WHERE number = 1", "row damaged", "var-1"),
        ("UPDATE variables SET metadata = '[1]' WHERE number = 1", "row damaged", "var-1"),
        ("UPDATE operations SET name = CAST(x'ff41' AS TEXT) WHERE number = 2", "row damaged",
         "op-2"),
        ("UPDATE operations SET started_ns = 'soon' WHERE number = 2", "row damaged", "op-2"),
        ("UPDATE blobs SET codec = 'rar' WHERE rowid = 1", "row damaged", ""),
        ("UPDATE meta SET value = '{' WHERE key = 'run'", "row damaged", "run"),
        ("UPDATE operations SET number = -5 WHERE number = 2", "row damaged", "op--5"),
        ("UPDATE meta SET key = CAST(x'ff41' AS TEXT) WHERE key = 'run'", "row damaged", "A"),
        ("DELETE FROM meta WHERE key = 'schema'", "row damaged", ""),
        ("PRAGMA application_id = 7", "header damaged", ""),
        ("INSERT INTO operations (number, kind, name, started_ns) VALUES (1, 'a', 'b', 0)",
         "number used twice", "op-1"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_found_and_mended(
    trace: Path, statement: str, kind: str, example: str
) -> None:
    change(trace, statement)
    report = memtrace.check(trace)
    assert kind in kinds(report), report
    assert example in str(report)
    memtrace.repair(trace, trace.with_name("saved.db"))
    again = memtrace.check(trace.with_name("saved.db"), deep=True)
    assert again.ok, again


def test_only_a_deep_check_decodes_values(trace: Path) -> None:
    change(trace, "UPDATE packs SET data = zeroblob(length(data))")
    assert memtrace.check(trace).ok
    report = memtrace.check(trace, deep=True)
    assert kinds(report) == {"value damaged"}
    assert report.problems[0].count == 16
    assert len(report.problems[0].examples) == 5


def test_an_index_that_lacks_a_row_is_found(trace: Path) -> None:
    """Readers go by the index, so they would not find the value any more."""
    with Pages(trace) as pages:
        index = next(
            number for number in range(1, pages.count + 1)
            for cell in pages.cells(number)
            if cell.rowid is None and [type(v) for v in cell.values] == [bytes, int]
        )  # fmt: skip
        head = pages.page(index)[:5]
    data = bytearray(trace.read_bytes())
    start = (index - 1) * 4096
    data[start + 3 : start + 5] = (int.from_bytes(head[3:5], "big") - 1).to_bytes(2, "big")
    trace.write_bytes(data)
    report = memtrace.check(trace)
    assert "index damaged" in kinds(report) or "page damaged" in kinds(report)
    assert report.can_be_saved is not None
    assert report.can_be_saved["values"] == 16


def test_a_recording_in_progress_is_told_and_checked(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "live.db") as run:
        memtrace.variable("x")
        run.flush()
        report = memtrace.check(tmp_path / "live.db", deep=True)
        assert report.ok
        assert report.is_recording
        assert "a recording is writing" in str(report)
        assert report.counts is not None
        assert report.counts["variables"] == 1


def test_a_damaged_log_is_found(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "live.db") as run:
        for number in range(5):
            memtrace.variable(f"x {number}")
            run.flush()
        for suffix in ("", "-wal"):
            shutil.copy(tmp_path / f"live.db{suffix}", tmp_path / f"copy.db{suffix}")
    whole = memtrace.check(tmp_path / "copy.db")
    assert whole.ok, whole
    log = tmp_path / "copy.db-wal"
    data = bytearray(log.read_bytes())
    data[32 + 24 + 4096 * 3] ^= 1
    log.write_bytes(data)
    report = memtrace.check(tmp_path / "copy.db")
    assert "log damaged" in kinds(report), report
    log.unlink()
    assert "put it beside the trace" in str(memtrace.check(tmp_path / "copy.db"))


def test_the_checked_file_is_left_as_it_was(trace: Path) -> None:
    change(
        trace, "DELETE FROM blobs WHERE digest = (SELECT digest FROM variables WHERE number = 1)"
    )
    before = trace.read_bytes()
    memtrace.check(trace, deep=True)
    assert trace.read_bytes() == before
    assert [path.name for path in trace.parent.iterdir()] == ["trace.db"]


def test_progress_is_told(trace: Path) -> None:
    told: set[str] = set()
    memtrace.check(trace, deep=True, tick=lambda what, done, total: told.add(what))
    assert "decoding values" in told


def test_salvage_knows_the_columns_of_every_table(trace: Path) -> None:
    connection = sqlite3.connect(trace)
    tables = [row[0] for row in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'")]  # fmt: skip
    columns = {
        name: len(connection.execute(f"PRAGMA table_info({name})").fetchall()) for name in tables
    }
    connection.close()
    assert {name: len(shape) for name, shape in SHAPES.items()} == columns
