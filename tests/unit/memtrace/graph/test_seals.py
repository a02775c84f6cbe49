"""Seals: what changed in a trace after it was written is seen, and nothing else is."""

from __future__ import annotations

import enum
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import memtrace
from memtrace.graph.storage import seals
from memtrace.graph.storage.store import Batch, InputRow, OperationRow, Store, VariableRow


class Kind(str, enum.Enum):  # noqa: UP042 (its str() is not its value)
    NOTE = "note"


def write(path: Path, turns: int = 6) -> None:
    with memtrace.record(path, metadata={"purpose": "seals, übrigens"}, resume=True):
        for turn in range(turns):
            said = memtrace.variable(f"turn {turn}", kind="message", name=f"D{turn} ☀")
            with memtrace.step("store", kind="update", inputs={"turn": said},
                               parameters={"n": turn}) as op:  # fmt: skip
                op.output("note", f"note {turn}", kind=Kind.NOTE, item=f"item-{turn % 3}")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    write(tmp_path / "trace.db")
    return tmp_path / "trace.db"


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    changed = connection.execute(statement).rowcount
    connection.commit()
    connection.close()
    assert changed != 0


def assert_sound(path: Path) -> None:
    report = memtrace.check(path, deep=True)
    assert report.ok, report
    assert not any("seals" in note for note in report.notes), report


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE operations SET kind = 'updatf' WHERE number = 2", "operations"),
        ("UPDATE operations SET name = 'Store' WHERE number = 2", "operations"),
        ("UPDATE operations SET parameters = '{\"n\":7}' WHERE number = 2", "operations"),
        ("UPDATE operations SET started_ns = started_ns + 1 WHERE number = 2", "operations"),
        ("UPDATE operations SET finished_ns = NULL WHERE number = 2", "operations"),
        ("UPDATE operations SET end_number = end_number + 1 WHERE number = 2", "operations"),
        ("UPDATE variables SET kind = 'massage' WHERE number = 1", "variables"),
        ("UPDATE variables SET name = 'D0 ☁' WHERE number = 1", "variables"),
        ("UPDATE variables SET role = 'node' WHERE role = 'note' AND number < 9", "variables"),
        ("UPDATE variables SET created_ns = created_ns + 1 WHERE number = 1", "variables"),
        ("UPDATE variables SET producer = NULL WHERE producer = 2", "variables"),
        ("UPDATE variables SET is_deletion = 1 WHERE item = 'item-0'", "variables"),
        ("UPDATE variables SET item = 'item-9' WHERE item = 'item-2'", "variables"),
        ("UPDATE variables SET metadata = '{}' WHERE number = 1", "variables"),
        ("UPDATE inputs SET role = 'turm' WHERE operation = 2", "input edges"),
        ("UPDATE inputs SET variable = 1 WHERE operation > 2", "input edges"),
        ("UPDATE inputs SET place = 1 WHERE operation = 2", "input edges"),
        ("DELETE FROM inputs WHERE operation = 2", "input edges"),
        ("INSERT INTO inputs VALUES (2, 1, 'turn', 1)", "input edges"),
        ("UPDATE meta SET value = '\"SEALS\"' WHERE key = 'purpose'", "metadata"),
        ("DELETE FROM meta WHERE key = 'purpose'", "metadata"),
        ("UPDATE seals SET total = total + 1 WHERE name = 'inputs'", "input edges"),
        ("UPDATE seals SET rows = 'six' WHERE name = 'inputs'", "input edges"),
        ("UPDATE seals SET total = x'00ff' WHERE name = 'inputs'", "input edges"),
        ("DELETE FROM seals WHERE name = 'inputs'", "input edges"),
    ],
)
def test_a_change_by_hand_is_found_and_its_table_named(
    trace: Path, statement: str, table: str
) -> None:
    assert_sound(trace)
    change(trace, statement)
    report = memtrace.check(trace)
    assert report.verdict == "damaged"
    (changed,) = [problem for problem in report.problems if problem.kind == "changed"]
    assert [example.split(":")[0] for example in changed.examples] == [table]


