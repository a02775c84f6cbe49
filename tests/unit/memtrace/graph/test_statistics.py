"""The figures of a trace are those of what was recorded."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

import memtrace
from lmcommon.errors import UserError
from memtrace.graph.reading.statistics import statistics


def test_everything_is_counted(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        for turn in range(3):
            with memtrace.step("store", kind="update") as op:
                op.output("note", "the same", kind="memory_item", item=f"item-{turn % 2}")
                op.output("other", "ü" * 100, kind="value")
                op.usage(model="tiny", usage={"prompt_tokens": 7, "cost_usd": 0.5})
        with contextlib.suppress(ValueError), memtrace.step("fail", kind="check"):
            raise ValueError("no")
    found = statistics(tmp_path / "t.db")
    assert [(kind.kind, kind.count, kind.errors) for kind in found.operations] == [
        ("update", 3, 0), ("check", 1, 1)
    ]  # fmt: skip
    assert [(v.kind, v.count, v.distinct, v.recorded_bytes) for v in found.variables] == [
        ("memory_item", 3, 1, 24), ("value", 3, 1, 600)
    ]  # fmt: skip
    assert found.errors == {"ValueError": 1}
    assert found.models == {"tiny": {"operations": 3, "prompt_tokens": 21, "cost_usd": 1.5}}
    assert (found.items, found.versions, found.deletions) == (2, 3, 0)
    assert (found.values, found.distinct_bytes, found.recorded_bytes) == (2, 208, 624)
    assert sum(found.growth) == 624
    assert [size for _, _, size in found.largest] == [200, 8]
    assert found.file_bytes == (tmp_path / "t.db").stat().st_size
    json.dumps(found.to_dict())


def test_an_empty_trace_has_figures(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        pass
    found = statistics(tmp_path / "t.db")
    assert found.operations == ()
    assert found.seconds == 0.0
    assert found.growth == (0,) * 10


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_text("text")
    with pytest.raises(UserError, match="expected a memtrace trace"):
        statistics(tmp_path / "t.db")
