"""Any file of smartcomment's form comes back field by field, and its graph runs one way only."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import memtrace
from memtrace.interchange.smartcomment.values import KEPT, read, write

NAMES = ["a", "b", "ä:b@c", "memory-unit-1", "str:" + "0" * 40, "list:" + "1" * 40]
CATEGORIES = ["variable", "message", "memory_entry", "marker", "message & query", "retrieval"]
STAMPS = st.integers(0, 40).map(lambda ms: f"2026-01-02 10:00:00.{ms:03d}")
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.binary(max_size=5)
)  # fmt: skip
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3)
    | st.sets(st.text(max_size=3), max_size=3),
    max_leaves=6,
)  # fmt: skip
STRINGS = (
    VALUES.map(repr)
    | st.builds(
        json.dumps, JSONS, indent=st.none() | st.integers(0, 5), ensure_ascii=st.booleans(),
        separators=st.none() | st.just((",", ":")),
    )
    | st.text(max_size=30)
)  # fmt: skip


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """A graph, in any order of sections, with whatever else in it."""

    def pick(*choices: Any) -> Any:
        return draw(st.sampled_from(choices))

    keys = draw(
        st.lists(
            st.tuples(st.sampled_from(NAMES), st.integers(1, 3),
                      st.sampled_from([None, "delete_marker", "query", "prediction"])),
            unique=True, min_size=1, max_size=8,
        )
    )  # fmt: skip
    nodes = [
        {
            "name": name, "version": version, "class_name": space, "value": draw(STRINGS),
            "category": pick(*CATEGORIES), "comment": pick(None, "says", 5),
            "session_id": pick("s1", "s2", "gone"), "created_at": draw(STAMPS),
            "metadata": draw(st.dictionaries(st.text(max_size=4), JSONS, max_size=2)),
            "extra": draw(JSONS),
            "full_node_id": f"{space}:{name}@{version}" if space else f"{name}@{version}",
        }
        for name, version, space in keys
    ]  # fmt: skip
    if draw(st.booleans()):
        nodes.append({"name": "COMMENT:NONE", "version": 1, "value": "NONE", "class_name": None,
                      "full_node_id": "COMMENT:NONE@1", "created_at": draw(STAMPS)})  # fmt: skip
    ids = [str(node["full_node_id"]) for node in nodes]
    operations = [
        {"op_id": name, "op_name": pick(None, "f", "g"), "category": pick(*CATEGORIES),
         "session_id": pick("s1", "s2"), "created_at": draw(STAMPS),
         "metadata": draw(st.dictionaries(st.text(max_size=4), JSONS, max_size=1))}
        for name in ("o1", "o2", "o3", "__none_op__")
    ]  # fmt: skip
    ends = st.sampled_from(ids)
    edges = [
        {"edge_id": f"e{place}", "op_id": pick("o1", "o2", "o3", "__none_op__"),
         "source_full_node_id": draw(ends), "target_full_node_id": draw(ends),
         "created_at": draw(STAMPS), "comment": draw(JSONS), "flag": pick(1, 1.0, True, False, 0)}
        for place in range(draw(st.integers(0, 14)))
    ]  # fmt: skip
    sessions = [
        {"session_id": "s1", "created_at": draw(STAMPS)},
        {"session_id": "s2", "created_at": draw(STAMPS), "session_name": "two"},
    ]
    data = {
        "nodes": nodes, "edges": edges, "operations": operations, "sessions": sessions,
        "annotations": [{"query_id": draw(ends), "final_op_id": "o1"}], "other": draw(JSONS),
    }  # fmt: skip
    graph = {"graph_id": "graph-1", "strict": draw(JSONS), "metadata": draw(JSONS)}
    graph["data"] = {name: data[name] for name in draw(st.permutations(sorted(data)))}
    return graph


def same(first: Any, second: Any) -> bool:
    """Equal with types, order of fields and NaN."""
    return json.dumps(first) == json.dumps(second)


@settings(max_examples=120, deadline=None)
@given(graphs())
def test_a_file_comes_back_as_it_was_and_its_graph_runs_one_way(graph: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, out, back = (Path(folder) / name for name in ("in.json", "t.db", "out.json"))
        source.write_text(json.dumps(graph), encoding="utf-8")
        memtrace.import_memtracebench(source, out)
        memtrace.export_memtracebench(out, back)
        assert same(json.loads(back.read_text(encoding="utf-8")), graph)
        assert memtrace.check(out).ok
        with memtrace.open(out) as trace:
            runs_one_way(trace)
            nothing_is_lost(trace, graph)


def runs_one_way(trace: memtrace.Trace) -> None:
    numbers = {variable.id: variable.seq for variable in trace.variables()}
    for operation in trace.operations():
        assert operation.end_seq is not None
        assert operation.parent is None or int(operation.parent[3:]) < operation.seq
        assert all(numbers[read] < operation.seq for read in operation.input_ids)
        assert all(
            operation.seq < numbers[made] < operation.end_seq for made in operation.output_ids
        )


def nothing_is_lost(trace: memtrace.Trace, graph: dict[str, Any]) -> None:
    """Every node is a variable, and both ends of every edge are in its operation."""
    named: dict[str, set[str]] = {}
    for variable in trace.variables():
        named.setdefault(variable.metadata["smartcomment"]["full_node_id"], set()).add(variable.id)
    ids = {node["full_node_id"] for node in graph["data"]["nodes"]} - {"COMMENT:NONE@1"}
    assert set(named) == ids
    touched: dict[str, set[str]] = {}
    for operation in trace.operations():
        identifier = operation.metadata["smartcomment"].get("op_id", "")
        touched.setdefault(identifier, set()).update(operation.input_ids, operation.output_ids)
    for edge in graph["data"]["edges"]:
        ends = {edge["source_full_node_id"], edge["target_full_node_id"]} - {"COMMENT:NONE@1"}
        for end in ends:
            assert named[end] & touched[edge["op_id"]], (end, edge)


@settings(max_examples=400, deadline=None)
@given(STRINGS)
def test_a_string_is_written_again_as_it_was(text: str) -> None:
    from memtrace.graph.storage.values import decode, to_bytes

    reading = read(text)
    value = decode(reading.encoding, to_bytes(reading.payload))
    assert reading.written == KEPT or write(value, reading.written) == text


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_what_repr_wrote_is_the_value_again(value: Any) -> None:
    from memtrace.graph.storage.values import decode, to_bytes

    reading = read(repr(value))
    if "nan" in repr(value) or "inf" in repr(value) or "set()" in repr(value):
        return  # no literal
    assert repr(decode(reading.encoding, to_bytes(reading.payload))) == repr(value) or (
        decode(reading.encoding, to_bytes(reading.payload)) == value
    )
