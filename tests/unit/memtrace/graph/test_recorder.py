"""What is recorded is what is read: operations, versions, errors, copies, deletions, contexts."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError
from lmcommon.prompt import Prompt


@dataclass
class Cost:
    prompt_tokens: int
    completion_tokens: int


@pytest.fixture
def short_switches() -> Iterator[None]:
    """Threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.db"


@pytest.fixture
def run(path: Path) -> Iterator[memtrace.Recorder]:
    with memtrace.record(path) as recorder:
        yield recorder


def reopened(run: memtrace.Recorder) -> memtrace.Trace:
    run.close()
    return memtrace.open(run.path)


def only(found: Any) -> Any:
    (one,) = list(found)
    return one


def test_an_operation_reads_back_with_everything_it_had(run: memtrace.Recorder) -> None:
    turn = memtrace.variable("I moved to Lisbon.", kind="message", name="D1:3")
    old = [memtrace.variable(text, kind="memory_item", item=text) for text in ("m1", "m2")]
    with memtrace.step(
        "extract",
        kind="extraction",
        inputs={"turn": turn, "known": old},
        parameters={"top_k": 2},
        metadata={"note": "n"},
    ) as op:
        facts = op.outputs("facts", ["a", "b"], kind="fact", metadata=[{"score": 1}, {"score": 2}])
        op.usage(model="m", usage=Cost(3, 4), latency_ms=5.0)
        op.usage(model="m", usage={"prompt_tokens": 10})
        op.parameter("used", 1)
    with reopened(run) as trace:
        found = only(trace.operations(kind="extraction"))
        assert (found.name, found.kind, found.status, found.parent) == (
            "extract", "extraction", "ok", None,
        )  # fmt: skip
        assert found.inputs == {"turn": (turn.id,), "known": (old[0].id, old[1].id)}
        assert list(found.inputs) == ["turn", "known"]
        assert found.outputs == {"facts": (facts[0].id, facts[1].id)}
        assert found.parameters == {"top_k": 2, "used": 1}
        assert found.metadata == {"note": "n"}
        assert found.model == "m"
        assert found.usage == {"prompt_tokens": 13, "completion_tokens": 4, "latency_ms": 5.0}
        assert found.latency_ms is not None
        assert found.latency_ms >= 0
        fact = trace.variable(facts[1].id or "")
        assert (fact.producer, fact.role, fact.position, fact.kind) == (
            found.id, "facts", 1, "fact",
        )  # fmt: skip
        assert fact.metadata == {"score": 2}
        assert trace.value(fact.id) == "b"


def test_numbers_rise_from_inputs_over_the_operation_to_outputs(run: memtrace.Recorder) -> None:
    turn = memtrace.variable("x")
    with memtrace.step("s", inputs={"turn": turn}) as op:
        out = op.output("out", "y")
    with reopened(run) as trace:
        found = only(trace.operations())
        assert turn.number is not None
        assert out.number is not None
        assert found.end_seq is not None
        assert turn.number < found.seq < out.number < found.end_seq


def test_equal_texts_are_two_variables_with_one_stored_value(run: memtrace.Recorder) -> None:
    first, second = memtrace.variable("same " * 50), memtrace.variable("same " * 50)
    assert first.id != second.id
    with reopened(run) as trace:
        assert trace.counts["values"] == 1
        one, two = (trace.variable(handle.id or "") for handle in (first, second))
        assert one.digest == two.digest


def test_a_plain_input_is_recorded_as_a_value_from_outside(run: memtrace.Recorder) -> None:
    with memtrace.step("search", inputs={"query": "where?", "index": []}):
        pass
    with reopened(run) as trace:
        found = only(trace.operations())
        assert list(found.inputs) == ["query"]
        variable = trace.variable(found.inputs["query"][0])
        assert (variable.kind, variable.producer) == ("value", None)


def test_a_later_change_of_a_recorded_list_does_not_reach_the_trace(run: memtrace.Recorder) -> None:
    value = ["a"]
    handle = memtrace.variable(value)
    value.append("b")
    with reopened(run) as trace:
        assert trace.value(handle.id or "") == ["a"]


def test_a_prompt_template_is_one_variable_a_run(run: memtrace.Recorder) -> None:
    prompt = Prompt("qa", "Answer {question}", frozenset({"question"}))
    for _ in range(3):
        with memtrace.step("answer", prompt=prompt):
            pass
    with reopened(run) as trace:
        variable = only(trace.variables(kind="prompt"))
        assert (variable.name, trace.value(variable.id)) == ("qa", prompt.text)
        assert {op.inputs["prompt"] for op in trace.operations()} == {(variable.id,)}


