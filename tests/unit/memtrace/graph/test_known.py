"""Which digests a table holds, with a memory that forgets."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator

import pytest

from memtrace.graph.storage import schema
from memtrace.graph.storage.known import Known


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.create(connection)
    yield connection
    connection.close()


def put(connection: sqlite3.Connection, known: Known, digests: list[bytes]) -> None:
    for digest in digests:
        cursor = connection.execute(
            "INSERT INTO blobs VALUES (?, 'text', 'raw', 0, x'')", (digest,)
        )
        known.add({digest: cursor.lastrowid or 0})


def test_every_digest_is_found_after_memory_forgot_it(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memtrace.graph.storage.known._KEPT", 20)
    draw = random.Random(0)
    digests = [draw.randbytes(16) for _ in range(300)]
    known = Known(connection, "blobs")
    put(connection, known, digests)
    assert not known.remembers(digests[0])
    strangers = [draw.randbytes(16) for _ in range(300)]
    assert known.among([*strangers, *digests]) == dict(zip(digests, range(1, 301), strict=True))


def test_a_new_digest_of_an_own_file_costs_no_look_at_the_table(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memtrace.graph.storage.known._KEPT", 20)
    draw = random.Random(0)
    known = Known(connection, "blobs")
    put(connection, known, [draw.randbytes(16) for _ in range(300)])
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    assert known.among([draw.randbytes(16) for _ in range(300)]) == {}
    assert [statement for statement in asked if "FROM blobs" in statement] == []


def test_what_the_file_held_before_is_found(connection: sqlite3.Connection) -> None:
    put(connection, Known(connection, "blobs"), [b"a" * 16])
    assert Known(connection, "blobs").among([b"a" * 16, b"b" * 16]) == {b"a" * 16: 1}
