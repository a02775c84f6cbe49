"""A trace as Arrow tables and Parquet files."""

from __future__ import annotations

import json
from pathlib import Path

import networkx
import pytest

import memtrace

pytest.importorskip("datasets", reason="lmcommon[datasets] is not installed")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """One operation that read awkward values, one that failed."""
    with memtrace.record(tmp_path / "t.db"):
        texts = [
            memtrace.variable(value) for value in ("\ud800é", b"\xff", ("a", {1: 2}), "", None)
        ]
        with memtrace.step("join", inputs={"x": texts, "y": texts[0]}, parameters={"k": "é"}) as op:
            op.output("out", "text", item="m1", metadata={"score": 0.5})
            op.usage(model="m", usage={"tokens": 3})
        with pytest.raises(LookupError), memtrace.step("fail"):
            raise LookupError("nothing")
    return tmp_path / "t.db"


def test_the_tables_hold_what_the_trace_holds(path: Path) -> None:
    with memtrace.open(path) as trace:
        tables = trace.to_datasets()
        graph = trace.to_networkx()
        operations = {op.id: op for op in trace.operations()}
        variables = {variable.id: variable for variable in trace.variables()}
    assert set(tables) == {"operations", "variables", "edges"}
    for row in tables["operations"]:
        operation = operations.pop(row["id"])
        for name in ("seq", "end_seq", "kind", "name", "parent", "status", "model", "started_ns"):
            assert row[name] == getattr(operation, name)
        for name in ("parameters", "usage", "metadata"):
            assert json.loads(row[name]) == getattr(operation, name)
        if operation.error is not None:
            assert (row["error_type"], row["error_message"]) == ("LookupError", "nothing")
    for row in tables["variables"]:
        variable = variables.pop(row["id"])
        for name in ("seq", "kind", "item", "version", "producer", "role", "size", "digest"):
            assert row[name] == getattr(variable, name)
    assert not operations
    assert not variables
    edges = {(row["source"], row["target"]) for row in tables["edges"]}
    assert edges == set(graph.edges)
    assert len(tables["edges"]) == 7  # one variable was read in two roles
    assert networkx.is_bipartite(networkx.DiGraph(edges))


def test_values_come_as_text(path: Path) -> None:
    with memtrace.open(path) as trace:
        rows = trace.to_datasets(path.parent / "tables")["variables"]
    found = [(row["encoding"], row["value"]) for row in rows]
    assert found[:2] == [("text", "?é"), ("bytes", "/w==")]
    assert found[2][0] == "tagged"
    assert json.loads(found[2][1])
    assert found[3:] == [("text", ""), ("json", "null"), ("text", "text")]
    names = sorted(file.name for file in (path.parent / "tables").iterdir())
    assert names == ["edges.arrow", "operations.arrow", "variables.arrow"]


def test_an_empty_trace_makes_empty_tables(tmp_path: Path) -> None:
    memtrace.record(tmp_path / "t.db").close()
    with memtrace.open(tmp_path / "t.db") as trace:
        tables = trace.to_datasets()
    assert {name: len(table) for name, table in tables.items()} == {
        "operations": 0, "variables": 0, "edges": 0,
    }  # fmt: skip
    assert "value" in tables["variables"].column_names


def test_parquet_files_hold_the_same(path: Path) -> None:
    with memtrace.open(path) as trace:
        tables = trace.to_datasets()
        files = trace.to_parquet(path.parent / "parquet")
    for name, file in files.items():
        assert parquet.read_table(file).to_pylist() == tables[name].to_list()