def test_a_failed_operation_is_recorded_and_the_exception_goes_on(run: memtrace.Recorder) -> None:
    def divide() -> None:
        with memtrace.step("divide") as op:
            op.output("half", "done")
            raise ZeroDivisionError("division by zero")

    with pytest.raises(ZeroDivisionError):
        divide()
    with reopened(run) as trace:
        found = only(trace.operations())
        assert found.error == memtrace.OperationError("ZeroDivisionError", "division by zero")
        assert found.status == "error"
        assert "half" in found.outputs


def test_a_step_can_be_marked_failed_without_an_exception(run: memtrace.Recorder) -> None:
    with memtrace.step("call") as op:
        op.failed("timeout", "no reply")
    with reopened(run) as trace:
        assert only(trace.operations()).error == memtrace.OperationError("timeout", "no reply")


def test_an_unsupported_output_names_its_role(run: memtrace.Recorder) -> None:
    with pytest.raises(TypeError, match="'facts'"), memtrace.step("extract") as op:
        op.output("facts", object())
    with reopened(run) as trace:
        assert only(trace.operations()).status == "error"


def test_steps_nest(run: memtrace.Recorder) -> None:
    with memtrace.step("outer") as outer, memtrace.step("inner") as inner:
        assert memtrace.current() is inner
    with reopened(run) as trace:
        assert trace.operation(inner.id or "").parent == outer.id
        assert [op.name for op in trace.operations(parent=outer.id)] == ["inner"]


def test_an_output_of_a_nested_step_can_be_the_output_of_its_parent(
    run: memtrace.Recorder,
) -> None:
    with memtrace.step("outer") as outer:
        with memtrace.step("inner", inputs={"text": "a"}) as inner:
            made = inner.output("out", "b")
        passed = outer.output("result", made)
    with reopened(run) as trace:
        copied = trace.variable(passed.id or "")
        assert (copied.source, copied.producer) == (made.id, outer.id)
        assert inner.id in trace.graph.upstream(passed.id or "").operations


def test_an_input_newer_than_an_output_is_refused(run: memtrace.Recorder) -> None:
    with memtrace.step("s") as op:
        op.output("out", "a")
        with pytest.raises(ValueError, match="newer than an output"):
            op.input("late", memtrace.variable("b"))


def test_a_step_is_entered_once(run: memtrace.Recorder) -> None:
    with memtrace.step("s") as op:
        pass
    with pytest.raises(RuntimeError, match="entered before"), op:
        pass


# Memory items -------------------------------------------------------------------------------


def test_versions_of_an_item_count_up_and_a_deletion_ends_it(run: memtrace.Recorder) -> None:
    with memtrace.step("add") as add:
        add.output("item", "likes tea", kind="memory_item", item="m1")
    with memtrace.step("update", inputs={"old": run.live("m1")}) as update:
        update.output("item", "likes coffee", kind="memory_item", item="m1")
    with memtrace.step("delete") as delete:
        delete.deleted("m1")
    assert run.live("m1") is None
    with reopened(run) as trace:
        history = trace.history("m1")
        assert [(v.version, v.is_deletion) for v in history] == [
            (1, False), (2, False), (3, True),
        ]  # fmt: skip
        states = [
            {item: trace.value(v.id) for item, v in trace.state_at(op.end_seq or 0).items()}
            for op in trace.operations()
        ]
        assert states == [{"m1": "likes tea"}, {"m1": "likes coffee"}, {}]
        assert trace.operation(delete.id or "").inputs == {"deleted": (history[1].id,)}
        assert trace.state_at(delete.seq).keys() == {"m1"}


def test_deleting_what_was_never_there_is_recorded(run: memtrace.Recorder) -> None:
    with memtrace.step("delete") as op:
        op.deleted("ghost")
    with reopened(run) as trace:
        assert only(trace.history("ghost")).is_deletion


def test_a_retrieved_item_is_a_copy_that_names_its_source(run: memtrace.Recorder) -> None:
    with memtrace.step("add") as add:
        stored = add.outputs("chunk", ["a", "b"], kind="memory_item")
        kept = add.output("chunk", "c", kind="memory_item", item="m1")
    with memtrace.step("retrieve", inputs={"index": stored}) as op:
        hits = op.outputs("hits", [kept, stored[0]], metadata=[{"score": 0.9}, {"score": 0.5}])
    assert [hit.value for hit in hits] == ["c", "a"]
    with reopened(run) as trace:
        first = trace.variable(hits[0].id or "")
        assert (first.source, first.item, first.version) == (kept.id, "m1", 1)
        assert first.metadata == {"score": 0.9}
        assert [version.id for version in trace.history("m1")] == [kept.id]
        found = trace.operation(op.id or "")
        assert set(found.input_ids) == {handle.id for handle in (*stored, kept)}
        assert trace.counts["values"] == 3


