"""Records of an import: a repair keeps them, a deep check reads them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

import memtrace

FIXTURE = next((Path(__file__).parents[3] / "data" / "memtrace").glob("smartcomment*.json"))


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    memtrace.import_memtracebench(FIXTURE, tmp_path / "trace.db")
    return tmp_path / "trace.db"


def test_a_repair_keeps_what_an_export_needs(imported: Path, tmp_path: Path) -> None:
    report = memtrace.repair(imported, tmp_path / "saved.db")
    assert report.lost == ()
    memtrace.export_memtracebench(tmp_path / "saved.db", tmp_path / "again.json")
    again = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))
    assert again == json.loads(FIXTURE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "damage",
    ["UPDATE records SET data = x'00' WHERE number = 2", "DELETE FROM records WHERE number = 1"],
)
def test_damaged_records_are_found_and_told(imported: Path, tmp_path: Path, damage: str) -> None:
    with sqlite3.connect(imported) as connection:
        connection.execute(damage)
    connection.close()
    found = memtrace.check(imported, deep=True)
    assert [problem.kind for problem in found.problems] == ["records damaged"]
    lost = memtrace.repair(imported, tmp_path / "saved.db").lost
    assert [problem.kind for problem in lost] == ["records damaged"]
    assert memtrace.check(tmp_path / "saved.db", deep=True).ok
