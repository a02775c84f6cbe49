"""A disk that fails for a while: nothing is written past what failed, and nothing is forgotten."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import memtrace
from lmcommon.errors import UserError
from memtrace.graph.recording.writer import Writer
from memtrace.graph.storage.store import Batch, Store, VariableRow


class Moody(Store):
    """A store on a disk that is full at will."""

    is_full = False

    def write(self, batch: Batch) -> None:
        if self.is_full:
            raise sqlite3.OperationalError("database or disk is full")
        super().write(batch)


def row(number: int) -> VariableRow:
    return VariableRow(
        number, "value", None, "text", f"v{number}", None, None, 0, None, None, False, None, 0, None
    )


def test_what_could_not_be_written_is_written_at_the_end_and_in_order(tmp_path: Path) -> None:
    store = Moody(tmp_path / "t.db", resume=False)
    queue = [Batch(variables=[row(1)])]
    writer = Writer(store, lambda: queue.pop(0) if queue else Batch())
    writer.flush()
    store.is_full = True
    queue.append(Batch(variables=[row(2)]))
    with pytest.raises(UserError, match="disk is full"):
        writer.flush()
    store.is_full = False
    queue.append(Batch(variables=[row(3)]))
    with pytest.raises(UserError):  # what failed is not recorded past, even with room again
        writer.flush()
    with memtrace.open(tmp_path / "t.db") as trace:
        assert [variable.id for variable in trace.variables()] == ["var-1"]
    writer.stop()
    store.close()
    with memtrace.open(tmp_path / "t.db") as trace:
        assert [trace.value(v.id) for v in trace.variables()] == ["v1", "v2", "v3"]