def test_a_decision_to_do_nothing_is_an_output(run: memtrace.Recorder) -> None:
    with memtrace.step("update") as op:
        op.no_op("known already")
    with reopened(run) as trace:
        variable = only(trace.variables(kind="no_op"))
        assert trace.value(variable.id) == "known already"


def test_the_literal_request_to_a_model_is_an_output(run: memtrace.Recorder) -> None:
    messages = [{"role": "user", "content": "Where?"}]
    with memtrace.step("answer") as op:
        op.request(messages, metadata={"temperature": 0})
        op.request("Where?")
        messages[0]["content"] = "changed"
    with reopened(run) as trace:
        first, second = trace.variables(kind="request")
        assert trace.value(first.id) == [{"role": "user", "content": "Where?"}]
        assert (first.role, first.metadata) == ("request", {"temperature": 0})
        assert (second.position, trace.value(second.id)) == (1, "Where?")


def test_metadata_can_be_added_while_a_step_runs(run: memtrace.Recorder) -> None:
    with memtrace.step("s", metadata={"a": 1}) as op:
        op.note("b", 2)
    with reopened(run) as trace:
        assert only(trace.operations()).metadata == {"a": 1, "b": 2}


def test_a_queue_of_big_values_stays_bounded(run: memtrace.Recorder) -> None:
    for number in range(90):
        memtrace.variable(f"{number}" + "x" * 1_000_000)
        assert run.queued_bytes < 70e6
    with reopened(run) as trace:
        assert trace.counts["variables"] == 90


# Contexts -----------------------------------------------------------------------------------


def test_asyncio_tasks_have_the_step_they_started_in_as_parent(run: memtrace.Recorder) -> None:
    async def child(number: int) -> None:
        with memtrace.step(f"child-{number}"):
            await asyncio.sleep(0)
            with memtrace.step(f"grandchild-{number}"):
                await asyncio.sleep(0)

    async def main() -> None:
        with memtrace.step("parent"):
            await asyncio.gather(*(child(number) for number in range(50)))

    asyncio.run(main())
    with reopened(run) as trace:
        names = {op.id: op.name for op in trace.operations()}
        parents = {op.name: names.get(op.parent or "") for op in trace.operations()}
        expected = {f"child-{n}": "parent" for n in range(50)}
        expected |= {f"grandchild-{n}": f"child-{n}" for n in range(50)}
        assert parents == {"parent": None, **expected}


def test_threads_record_into_the_open_run_with_the_parent_given(run: memtrace.Recorder) -> None:
    def work(parent: memtrace.Step, number: int) -> None:
        with memtrace.step(f"work-{number}", parent=parent) as op:
            op.output("out", number)
            with memtrace.step(f"inner-{number}"):
                pass

    with memtrace.step("parent") as parent, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: work(parent, number), range(200)))
    with reopened(run) as trace:
        names = {op.id: op.name for op in trace.operations()}
        parents = {op.name: names.get(op.parent or "") for op in trace.operations()}
        expected = {f"work-{n}": "parent" for n in range(200)}
        expected |= {f"inner-{n}": f"work-{n}" for n in range(200)}
        assert parents == {"parent": None, **expected}
        assert sorted(trace.value(v.id) for v in trace.variables(role="out")) == list(range(200))


def test_threads_may_add_to_one_step(run: memtrace.Recorder) -> None:
    with memtrace.step("gather") as op, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: op.input("part", number), range(300)))
    with reopened(run) as trace:
        found = only(trace.operations())
        assert sorted(trace.value(part) for part in found.inputs["part"]) == list(range(300))


