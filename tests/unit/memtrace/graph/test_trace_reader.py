"""Reading: filters, networkx, a file still being written, and files that are no trace."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import networkx
import pytest

import memtrace
from lmcommon.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small run: two turns stored, one retrieved, one answer."""
    path = tmp_path / "trace.db"
    with memtrace.record(path):
        turns = [
            memtrace.variable(f"turn {n} " + "word " * 60, kind="message", name=f"D1:{n}")
            for n in (1, 2)
        ]
        stored = []
        for turn in turns:
            with memtrace.step("store", kind="update", inputs={"turn": turn}) as op:
                stored.append(op.output("item", turn.value, kind="memory_item", item=turn.name))
        with memtrace.step("retrieve", kind="retrieval", inputs={"index": stored}) as op:
            (hit,) = op.outputs("hits", [stored[1]], metadata=[{"score": 0.5}])
        with memtrace.step("answer", kind="answer", inputs={"context": hit}) as op:
            op.output("answer", "Lisbon", kind="answer")
    return path


def test_operations_are_filtered_and_in_order(path: Path) -> None:
    with memtrace.open(path) as trace:
        every = list(trace.operations())
        assert [op.seq for op in every] == sorted(op.seq for op in every)
        assert [op.name for op in trace.operations(kind="update")] == ["store", "store"]
        assert [op.name for op in trace.operations(kind="update", name="answer")] == []
        ids = [every[3].id, every[0].id]
        assert [op.id for op in trace.operations(ids=ids)] == [every[0].id, every[3].id]
        assert [op.id for op in trace.operations(ids=ids, kind="answer")] == [every[3].id]
        later = trace.operations(since_seq=every[2].seq, until_seq=every[2].seq)
        assert [op.id for op in later] == [every[2].id]


def test_variables_are_filtered(path: Path) -> None:
    with memtrace.open(path) as trace:
        assert [v.name for v in trace.variables(kind="message")] == ["D1:1", "D1:2"]
        assert [v.kind for v in trace.variables(item="D1:2")] == ["memory_item", "memory_item"]
        (answer,) = trace.operations(kind="answer")
        assert [v.role for v in trace.variables(producer=answer.id)] == ["answer"]
        hit = next(trace.variables(role="hits"))
        assert [v.id for v in trace.variables(ids=[hit.id, answer.output_ids[0]], role="hits")] == [
            hit.id
        ]


def test_networkx_has_typed_nodes_and_edges_with_roles(path: Path) -> None:
    with memtrace.open(path) as trace:
        graph = trace.to_networkx(values=True)
        (answer,) = trace.operations(kind="answer")
    assert networkx.is_bipartite(graph)
    assert networkx.is_directed_acyclic_graph(graph)
    assert graph.nodes[answer.id]["type"] == "operation"
    assert graph.nodes[answer.id]["kind"] == "answer"
    (out,) = graph.successors(answer.id)
    assert graph.nodes[out]["value"] == "Lisbon"
    assert graph.nodes[out]["type"] == "variable"
    assert graph.edges[answer.id, out] == {"role": "answer", "position": 0}


def test_a_trace_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path) as run:
        with memtrace.step("one", inputs={"x": "a"}):
            with memtrace.step("two") as two:
                two.output("out", "b")
            run.flush()
            with memtrace.open(path) as trace:
                assert {op.name: op.status for op in trace.operations()} == {
                    "one": "running",
                    "two": "ok",
                }
                assert networkx.is_directed_acyclic_graph(trace.to_networkx())
        run.flush()
        with memtrace.open(path) as trace:
            assert {op.status for op in trace.operations()} == {"ok"}


