"""The real smartcomment loads what we export, and says the same about it."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

import memtrace

pytest.importorskip(
    "smartcomment", reason="smartcomment is not installed (it asks for Python 3.12)"
)


@pytest.fixture
def network() -> Any:
    """The class of its graphs."""
    return importlib.import_module("smartcomment.runtime.network").ExecNetwork


def load(network: Any, path: Path) -> Any:
    return network.import_graph(json.loads(path.read_text(encoding="utf-8")))


def test_an_imported_file_goes_back(network: Any, tmp_path: Path, repo_root: Path) -> None:
    source = repo_root / "tests/data/memtrace/smartcomment_small.json"
    memtrace.import_memtracebench(source, tmp_path / "trace.db")
    memtrace.export_memtracebench(tmp_path / "trace.db", tmp_path / "back.json")
    assert load(network, tmp_path / "back.json").export_graph() == (
        load(network, source).export_graph()
    )


def test_a_trace_of_our_own_is_loaded_with_every_edge(network: Any, tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "trace.db") as run:
        with memtrace.step("day 1", kind="session"):
            turns = [memtrace.variable("same", kind="message", name=f"D1:{n}") for n in (1, 2)]
            with memtrace.step("store", kind="update", inputs={"turns": turns}) as op:
                op.output("item", {"text": "naïve 🏠"}, kind="memory_item", item="unit 1")
                op.output("item", ("\ud800", b"x"), kind="memory_item", item="unit 1")
        unit = run.live("unit 1")
        with memtrace.step("search", kind="retrieval", inputs={"unit": unit}) as op:
            op.output("hit", "same")
        with memtrace.step("nothing"):
            pass
        with memtrace.step("sink", inputs={"turn": turns[0]}):
            pass
    memtrace.export_memtracebench(tmp_path / "trace.db", tmp_path / "out.json")
    graph = load(network, tmp_path / "out.json")
    names = {op.op_id: op.op_name for op in graph.get_all_operations()}
    edges = sorted(
        (names[edge.op_id], edge.source_full_node_id, edge.target_full_node_id)
        for edge in graph.get_all_edges()
    )
    assert len([edge for edge in edges if edge[0] == "store"]) == 4
    assert len([edge for edge in edges if edge[0] in ("search", "sink", "nothing")]) == 3
    assert len(graph.get_versions("item:unit 1 (memory item)")) == 2
    assert len([node for node in graph.get_all_nodes() if node.raw_value == "'same'"]) == 3


def test_what_was_recorded_onto_an_imported_trace_follows(
    network: Any, tmp_path: Path, repo_root: Path
) -> None:
    source = repo_root / "tests/data/memtrace/smartcomment_small.json"
    memtrace.import_memtracebench(source, tmp_path / "trace.db")
    with memtrace.record(tmp_path / "trace.db", resume=True) as run:
        unit = run.live("memory-unit-u1")
        assert unit is not None
        with memtrace.step("look again", inputs={"unit": unit}) as op:
            op.output("answer", "Lisbon")
    memtrace.export_memtracebench(tmp_path / "trace.db", tmp_path / "out.json")
    before, after = load(network, source), load(network, tmp_path / "out.json")
    assert after.op_count == before.op_count + 1
    assert after.edge_count == before.edge_count + 1
    sources = {edge.source_full_node_id for edge in after.get_all_edges()}
    assert "memory-unit-u1@2" in sources