def test_a_thread_without_parent_records_a_step_at_the_top(run: memtrace.Recorder) -> None:
    def work() -> None:
        with memtrace.step("alone"):
            pass

    with memtrace.step("outer"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    with reopened(run) as trace:
        assert only(trace.operations(name="alone")).parent is None


def test_a_thread_may_record_a_run_of_its_own(run: memtrace.Recorder, tmp_path: Path) -> None:
    def work() -> None:
        with memtrace.record(tmp_path / "other.db"), memtrace.step("other"):
            pass

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    with memtrace.open(tmp_path / "other.db") as trace:
        assert [op.name for op in trace.operations()] == ["other"]
    with reopened(run) as trace:
        assert list(trace.operations()) == []


def test_a_recording_inside_a_recording_is_refused(run: memtrace.Recorder, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="inside another recording"):
        memtrace.record(tmp_path / "inner.db")
    assert not (tmp_path / "inner.db").exists()


def test_nothing_is_recorded_outside_a_recording(tmp_path: Path) -> None:
    turn = memtrace.variable("a", kind="message")
    with memtrace.step("s", inputs={"turn": turn}, parameters={"k": object()}) as op:
        out = op.output("out", turn.value + "b", kind="fact")
        hits = op.outputs("hits", [out, "c"])
        op.deleted("m1")
        op.no_op("none")
        op.usage(model="m", usage={"calls": 1})
        op.input("late", "d")
    assert (out.value, out.id, out.kind) == ("ab", None, "fact")
    assert [hit.value for hit in hits] == ["ab", "c"]
    assert memtrace.current().id is None
    assert list(tmp_path.iterdir()) == []


def test_a_handle_from_before_the_recording_is_recorded_when_used(path: Path) -> None:
    early = memtrace.variable("early", kind="message", name="D1:1")
    with memtrace.record(path):
        for _ in range(2):
            with memtrace.step("s", inputs={"turn": early}):
                pass
    with memtrace.open(path) as trace:
        variable = only(trace.variables())
        assert (variable.id, variable.kind, variable.name) == (early.id, "message", "D1:1")


def test_a_handle_of_another_recording_is_refused(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "one.db"):
        foreign = memtrace.variable("x")
    with memtrace.record(tmp_path / "two.db"), pytest.raises(ValueError, match="another"):  # noqa: SIM117
        with memtrace.step("s", inputs={"x": foreign}):
            pass


def test_a_closed_recording_takes_nothing_more(run: memtrace.Recorder) -> None:
    run.close()
    with pytest.raises(RuntimeError, match="is closed"):
        run.variable("late")


def test_a_step_open_at_the_close_reads_as_interrupted(run: memtrace.Recorder) -> None:
    with memtrace.step("slow", inputs={"x": "a"}) as op:
        early = op.output("early", "b")
        run.close()
    with memtrace.open(run.path) as trace:
        found = only(trace.operations())
        assert found.error is not None
        assert found.error.type == "Interrupted"
        assert found.outputs == {"early": (early.id,)}


# Handles ------------------------------------------------------------------------------------


def test_a_handle_refuses_to_become_part_of_a_text(run: memtrace.Recorder) -> None:
    handle = memtrace.variable("secret plan")
    for format_it in (lambda: f"{handle}", lambda: str(handle), lambda: "%s" % handle):  # noqa: UP031
        with pytest.raises(TypeError, match=r"write handle\.value"):
            format_it()
    assert "var-1" in repr(handle)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda h: pickle.loads(pickle.dumps(h))])
def test_a_copied_handle_keeps_its_identity(run: memtrace.Recorder, clone: Any) -> None:
    handle = memtrace.variable("x")
    with memtrace.step("s", inputs={"x": clone(handle)}):
        pass
    with reopened(run) as trace:
        assert only(trace.operations()).inputs == {"x": (handle.id,)}


@pytest.mark.parametrize("bad", [{"kind": 3}, {"item": 7}, {"name": b"x"}])
def test_an_identifier_that_is_no_string_is_refused(
    run: memtrace.Recorder, bad: dict[str, Any]
) -> None:
    with pytest.raises(TypeError, match="expected a string"):
        memtrace.variable("x", **bad)


def test_metadata_of_the_run_reads_back(path: Path) -> None:
    with memtrace.record(path, metadata={"git": "abc"}) as run:
        run.annotate("config", {"seed": 7})
        with pytest.raises(ValueError, match="taken"):
            run.annotate("schema", 9)
    with memtrace.open(path) as trace:
        assert trace.metadata["git"] == "abc"
        assert trace.metadata["config"] == {"seed": 7}
        assert trace.metadata["sessions"][0]["versions"]["python"].startswith("3.")


def test_an_existing_trace_is_not_overwritten(path: Path) -> None:
    with memtrace.record(path):
        memtrace.variable("x")
    with pytest.raises(UserError, match="resume=True"):
        memtrace.record(path)


