"""What becomes of a file that the real smartcomment wrote (see make_smartcomment_fixture.py)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError
from memtrace.interchange.guess import guess_format
from memtrace.types import Operation, Variable


@pytest.fixture(scope="module")
def small(repo_root: Path) -> Path:
    return repo_root / "tests/data/memtrace/smartcomment_small.json"


@pytest.fixture
def graph(small: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(small.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def trace(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[memtrace.Trace]:
    out = tmp_path_factory.mktemp("small") / "trace.db"
    report = memtrace.import_memtracebench(small, out)
    assert not report.problems
    with memtrace.open(out) as opened:
        yield opened


def one(trace: memtrace.Trace, name: str, place: int = 0) -> Operation:
    return list(trace.operations(name=name))[place]


def made(trace: memtrace.Trace, operation: Operation, role: str) -> Variable:
    return trace.variable(operation.outputs[role][0])


def write(path: Path, graph: Any) -> Path:
    path.write_text(json.dumps(graph), encoding="utf-8")
    return path


def problems(tmp_path: Path, graph: Any) -> tuple[str, ...]:
    source = write(tmp_path / "graph.json", graph)
    report = memtrace.import_memtracebench(source, tmp_path / "trace.db")
    memtrace.export_memtracebench(tmp_path / "trace.db", tmp_path / "back.json")
    assert json.loads((tmp_path / "back.json").read_text()) == graph
    with pytest.raises(UserError, match=r"graph\.json"):
        memtrace.import_memtracebench(source, tmp_path / "strict.db", strict=True)
    return report.problems


# Hubs --------------------------------------------------------------------------------------


def test_two_questions_share_a_node_but_no_lineage(
    trace: memtrace.Trace, graph: dict[str, Any]
) -> None:
    score = [node for node in graph["data"]["nodes"] if node["class_name"] == "judge_score"]
    assert len(score) == 1
    ancestors = plain_ancestors(graph, score[0]["full_node_id"])
    assert {"query:q1@1", "query:q2@1"} <= ancestors  # what node reachability says

    second = made(trace, one(trace, "llm-judge", 1), "judge_score")
    found = trace.graph.upstream(second.id)
    names = {trace.variable(identifier).name for identifier in found.variables}
    assert "q2" in names
    assert "q1" not in names
    assert one(trace, "question-answering", 0).id not in found


def test_a_judge_reads_the_answer_to_its_own_question_though_a_later_one_was_equal(
    trace: memtrace.Trace,
) -> None:
    answers = [op for op in trace.operations(name="question-answering") if "query" in op.inputs]
    judges = list(trace.operations(name="llm-judge"))
    assert [judge.inputs["prediction"] for judge in judges] == [
        answer.outputs["prediction"] for answer in answers
    ]


def plain_ancestors(graph: dict[str, Any], node: str) -> set[str]:
    found, waiting = {node}, [node]
    while waiting:
        target = waiting.pop()
        for edge in graph["data"]["edges"]:
            if edge["target_full_node_id"] == target and edge["source_full_node_id"] not in found:
                found.add(edge["source_full_node_id"])
                waiting.append(edge["source_full_node_id"])
    return found


# The graph ---------------------------------------------------------------------------------


def test_an_answer_leads_back_to_the_message_its_memory_came_from(trace: memtrace.Trace) -> None:
    answer = made(trace, one(trace, "question-answering", 0), "prediction")
    names = {
        variable.name for variable in trace.variables(ids=trace.graph.upstream(answer.id).variables)
    }
    assert {"q1", "D1:1", "D2:1"} <= names
    assert "D2:3" not in names


def test_every_edge_runs_from_a_lower_to_a_higher_number(trace: memtrace.Trace) -> None:
    for operation in trace.operations():
        assert all(trace.variable(read).seq < operation.seq for read in operation.input_ids)
        assert all(trace.variable(out).seq > operation.seq for out in operation.output_ids)


def test_an_operation_is_cut_where_it_reads_back_what_another_made_of_its_output(
    trace: memtrace.Trace,
) -> None:
    first, second = list(trace.operations(name="question-answering"))[:2]
    check = one(trace, "self-check")
    assert check.inputs["prediction"] == first.outputs["prediction"]
    assert second.inputs["check"] == check.outputs["check"]
    assert second.parent == first.id


def test_sessions_are_parents(trace: memtrace.Trace) -> None:
    sessions = {op.id: op.name for op in trace.operations(kind="session")}
    assert [sessions[op.parent or ""] for op in trace.operations(name="llm-judge")] == [
        "evaluation", "evaluation",
    ]  # fmt: skip


def test_versions_and_deletions_of_memory_units(trace: memtrace.Trace) -> None:
    first, second = (trace.history(f"memory-unit-{unit}") for unit in ("u1", "u2"))
    assert [(version.version, version.is_deletion) for version in first] == [(1, False), (2, False)]
    assert [(version.version, version.is_deletion) for version in second] == [(1, False), (2, True)]
    assert list(trace.state_at(trace.last_seq)) == ["memory-unit-u1"]


def test_what_a_search_returned_is_a_copy_of_what_was_stored(trace: memtrace.Trace) -> None:
    hit = made(trace, one(trace, "memory_system.retrieve"), "memory_entry")
    assert hit.kind == "hit"
    assert hit.source == trace.history("memory-unit-u1")[1].id


def test_parameters_model_and_unknown_fields_are_there(trace: memtrace.Trace) -> None:
    extract = one(trace, "memory_system.extract_facts")
    assert extract.model == "gpt-x"
    assert extract.parameters["temperature"] == 0.0
    assert trace.metadata["graph"]["an_unknown_field"] == {"kept": [1, 2.5, None]}
    noted = [v.metadata["smartcomment"].get("an_unknown_field") for v in trace.variables()]
    assert "kept too" in noted


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, (1, None, True)), (1, {"a", "b"}), (2, b"bytes"), (3, {"k": (1, 2)}), (5, "\ud800"),
     (6, "  spaced "), (7, ""), (8, "nul \x00"), (10, 10**30)],
)  # fmt: skip
def test_values_are_decoded(trace: memtrace.Trace, place: int, value: object) -> None:
    (variable,) = trace.variables(name=f"odd:{place}@{place}")
    assert trace.value(variable.id) == value


def test_annotations_name_what_is_in_the_trace(trace: memtrace.Trace) -> None:
    first, second = memtrace.read_annotations(trace)
    assert (first.error_type, second.error_type) == ("ResponseError", "AnnotationError")
    assert first.operation == one(trace, "question-answering").id
    assert second.operation is None
    assert trace.variable(second.question or "").name == "q2"
    assert second.prediction != first.prediction  # one node in the file
    assert [trace.variable(identifier).name for identifier in first.evidence] == ["D1:1"]


# Files that are not as they should be --------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "cut off"),
        ("{", "cut off"),
        ('{"data": {"nodes": [{"name": "a"', "cut off"),
        ('{"data": {"nodes": [{"name": tru}]}}', r"data\.nodes\[0\]"),
        ('{"data": {"nodes": [], "edges": []}}', "operations"),
        ('{"graph_id": "g"}', "nodes, edges, operations"),
        ('{"data": []}', "in 'data'"),
        ('{"data": {"nodes": {}, "edges": [], "operations": []}}', "none for nodes"),
        ('{"data": {"nodes": [], "nodes": []}}', "twice"),
        ('{"data": {"nodes": [], "edges": [], "operations": []}} x', "nothing after"),
        ("[]", "an object with the fields"),
        ("no json", "an object with the fields"),
        ('{"a": ' + "[" * 100_000, "too deeply"),
        ('{"a": ' + "9" * 5_000 + "}", "Python can hold"),
    ],
)
def test_a_file_of_another_form_is_told_and_nothing_is_left(
    tmp_path: Path, text: str, what: str
) -> None:
    source = tmp_path / "graph.json"
    source.write_text(text)
    with pytest.raises(UserError, match=what) as caught:
        memtrace.import_memtracebench(source, tmp_path / "trace.db")
    assert "graph.json" in str(caught.value)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"\x1f\x8b\x08\x00", "gunzip"), (b'{"a": "\xff\xfe"}', "UTF-8"), (b"\x00\x01", "an object")],
)
def test_bytes_that_are_no_json(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "graph.json").write_bytes(data)
    with pytest.raises(UserError, match=what):
        memtrace.import_memtracebench(tmp_path / "graph.json", tmp_path / "trace.db")


def test_nothing_to_read_and_nowhere_to_write(tmp_path: Path, small: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        memtrace.import_memtracebench(tmp_path / "none.json", tmp_path / "trace.db")
    (tmp_path / "there.db").write_text("mine")
    with pytest.raises(UserError, match="here already"):
        memtrace.import_memtracebench(small, tmp_path / "there.db")
    assert (tmp_path / "there.db").read_text() == "mine"


def test_a_byte_order_mark_is_no_harm(tmp_path: Path, small: Path) -> None:
    (tmp_path / "graph.json").write_bytes(b"\xef\xbb\xbf" + small.read_bytes())
    report = memtrace.import_memtracebench(tmp_path / "graph.json", tmp_path / "trace.db")
    assert report.operations == 28


def test_a_dangling_edge_is_told_and_kept(tmp_path: Path, graph: dict[str, Any]) -> None:
    graph["data"]["edges"][3]["target_full_node_id"] = "gone@1"
    (problem,) = problems(tmp_path, graph)
    assert problem == "data.edges[3]: target_full_node_id names what is not in the file"


def test_a_second_node_of_one_id_is_told_and_kept(tmp_path: Path, graph: dict[str, Any]) -> None:
    graph["data"]["nodes"].append({**graph["data"]["nodes"][0], "value": "'another'"})
    (problem,) = problems(tmp_path, graph)
    assert problem.startswith("data.nodes[46]: the id 'fact-extraction-system-prompt@1'")


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("nodes", {"created_at": "yesterday"}), ("edges", {"created_at": None}),
        ("nodes", {"value": 5}), ("nodes", {"value": float("inf")}), ("nodes", {"version": "two"}),
        ("nodes", {"version": 10**40}), ("edges", {"op_id": 7}), ("operations", {"op_id": None}),
        ("sessions", {"session_id": []}), ("operations", {"session_id": "gone"}),
    ],
)  # fmt: skip
def test_a_bad_field_is_told_and_kept(
    tmp_path: Path, graph: dict[str, Any], section: str, change: dict[str, Any]
) -> None:
    graph["data"][section][2].update(change)
    assert problems(tmp_path, graph)


@pytest.mark.parametrize("section", ["nodes", "edges", "operations", "sessions"])
def test_an_entry_that_is_no_object_is_told_and_kept(
    tmp_path: Path, graph: dict[str, Any], section: str
) -> None:
    graph["data"][section].insert(0, ["not", "an", "object"])
    assert problems(tmp_path, graph)[0].startswith(f"data.{section}[0]: expected an object")


def test_odd_types_of_other_fields_do_no_harm(tmp_path: Path, graph: dict[str, Any]) -> None:
    for section in ("nodes", "edges", "operations", "sessions"):
        for key in ("comment", "category", "metadata", "filename", "lineno", "graph_id"):
            graph["data"][section][1][key] = [{"odd": None}]
    graph["data"]["operations"][0]["op_name"] = {"a": 1}
    graph["data"]["annotations"][0] = {"query_id": 5, "source_evidence_ids": "text"}
    graph["data"]["annotations"].append(None)
    write(tmp_path / "graph.json", graph)
    memtrace.import_memtracebench(tmp_path / "graph.json", tmp_path / "trace.db", strict=True)
    with memtrace.open(tmp_path / "trace.db") as trace:
        assert len(memtrace.read_annotations(trace)) == 2


def test_a_folder_becomes_one_trace_each(tmp_path: Path, small: Path) -> None:
    for name in ("a.json", "sub/b.json", "bad.json"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"{" if name == "bad.json" else small.read_bytes())
    report = memtrace.import_memtracebench(tmp_path / "in", tmp_path / "out")
    assert (report.counts["files"], report.counts["files_refused"]) == (2, 1)
    assert report.operations == 56
    assert "bad.json" in report.problems[0]
    made = [
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.db")
    ]
    assert sorted(made) == ["a.db", "sub/b.db"]


def test_a_trace_of_our_own_comes_back_from_its_export(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "trace.db") as run:
        with memtrace.step("store", kind="update") as op:
            for item in ("one", "two"):
                op.output("item", {"text": item}, kind="memory_item", item=item)
        for item in ("one", "two"):
            found = run.live(item)
            assert found is not None
            with memtrace.step("search", kind="retrieval", inputs={"item": found}) as op:
                op.output("answer", (item, None))
        with memtrace.step("drop") as op:
            op.deleted("two")
    memtrace.export_memtracebench(tmp_path / "trace.db", tmp_path / "out.json")
    memtrace.import_memtracebench(tmp_path / "out.json", tmp_path / "again.db", strict=True)
    with memtrace.open(tmp_path / "trace.db") as old, memtrace.open(tmp_path / "again.db") as new:
        assert [op.name for op in new.operations()] == [op.name for op in old.operations()]
        assert new.graph.edge_count == old.graph.edge_count
        values = [
            [trace.value(variable.id) for variable in trace.variables()] for trace in (old, new)
        ]
        assert values[0] == values[1]
        assert list(new.state_at(new.last_seq)) == ["item:one (memory item)"]


def test_no_value_is_left_that_no_variable_has(tmp_path: Path, small: Path) -> None:
    memtrace.import_memtracebench(small, tmp_path / "trace.db")
    assert memtrace.repair(tmp_path / "trace.db", tmp_path / "repaired.db").lost == ()


def test_what_is_packed_is_guessed_by_what_is_inside(tmp_path: Path, small: Path) -> None:
    (tmp_path / "small.json.gz").write_bytes(gzip.compress(small.read_bytes()))
    assert guess_format(tmp_path / "small.json.gz") == "memtracebench"


def test_a_broken_packed_file_is_left_to_its_reader(tmp_path: Path) -> None:
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b\x00\x00broken")
    assert guess_format(tmp_path / "broken.gz") == "otlp"