def test_refresh_brings_the_graph_up_to_date(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db") as run:
        run.flush()
        with memtrace.open(tmp_path / "t.db") as trace:
            assert list(trace.graph.variables) == []
            handle = memtrace.variable("x")
            run.flush()
            trace.refresh()
            assert trace.graph.variables == (handle.id,)


def test_a_closed_recording_is_one_file(path: Path) -> None:
    assert [file.name for file in path.parent.iterdir()] == ["trace.db"]


def test_unknown_and_malformed_ids_are_told_apart(path: Path) -> None:
    with memtrace.open(path) as trace:
        for ask in (trace.variable, trace.value, trace.graph.upstream, trace.graph.producer):
            with pytest.raises(KeyError, match="var-999"):
                ask("var-999")
            with pytest.raises(ValueError, match="id of a variable"):
                ask("op-1")
        with pytest.raises(KeyError, match="op-999"):
            trace.operation("op-999")
        (answer,) = trace.operations(kind="answer")
        assert trace.graph.has_operation(answer.id)
        assert not trace.graph.has_operation("op-999")
        assert not trace.graph.has_operation("nonsense")


# Files that are no trace --------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.db: expected a trace file; there is nothing"):
        memtrace.open(tmp_path / "none.db")
    with pytest.raises(UserError, match="a folder"):
        memtrace.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"SQLite format 3\0", b"\xff" * 5000])
def test_a_foreign_file_is_diagnosed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"notes\.db"):
        memtrace.open(path)
    if content:
        with pytest.raises(UserError, match=r"notes\.db"):
            memtrace.record(path, resume=True)
        assert path.read_bytes() == content


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(UserError, match="another program"):
        memtrace.open(path)
    with pytest.raises(UserError, match="another program"):
        memtrace.record(path, resume=True)
    assert path.read_bytes() == before


def test_a_newer_schema_asks_for_an_upgrade(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match=r"schema version 99.*upgrade"):
        memtrace.open(path)


def read_everything(path: Path) -> None:
    with memtrace.open(path) as trace:
        for variable in trace.variables():
            trace.value(variable.id)
        trace.to_networkx(values=True)
        trace.state_at(trace.last_seq)
        for identifier in trace.graph.variables:
            trace.graph.upstream(identifier)
            trace.graph.downstream(identifier)
            trace.graph.between("var-1", identifier)
            trace.graph.consumers(identifier)
        trace.search("turn")
        list(trace.find("turn"))


def test_a_damaged_file_gives_a_diagnosis_and_never_another_error(path: Path) -> None:
    draw = random.Random(3)
    whole = path.read_bytes()
    broken = path.with_name("broken.db")
    diagnosed = 0
    for _ in range(150):
        content = bytearray(whole)
        if draw.random() < 0.3:
            del content[draw.randrange(len(content)) :]
        else:
            for _ in range(draw.randrange(1, 40)):
                content[draw.randrange(len(content))] = draw.randrange(256)
        broken.write_bytes(content)
        try:
            read_everything(broken)
        except (UserError, KeyError) as error:  # KeyError: an index names a row that is gone
            diagnosed += any(word in str(error) for word in ("damaged", "expected", "failed"))
    assert diagnosed > 30


def test_a_damaged_value_names_its_variable(path: Path) -> None:
    copied = path.with_name("copy.db")
    shutil.copy(path, copied)
    connection = sqlite3.connect(copied)
    connection.execute("UPDATE packs SET data = x'00'")
    connection.commit()
    connection.close()
    with memtrace.open(copied) as trace:
        packed = next(trace.variables(kind="message"))
        with pytest.raises(UserError, match=f"value of {packed.id} is damaged"):
            trace.value(packed.id)


# Parts of a trace, moments of a trace --------------------------------------------------------


def test_a_slice_becomes_a_networkx_graph_with_the_edges_inside(path: Path) -> None:
    with memtrace.open(path) as trace:
        (answer,) = trace.operations(kind="answer")
        back = trace.graph.upstream(answer.output_ids[0])
        part, whole = trace.to_networkx(slice=back, values=True), trace.to_networkx(values=True)
    assert set(part) == {*back.operations, *back.variables}
    assert dict(part.edges) == dict(whole.subgraph(part).edges)
    assert dict(part.nodes) == dict(whole.subgraph(part).nodes)
    assert networkx.is_weakly_connected(part)


