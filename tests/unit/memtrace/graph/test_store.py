"""The writing side of a trace file: values once, whole batches, nothing lost in silence."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError
from memtrace.graph.storage.chunks import CHUNK_FROM_BYTES
from memtrace.graph.storage.deposit import Deposit
from memtrace.graph.storage.store import Batch, OperationRow, Store, VariableRow

WORDS = ["Lisbon", "moved", "because", "work", "rain", "user", "likes", "tea", "never", "Sunday"]


def prose(size: int, seed: int) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) + str(draw.randrange(100)) for _ in range(size // 8))


def count(path: Path, what: str) -> Any:
    connection = sqlite3.connect(path)
    found = connection.execute(f"SELECT {what}").fetchone()[0]
    connection.close()
    return found


def row(number: int, payload: str, producer: int | None = None) -> VariableRow:
    return VariableRow(
        number, "value", None, "text", payload, producer, None, 0, None, None, False, None, 0, None
    )


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_values_around_the_length_from_which_they_are_cut(tmp_path: Path, extra: int) -> None:
    value = prose(CHUNK_FROM_BYTES * 2, 0)[: CHUNK_FROM_BYTES + extra]
    with memtrace.record(tmp_path / "t.db"):
        handle = memtrace.variable(value)
    with memtrace.open(tmp_path / "t.db") as trace:
        assert trace.value(handle.id or "") == value
    codec = "pack" if extra < 0 else "chunks"
    assert count(tmp_path / "t.db", "codec FROM blobs") == codec


@pytest.mark.parametrize("size", [20, 20_000])
def test_a_value_is_stored_once(tmp_path: Path, size: int) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path) as run:
        for _ in range(3):
            memtrace.variable(prose(size, 1))
            memtrace.variable(prose(size, 1))
            run.flush()
    assert count(path, "count(*) FROM blobs") == 1
    assert count(path, "sum(size) FROM packs") == len(prose(size, 1))


@pytest.mark.parametrize("size", [20, 20_000])
def test_a_recording_taken_up_shares_what_is_there(tmp_path: Path, size: int) -> None:
    path = tmp_path / "t.db"
    for _ in range(3):
        with memtrace.record(path, resume=True):
            memtrace.variable(prose(size, 1))
    assert count(path, "count(*) FROM blobs") == 1
    assert count(path, "sum(size) FROM packs") == len(prose(size, 1))


def test_a_longer_version_is_stored_as_its_growth(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    whole = prose(200_000, 1)
    with memtrace.record(path):
        memtrace.variable(whole[:190_000])
    with memtrace.record(path, resume=True):
        handle = memtrace.variable(whole)
    assert count(path, "sum(size) FROM packs") <= len(whole) + 4_096
    with memtrace.open(path) as trace:
        assert trace.value(handle.id or "") == whole


def test_text_and_json_of_equal_bytes_are_two_values(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        one, two = memtrace.variable("[1]"), memtrace.variable([1])
    with memtrace.open(tmp_path / "t.db") as trace:
        assert (trace.value(one.id or ""), trace.value(two.id or "")) == ("[1]", [1])


def test_what_memory_forgot_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memtrace.graph.storage.known._KEPT", 50)
    path = tmp_path / "t.db"
    with memtrace.record(path) as run:
        for again in range(2):
            for number in range(500):
                memtrace.variable(f"value {number}")
                if number % 20 == again:
                    run.flush()
    assert count(path, "count(*) FROM blobs") == 500
    assert count(path, "count(*) FROM variables") == 1000


def test_two_writers_of_one_file_share_values(tmp_path: Path) -> None:
    first = Store(tmp_path / "t.db", resume=False)
    other = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    deposit = Deposit(other)
    first.write(Batch(variables=[row(1, prose(30_000, 1)), row(2, "short")]))
    other.execute("BEGIN IMMEDIATE")
    deposit.put([("text", prose(30_000, 1)), ("text", "short"), ("text", prose(30_000, 2))])
    other.execute("COMMIT")
    first.write(Batch(variables=[row(3, prose(30_000, 2)), row(4, "short")]))
    other.close()
    first.close()
    assert count(tmp_path / "t.db", "count(*) FROM blobs") == 3
    with memtrace.open(tmp_path / "t.db") as trace:
        assert trace.value("var-3") == prose(30_000, 2)


def test_a_refused_batch_leaves_no_trace_and_the_next_is_whole(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.db", resume=False)
    store.write(Batch(variables=[row(1, "first")]))
    bad = OperationRow(
        5, 6, "x", None, None, None, None, None, None, None, 0, None, None  # type: ignore[arg-type]
    )  # fmt: skip
    with pytest.raises(sqlite3.IntegrityError):
        store.write(Batch(variables=[row(2, prose(9_000, 1), 5)], operations=[bad]))
    store.write(Batch(variables=[row(2, prose(9_000, 1))]))
    store.close()
    with memtrace.open(tmp_path / "t.db") as trace:
        assert [variable.id for variable in trace.variables()] == ["var-1", "var-2"]
        assert trace.value("var-2") == prose(9_000, 1)


FULL_DISK = """
import random, resource, signal, sys
import memtrace
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
number = 0
try:
    with memtrace.record(sys.argv[1]) as run:
        while number < 5_000:
            memtrace.variable(f"{number} " + random.Random(number).randbytes(500).hex())
            if number % 10 == 9:
                run.flush()
                print(number + 1, flush=True)
            number += 1
except memtrace_error as error:
    print("refused:", error)
"""


def test_a_full_disk_is_told_and_what_was_flushed_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    code = FULL_DISK.replace("memtrace_error", "UserError").replace(
        "import memtrace\n", "import memtrace\nfrom lmcommon.errors import UserError\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    *flushed, last = done.stdout.splitlines()
    assert "refused:" in last, done.stdout[-300:] + done.stderr[-2000:]
    assert "writing the trace failed" in last
    with memtrace.open(path) as trace:
        values = [trace.value(variable.id) for variable in trace.variables()]
    assert int(flushed[-1]) <= len(values)
    for number, value in enumerate(values):
        assert value == f"{number} " + random.Random(number).randbytes(500).hex()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to read-only folders")
def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises((UserError, PermissionError)):
        Store(tmp_path / "t.db", resume=False)
    tmp_path.chmod(0o700)
