"""Many rows by one statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from memtrace.graph.storage.bulk import insert


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (key INTEGER PRIMARY KEY, value TEXT NOT NULL)")
    yield connection
    connection.close()


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 1234])
def test_every_row_arrives(table: sqlite3.Connection, count: int) -> None:
    rows = [(number, f"row {number}") for number in range(count)]
    insert(table, "t", rows)
    assert table.execute("SELECT * FROM t ORDER BY key").fetchall() == rows


def test_a_key_taken_is_an_error_or_replaced(table: sqlite3.Connection) -> None:
    insert(table, "t", [(1, "old")])
    with pytest.raises(sqlite3.IntegrityError):
        insert(table, "t", [(1, "new")])
    insert(table, "t", [(1, "new")], replace=True)
    assert table.execute("SELECT * FROM t").fetchall() == [(1, "new")]