def test_the_state_at_any_moment_is_what_a_replay_of_the_versions_gives(tmp_path: Path) -> None:
    draw = random.Random(5)
    with memtrace.record(tmp_path / "t.db"):
        for _ in range(60):
            item = f"item {draw.randrange(6)}"
            with memtrace.step("change") as op:
                if draw.random() < 0.3:
                    op.deleted(item)
                else:
                    written = op.output("item", draw.random(), kind="memory_item", item=item)
                    op.output("hit", written)
    with memtrace.open(tmp_path / "t.db") as trace:
        versions = [v for v in trace.variables() if v.item is not None and v.source is None]
        for moment in range(trace.last_seq + 2):
            held = {v.item: v for v in versions if v.seq <= moment}
            live = {item: v for item, v in held.items() if not v.is_deletion}
            assert trace.state_at(moment) == live
        assert list(trace.state_at(trace.last_seq)) == sorted(live, key=lambda item: live[item].seq)


def test_inside_a_snapshot_the_trace_stands_still(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db") as run:
        memtrace.variable("one")
        run.flush()
        with memtrace.open(tmp_path / "t.db") as trace:
            with trace.snapshot():
                assert trace.counts["variables"] == 1
                memtrace.variable("two")
                run.flush()
                with trace.snapshot():
                    assert trace.counts["variables"] == 1
                assert trace.counts["variables"] == 1
            assert trace.counts["variables"] == 2


def test_a_trace_opened_and_dropped_half_read_can_be_closed(path: Path) -> None:
    trace = memtrace.open(path)
    next(trace.variables())
    next(trace.find("turn"))
    trace.search("turn")
    trace.close()
    trace.close()


def test_operations_of_a_slice_meet_the_other_conditions_too(path: Path) -> None:
    with (
        memtrace.record(path, resume=True),
        memtrace.step("outer") as outer,
        memtrace.step("inner"),
    ):
        pass
    with memtrace.open(path) as trace:
        everything = list(trace.operations())
        ids = [op.id for op in everything]
        third = everything[2].seq
        assert [op.name for op in trace.operations(ids=ids, parent=str(outer.id))] == ["inner"]
        assert list(trace.operations(ids=ids, since_seq=third)) == everything[2:]
        assert list(trace.operations(ids=ids, until_seq=third)) == everything[:3]


def test_an_id_beyond_all_numbers_is_no_damage(path: Path) -> None:
    with memtrace.open(path) as trace:
        for ask in (trace.value, trace.variable, trace.why):
            with pytest.raises(ValueError, match="expected the id of a variable"):
                ask("var-99999999999999999999")
    with pytest.raises(ValueError, match="expected an id"):
        memtrace.Slice(operations=["op-99999999999999999999"])


def test_networkx_keeps_every_role_of_a_variable_and_any_metadata(tmp_path: Path) -> None:
    metadata = {"incoming_graph_data": "mine", "backend": "cpu"}
    with memtrace.record(tmp_path / "t.db", metadata=metadata):
        turn = memtrace.variable("turn")
        with memtrace.step("s", inputs={"a": turn, "b": ["x", turn]}) as op:
            pass
    with memtrace.open(tmp_path / "t.db") as trace:
        graph = trace.to_networkx()
    assert graph.edges[turn.id, op.id] == {"role": "a", "position": 0, "also": [("b", 1)]}
    assert graph.graph.items() >= metadata.items()


def test_a_handle_is_no_item_and_no_moment(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "trace.db"):
        turn = memtrace.variable("hello", kind="message")
    with memtrace.open(tmp_path / "trace.db") as trace:
        with pytest.raises(TypeError, match=r"handle\.item"):
            trace.history(turn)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"operation\.seq"):
            trace.state_at(turn)  # type: ignore[arg-type]


def test_a_broken_meta_value_is_told_when_a_trace_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "trace.db"
    memtrace.record(path, metadata={"note": 1}).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '{' WHERE key = 'note'")
    connection.close()
    with pytest.raises(UserError, match="damaged"):
        memtrace.record(path, resume=True)