def test_a_value_moved_from_one_variable_to_another_is_found(trace: Path) -> None:
    change(trace, "UPDATE variables SET digest = (SELECT digest FROM variables v WHERE"
           " v.number = 4 - variables.number) WHERE number IN (1, 3)")  # fmt: skip
    assert {problem.kind for problem in memtrace.check(trace).problems} == {"changed"}


def test_lost_rows_are_counted(trace: Path) -> None:
    change(trace, "DELETE FROM inputs WHERE operation > 8")
    assert "input edges: 2 rows are left of 6" in str(memtrace.check(trace))


# What writes, keeps them ----------------------------------------------------------------------


def test_a_trace_being_recorded_is_sound_all_along(tmp_path: Path) -> None:
    path = tmp_path / "trace.db"
    with memtrace.record(path) as run, memtrace.step("outer", parameters={"a": 1}) as outer:
        for turn in range(5):
            with memtrace.step("inner", inputs={"x": f"given {turn}"}) as op:
                op.output("y", turn)
            run.flush()
            assert_sound(path)
        outer.output("z", "late")
    assert_sound(path)


def test_a_log_cut_at_a_commit_is_a_sound_shorter_recording(tmp_path: Path) -> None:
    path, cut = tmp_path / "trace.db", tmp_path / "cut.db"
    with memtrace.record(path) as run:
        lengths = []
        for turn in range(3):
            with memtrace.step("store", inputs={"x": f"said {turn}"}):
                pass
            run.flush()
            lengths.append(Path(f"{path}-wal").stat().st_size)
        shutil.copy(path, cut)
        Path(f"{cut}-wal").write_bytes(Path(f"{path}-wal").read_bytes()[: lengths[1]])
    assert lengths[1] < lengths[2]
    assert_sound(cut)
    assert (memtrace.check(cut).counts or {})["operations"] == 2


def test_a_resumed_trace_is_sound(trace: Path) -> None:
    write(trace)
    assert_sound(trace)


def test_a_killed_and_resumed_trace_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "trace.db"
    code = (
        "import os, sys, memtrace\n"
        "run = memtrace.record(sys.argv[1])\n"
        "with memtrace.step('outer', inputs={'x': 'said'}), memtrace.step('inner') as op:\n"
        "    op.output('y', 1)\n"
        "    run.flush()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    report = memtrace.check(path, deep=True)
    assert report.ok, report
    with memtrace.record(path, resume=True) as run:
        assert run.interrupted == 2
    assert_sound(path)


def test_two_connections_that_write_by_turns_add_up(tmp_path: Path) -> None:
    path = tmp_path / "trace.db"
    with memtrace.record(path, processes=True):
        code = (
            "import sys, memtrace\n"
            "with memtrace.join(sys.argv[1]) as run:\n"
            "    for n in range(40):\n"
            "        with memtrace.step('there', inputs={'x': f'there {n}'}) as op:\n"
            "            op.output('y', n)\n"
            "        run.flush()\n"
        )
        children = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(2)]
        for number in range(40):
            with memtrace.step("here", inputs={"x": f"here {number}"}) as op:
                op.output("y", number)
        assert [child.wait() for child in children] == [0, 0]
    assert_sound(path)
    assert (memtrace.check(path).counts or {})["operations"] == 120


def test_merged_traces_are_sound(trace: Path, tmp_path: Path) -> None:
    write(tmp_path / "other.db", 3)
    memtrace.merge(tmp_path / "both.db", [trace, tmp_path / "other.db"])
    assert_sound(tmp_path / "both.db")