def test_a_failure_to_write_is_told_to_the_next_caller(path: Path) -> None:
    run = memtrace.record(path)
    run.flush()
    other = sqlite3.connect(path)
    other.execute("DROP TABLE inputs")
    other.close()
    with memtrace.step("s", inputs={"x": "a"}):
        pass
    for act in (run.flush, lambda: memtrace.variable("b"), run.close):
        with pytest.raises(UserError, match=r"trace\.db: writing the trace failed"):
            act()


FORKING = """
import os, sys
import memtrace

with memtrace.record(sys.argv[1]):
    with memtrace.step("before"):
        child = os.fork()
        if child == 0:
            with memtrace.step("in the child") as op:
                assert op.id is None and memtrace.variable("x").id is None
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
    with memtrace.step("after"):
        pass
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_records_nothing_and_harms_nothing(path: Path) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING, str(path)], check=True)
    with memtrace.open(path) as trace:
        assert [(op.name, op.status) for op in trace.operations()] == [
            ("before", "ok"), ("after", "ok"),
        ]  # fmt: skip


def test_a_run_that_is_never_closed_is_written_at_exit(path: Path) -> None:
    code = "import memtrace, sys; memtrace.record(sys.argv[1]); memtrace.variable('x')"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    with memtrace.open(path) as trace:
        assert trace.counts["variables"] == 1


def test_two_recordings_cannot_write_one_file(run: memtrace.Recorder, path: Path) -> None:
    def second() -> None:
        memtrace.record(path, resume=True)

    with ThreadPoolExecutor(1) as pool, pytest.raises(UserError, match="another recording"):
        pool.submit(second).result()


class _MuteError(Exception):
    def __str__(self) -> str:
        raise KeyError("cannot tell")


@pytest.mark.parametrize("error", [ValueError(memtrace.Handle("x")), _MuteError("x")])
def test_an_error_that_cannot_be_told_is_recorded_and_raised(path: Path, error: Exception) -> None:
    with memtrace.record(path), pytest.raises(type(error)), memtrace.step("answer"):
        raise error
    with memtrace.open(path) as trace:
        (operation,) = trace.operations()
        assert operation.error is not None
        assert operation.error.type == type(error).__qualname__
        assert "'x'" in operation.error.message


def test_the_writer_never_sees_a_step_without_its_number(path: Path, short_switches: None) -> None:
    stop = threading.Event()
    with memtrace.record(path) as run:

        def write() -> None:
            while not stop.is_set():
                run.flush()

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(4000):
            with memtrace.step("s"):
                pass
        stop.set()
        writer.join()
    with memtrace.open(path) as trace:
        assert {(op.seq > 0, op.status) for op in trace.operations()} == {(True, "ok")}
        assert trace.counts["operations"] == 4000


def test_what_threads_add_to_one_step_adds_up(path: Path, short_switches: None) -> None:
    with memtrace.record(path), memtrace.step("calls") as op:

        def call(thread: int) -> None:
            for n in range(200):
                op.usage(usage={"calls": 1, f"{thread}-{n}": 1})
                op.parameter(f"{thread}-{n}", n)
                op.output("reply", n)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(call, range(4)))
    with memtrace.open(path) as trace:
        (operation,) = trace.operations()
        assert operation.usage["calls"] == 800
        assert len(operation.parameters) == 800
        assert sorted(v.position for v in trace.variables()) == list(range(800))


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_is_not_taken_for_a_trace(tmp_path: Path, resume: bool) -> None:
    with pytest.raises(UserError, match="this is a folder"):
        memtrace.record(tmp_path, resume=resume)


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("x")
    with pytest.raises(UserError, match="cannot make its folder"):
        memtrace.record(tmp_path / "notes" / "t.db")


def test_a_hook_may_change_the_keys_of_metadata(path: Path) -> None:
    with memtrace.record(path, redact=str.upper, metadata={"user": "ana"}):
        pass
    with memtrace.open(path) as trace:
        assert trace.metadata["user"] == "ANA"


def test_a_metadata_key_that_is_no_text_is_refused(path: Path) -> None:
    with pytest.raises(TypeError, match="expected a string"):
        memtrace.record(path, metadata={1: 2})  # type: ignore[dict-item]


def test_usage_that_changes_its_sort_keeps_the_last(path: Path) -> None:
    with memtrace.record(path), memtrace.step("s") as op:
        op.usage(usage={"tier": "free", "cached": True})
        op.usage(usage={"tier": 1, "cached": True})
    with memtrace.open(path) as trace:
        (operation,) = trace.operations()
        assert operation.usage == {"tier": 1, "cached": True}
