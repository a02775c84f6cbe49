"""Copies recorded at once are recorded as copies one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import memtrace

NOTES = [{"rank": rank, "score": 0.5} for rank in range(4)]


def recorded(path: Path, *, at_once: bool) -> list[Any]:
    """What a trace of a search with a hit twice says."""
    with memtrace.record(path):
        items = [
            memtrace.variable(f"text {n}", kind="memory_item", item=f"m/{n}", name=f"n{n}")
            for n in range(3)
        ]
        hits = [items[2], items[0], items[2], items[1]]
        with memtrace.step("search", inputs={"store": items[1]}) as op:
            if at_once:
                op.outputs("hits", hits, kind="hit", metadata=NOTES)
            else:
                for hit, note in zip(hits, NOTES, strict=True):
                    op.output("hits", hit, kind="hit", metadata=note)
    with memtrace.open(path) as trace:
        variables = [
            (one.id, one.kind, one.name, one.item, one.version, one.source, one.producer,
             one.metadata, trace.value(one.id))
            for one in trace.variables()
        ]  # fmt: skip
        return [variables, [(one.inputs, one.outputs) for one in trace.operations()]]


def test_the_trace_is_the_same(tmp_path: Path) -> None:
    one_by_one = recorded(tmp_path / "a.db", at_once=False)
    assert recorded(tmp_path / "b.db", at_once=True) == one_by_one


def test_as_many_notes_as_copies(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"), memtrace.step("search") as op:
        hits = [memtrace.variable(text) for text in ("a", "b")]
        with pytest.raises(ValueError, match="argument"):
            op.outputs("hits", hits, metadata=[{}])


def test_a_copy_of_what_is_newer_is_refused(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"), memtrace.step("search") as op:
        op.output("first", "made")
        with pytest.raises(ValueError, match="newer"):
            op.outputs("hits", [memtrace.variable("a"), memtrace.variable("b")])