def test_an_imported_trace_is_sound(repo_root: Path, tmp_path: Path) -> None:
    data = repo_root / "tests/data/memtrace"
    memtrace.import_memtracebench(data / "smartcomment_small.json", tmp_path / "s.db")
    memtrace.import_otlp(data / "otlp_langfuse_trace.json", tmp_path / "o.db")
    assert_sound(tmp_path / "s.db")
    assert_sound(tmp_path / "o.db")


def test_a_batch_that_fails_leaves_no_trace_in_the_seals(tmp_path: Path) -> None:
    store = Store(tmp_path / "trace.db", resume=False)
    variable = VariableRow(
        1, "k", None, "text", "said", None, None, 0, None, None, False, None, 5, None
    )
    store.write(Batch(variables=[variable]))
    with pytest.raises(sqlite3.IntegrityError):
        store.write(Batch(variables=[variable._replace(number=2), variable]))
    store.close()
    assert_sound(tmp_path / "trace.db")


def test_types_that_sqlite_converts_are_counted_as_they_are_stored(tmp_path: Path) -> None:
    store = Store(tmp_path / "trace.db", resume=False)
    store.write(Batch(
        variables=[VariableRow(True, Kind.NOTE, 7, "text", "said", None, None, 0, None, None,  # type: ignore[arg-type]
                               False, None, 5.0, None)],  # type: ignore[arg-type]
        operations=[OperationRow(2, 3, Kind.NOTE, "name", None, None, 8, None, None, None, 5, 6,  # type: ignore[arg-type]
                                 None)],
        inputs=[InputRow(2, 0, Kind.NOTE, True)],
    ))  # fmt: skip
    store.close()
    assert_sound(tmp_path / "trace.db")


# Files without them ---------------------------------------------------------------------------


@pytest.fixture(params=["version 1", "version 2 before seals"])
def unsealed(request: pytest.FixtureRequest, trace: Path, repo_root: Path) -> Path:
    if request.param == "version 1":
        shutil.copy(repo_root / "tests/data/memtrace/trace_v1.db", trace)
    else:
        change(trace, "DROP TABLE seals")
    return trace


def test_an_unsealed_file_is_sound_and_said_to_be_unsealed(unsealed: Path) -> None:
    report = memtrace.check(unsealed)
    assert report.ok
    assert "seals" in " ".join(report.notes)


def test_an_unsealed_file_is_sealed_when_it_is_written(unsealed: Path) -> None:
    write(unsealed)
    assert_sound(unsealed)
    change(unsealed, "UPDATE variables SET kind = 'kinf' WHERE number = 1")
    assert not memtrace.check(unsealed).ok


def test_writing_to_a_changed_file_does_not_hide_the_change(trace: Path) -> None:
    change(trace, "UPDATE variables SET name = 'D9' WHERE number = 1")
    write(trace)
    assert {problem.kind for problem in memtrace.check(trace).problems} == {"changed"}


# Repair ---------------------------------------------------------------------------------------


def test_a_repaired_file_is_sealed_and_the_report_says_what_changed(
    trace: Path, tmp_path: Path
) -> None:
    change(trace, "UPDATE variables SET kind = 'kinf' WHERE number = 1")
    change(trace, "DELETE FROM inputs WHERE operation = 2")
    report = memtrace.repair(trace, tmp_path / "saved.db")
    assert_sound(tmp_path / "saved.db")
    assert "variables: at least one of 12 rows changed" in str(report)
    assert "input edges: 5 rows are left of 6" in str(report)


def test_repairing_a_whole_or_an_unsealed_file_loses_nothing(
    unsealed: Path, tmp_path: Path
) -> None:
    for number in range(2):
        report = memtrace.repair(unsealed, tmp_path / f"saved{number}.db")
        assert report.lost == ()
        assert_sound(tmp_path / f"saved{number}.db")
        write(unsealed)


def test_the_sum_does_not_depend_on_the_order() -> None:
    rows = [(number, "text", None) for number in range(7)]
    assert seals.total(rows) == seals.total(rows[::-1])
    assert seals.total(rows)[0] == 7
