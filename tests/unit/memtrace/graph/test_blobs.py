"""Reading values, however they are stored."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import memtrace
from lmcommon.errors import UserError

LONG = " ".join(f"word{number}" for number in range(9_000))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A trace with values in packs and in chunks."""
    with memtrace.record(tmp_path / "t.db"):
        for number in range(2_000):
            memtrace.variable(f"value {number} " + "and its text " * 20)
        memtrace.variable(LONG)
        memtrace.variable(LONG + " and more")
    return tmp_path / "t.db"


def spoil(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_values_come_in_any_order(path: Path) -> None:
    with memtrace.open(path) as trace:
        for number in (1, 2_000, 7, 1_500, 2_000, 8):
            assert trace.value(f"var-{number}").startswith(f"value {number - 1} and")
        assert trace.value("var-2002") == LONG + " and more"


def test_threads_may_read_at_once(path: Path) -> None:
    numbers = [*range(1, 2_001, 3), 2_001] * 2
    with memtrace.open(path) as trace, ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda number: trace.value(f"var-{number}"), numbers))
    for number, value in zip(numbers, values, strict=True):
        assert value == LONG if number == 2_001 else value.startswith(f"value {number - 1} ")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM packs",
        "UPDATE packs SET data = x'00'",
        "UPDATE packs SET codec = 'rot13'",
        "UPDATE packs SET data = 17",
        "DELETE FROM chunks WHERE number = 3",
        "UPDATE chunks SET offset = 'far'",
        "UPDATE chunks SET offset = offset + 1 WHERE number < 5",
        "UPDATE chunks SET size = -1",
        "UPDATE blobs SET data = x'01'",
        "UPDATE blobs SET data = 'text'",
        "UPDATE blobs SET codec = 'rot13'",
        "UPDATE blobs SET encoding = 'rot13'",
        "UPDATE blobs SET data = x'0002ffffffffffff7f'",
    ],
)
def test_damage_names_the_variable(path: Path, statement: str) -> None:
    spoil(path, statement)
    with memtrace.open(path) as trace, pytest.raises(UserError, match=r"t\.db.*damaged"):
        trace.value("var-2001")


def test_values_can_be_read_while_more_are_written(tmp_path: Path) -> None:
    def write(run: memtrace.Recorder) -> None:
        context = ""
        for number in range(300):
            context += f"{number}: what was said; " * 20
            run.variable(context)
            if number % 7 == 0:
                run.flush()

    with memtrace.record(tmp_path / "t.db") as run, memtrace.open(tmp_path / "t.db") as trace:
        thread = threading.Thread(target=write, args=(run,))
        thread.start()
        seen = 0
        while thread.is_alive():
            for variable in trace.variables(ids=[f"var-{seen + 1}"]):
                assert trace.value(variable.id).endswith(f"{seen}: what was said; ")
                seen += 1
        run.flush()
        assert trace.value("var-300").endswith("299: what was said; ")
    assert seen > 0
