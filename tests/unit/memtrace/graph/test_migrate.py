"""Older trace files: read as they are, brought to the present layout when written."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError
from memtrace.graph.storage import schema
from memtrace.graph.storage.migrate import migrate

VALUES: dict[str, Any] = {
    "var-1": "I moved to Lisbon in May. " * 12,
    "var-3": {"who": "user", "city": "Lisboa \u2600", "n": [1, 2.5, None]},
    "var-4": ("a", {"b", "c"}, b"\x00\xff"),
    "var-5": bytes(range(256)) * 2,
    "var-6": "",
    "var-7": "bad \ud800 end",
}


@pytest.fixture
def old(repo_root: Path, tmp_path: Path) -> Path:
    """A trace that schema version 1 wrote."""
    return Path(shutil.copy(repo_root / "tests/data/memtrace/trace_v1.db", tmp_path / "old.db"))


def values(path: Path) -> dict[str, Any]:
    with memtrace.open(path) as trace:
        return {identifier: trace.value(identifier) for identifier in VALUES}


def layout(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return found


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    found = schema.check(connection, path)
    connection.close()
    return found


def test_a_version_1_file_is_read_without_a_change(old: Path) -> None:
    before = old.read_bytes()
    assert values(old) == VALUES
    assert old.read_bytes() == before


def test_opening_for_writing_migrates_and_keeps_every_value(old: Path) -> None:
    with memtrace.record(old, resume=True):
        new = memtrace.variable("said after the migration " * 20)
    assert version(old) == schema.SCHEMA_VERSION
    assert values(old) == VALUES
    with memtrace.open(old) as trace:
        assert trace.value(new.id or "") == "said after the migration " * 20
        assert trace.metadata["made_by"] == "schema version 1"


def test_a_migrated_file_has_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    for path in (old, tmp_path / "new.db"):
        with memtrace.record(path, resume=True):
            pass
    names = [name for name, _ in layout(tmp_path / "new.db")]
    assert [name for name, _ in layout(old)] == names


def test_a_failed_migration_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = ("CREATE TABLE halfway (number)", "CREATE TABLE")
    monkeypatch.setattr("memtrace.graph.storage.migrate.MIGRATIONS", {1: broken})
    before = layout(old)
    connection = sqlite3.connect(old, isolation_level=None)
    with pytest.raises(UserError, match=r"old\.db"):
        migrate(connection, old)
    connection.close()
    assert layout(old) == before
    assert version(old) == 1


def test_a_newer_version_is_refused_for_writing(old: Path) -> None:
    connection = sqlite3.connect(old)
    connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match="schema version 99"):
        memtrace.record(old, resume=True)
