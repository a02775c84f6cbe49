"""A trace as OTLP files: what the specification asks for, what viewers show, what comes back."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError

MESSAGES = [{"role": "user", "content": "Where do I live? ☃"}]


@pytest.fixture
def trace(tmp_path: Path) -> Iterator[memtrace.Trace]:
    """Two writes, a search, an answer, a failure; one variable that nobody reads."""
    with memtrace.record(tmp_path / "trace.db", metadata={"seed": 7}) as run:
        memtrace.variable("Lisbon", kind="gold", name="unread")
        for place, city in enumerate(["Porto", "Lisbon"]):
            turn = memtrace.variable(f"I moved to {city}.", kind="message", name=f"D1:{place}")
            with memtrace.step("write", kind="update", inputs={"turn": turn}) as op:
                op.output("item", turn.value, kind="memory_item", item="home")
        question = memtrace.variable("Where do I live?", kind="question")
        with memtrace.step("ask", kind="session", inputs={"question": question}):
            with memtrace.step("search", kind="retrieval", inputs={"query": question}) as op:
                live = run.live("home")
                hits = op.outputs("hits", [live], metadata=[{"score": 0.5}])
            with memtrace.step("reply", kind="answer", inputs={"hits": hits}) as op:
                op.request(MESSAGES)
                op.usage(model="gpt-x", usage={"prompt_tokens": 20, "completion_tokens": 3})
                op.output("answer", "Lisbon", kind="answer")
        with pytest.raises(TimeoutError), memtrace.step("judge", kind="judge"):
            raise TimeoutError("slow")
        with memtrace.step("forget", kind="deletion") as op:
            op.deleted("home")
    with memtrace.open(tmp_path / "trace.db") as opened:
        yield opened


def exported(trace: memtrace.Trace, **options: Any) -> dict[str, dict[str, Any]]:
    """The spans of an export by name, with plain attributes."""
    path = trace.path.with_name("spans.jsonl")
    memtrace.export_otlp(trace, path, **options)
    found = {}
    for line in path.read_text("utf-8").splitlines():
        for resource_spans in json.loads(line)["resourceSpans"]:
            for scope_spans in resource_spans["scopeSpans"]:
                for span in scope_spans["spans"]:
                    span["attributes"] = {
                        pair["key"]: next(iter(pair["value"].values()))
                        for pair in span["attributes"]
                    }
                    found[span["name"]] = span
    return found


def test_ids_are_hexadecimal_and_stay_the_same(trace: memtrace.Trace) -> None:
    first, second = exported(trace)["search"], exported(trace)["search"]
    assert len(bytes.fromhex(first["traceId"])) == 16
    assert len(bytes.fromhex(first["spanId"])) == 8
    assert (first["traceId"], first["spanId"]) == (second["traceId"], second["spanId"])


def test_times_and_integers_are_strings(trace: memtrace.Trace) -> None:
    span = exported(trace)["reply"]
    assert span["startTimeUnixNano"] == str(next(trace.operations(name="reply")).started_ns)
    assert span["attributes"]["gen_ai.usage.input_tokens"] == "20"


def test_a_top_level_operation_begins_a_trace(trace: memtrace.Trace) -> None:
    spans = exported(trace)
    assert spans["search"]["parentSpanId"] == spans["ask"]["spanId"]
    assert spans["search"]["traceId"] == spans["ask"]["traceId"] != spans["write"]["traceId"]
    assert "parentSpanId" not in spans["ask"]


def test_data_flow_is_span_links(trace: memtrace.Trace) -> None:
    spans = exported(trace)
    (link,) = spans["reply"]["links"]
    assert (link["traceId"], link["spanId"]) == (
        spans["search"]["traceId"], spans["search"]["spanId"],
    )  # fmt: skip
    assert {"key": "memtrace.role", "value": {"stringValue": "hits"}} in link["attributes"]


def test_memory_operations_have_their_names(trace: memtrace.Trace) -> None:
    spans = exported(trace)
    names = {name: spans[name]["attributes"].get("gen_ai.operation.name") for name in spans}
    assert names["search"] == "search_memory"
    assert names["write"] == "update_memory"  # the second of the two
    assert names["forget"] == "delete_memory"
    assert names["reply"] == "chat"
    assert spans["write"]["attributes"]["gen_ai.memory.record.id"] == "home"


def test_hits_are_documents(trace: memtrace.Trace) -> None:
    about = exported(trace)["search"]["attributes"]
    assert about["openinference.span.kind"] == "RETRIEVER"
    assert about["retrieval.documents.0.document.content"] == "I moved to Lisbon."
    assert about["retrieval.documents.0.document.score"] == 0.5


def test_a_request_is_the_input_messages(trace: memtrace.Trace) -> None:
    about = exported(trace)["reply"]["attributes"]
    assert about["openinference.span.kind"] == "LLM"
    assert about["llm.input_messages.0.message.content"] == MESSAGES[0]["content"]
    assert about["llm.output_messages.0.message.content"] == "Lisbon"
    assert about["output.value"] == "Lisbon"


def test_a_failure_is_a_status_and_an_event(trace: memtrace.Trace) -> None:
    span = exported(trace)["judge"]
    assert span["status"] == {"code": 2, "message": "slow"}
    assert span["events"][0]["name"] == "exception"


def test_without_content_no_value_goes_out(trace: memtrace.Trace) -> None:
    memtrace.export_otlp(trace, trace.path.with_name("bare.jsonl"), content=False)
    text = trace.path.with_name("bare.jsonl").read_text("utf-8")
    assert "Lisbon" not in text
    assert "Where" not in text


def test_without_content_the_graph_comes_back(trace: memtrace.Trace) -> None:
    path = trace.path.with_name("bare.jsonl")
    memtrace.export_otlp(trace, path, content=False)
    report = memtrace.import_otlp(path, path.with_suffix(".db"))
    with memtrace.open(path.with_suffix(".db")) as back:
        assert list(back.operations()) == list(trace.operations())
    assert any("values are not in the file" in problem for problem in report.problems)


def test_long_values_are_cut_when_asked_and_marked(trace: memtrace.Trace) -> None:
    path = trace.path.with_name("cut.jsonl")
    report = memtrace.export_otlp(trace, path, max_value_chars=5)
    back = memtrace.import_otlp(path, path.with_suffix(".db"))
    assert report.counts["cut"] > 0
    assert any("were cut" in problem for problem in back.problems)
    with memtrace.open(path.with_suffix(".db")) as cut:
        question = next(cut.variables(kind="question"))
        assert cut.value(question.id) == "Where"
        assert list(cut.operations()) == list(trace.operations())


def test_a_slice_brings_what_its_operations_read(trace: memtrace.Trace) -> None:
    part = memtrace.Slice(tuple(o.id for o in trace.operations(name="reply")), ())
    path = trace.path.with_name("slice.jsonl")
    memtrace.export_otlp(trace, path, slice=part)
    report = memtrace.import_otlp(path, path.with_suffix(".db"))
    with memtrace.open(path.with_suffix(".db")) as back:
        (reply,) = back.operations()
        (hit,) = reply.inputs["hits"]
        assert reply.parent is None
        assert back.value(hit) == "I moved to Lisbon."
        assert back.variable(hit).producer is None
    assert any("parent that is not in the file" in problem for problem in report.problems)


def test_a_gap_in_a_slice_is_bridged(trace: memtrace.Trace) -> None:
    path = trace.path.with_name("deep.db")
    with (
        memtrace.record(path), memtrace.step("outer"), memtrace.step("middle"),
        memtrace.step("inner"),
    ):  # fmt: skip
        pass
    with memtrace.open(path) as deep:
        ends = tuple(o.id for o in deep.operations() if o.name != "middle")
        spans = exported(deep, slice=memtrace.Slice(ends, ()))
    assert spans["inner"]["parentSpanId"] == spans["outer"]["spanId"]


def test_the_run_tells_its_metadata(trace: memtrace.Trace) -> None:
    about = exported(trace)["memtrace run"]["attributes"]
    assert json.loads(about["memtrace.trace"])["seed"] == 7


@pytest.mark.parametrize("name", ["a.jsonl", "a.json.gz", "a.pb", "a.pb.gz"])
def test_every_kind_of_file_comes_back_equal(name: str, trace: memtrace.Trace) -> None:
    if ".pb" in name:
        pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    path = trace.path.with_name(name)
    report = memtrace.export_otlp(trace, path, batch=2)
    back = memtrace.import_otlp(path, path.with_name("back.db"))
    assert (report.written, back.problems) == (back.counts["spans"], ())
    with memtrace.open(path.with_name("back.db")) as copy:
        assert list(copy.operations()) == list(trace.operations())
        assert list(copy.variables()) == list(trace.variables())
        assert copy.metadata == trace.metadata


def test_the_json_means_what_the_protobuf_says(trace: memtrace.Trace) -> None:
    """The JSON, read by protobuf's own reader, is the protobuf export."""
    trace_pb2 = pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    json_format = pytest.importorskip("google.protobuf.json_format")
    ids = {"traceId", "spanId", "parentSpanId"}

    def as_protobuf_json(value: Any) -> Any:
        if isinstance(value, list):
            return [as_protobuf_json(part) for part in value]
        if not isinstance(value, dict):
            return value
        return {
            key: base64.b64encode(bytes.fromhex(part)).decode()
            if key in ids else as_protobuf_json(part)
            for key, part in value.items()
        }  # fmt: skip

    for name in ("a.json", "a.pb"):
        memtrace.export_otlp(trace, trace.path.with_name(name), batch=1000)
    ours = as_protobuf_json(json.loads(trace.path.with_name("a.json").read_bytes()))
    parsed = json_format.ParseDict(ours, trace_pb2.TracesData())
    assert parsed == trace_pb2.TracesData.FromString(trace.path.with_name("a.pb").read_bytes())


def test_protobuf_files_are_one_message(trace: memtrace.Trace) -> None:
    trace_pb2 = pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    path = trace.path.with_name("a.pb")
    report = memtrace.export_otlp(trace, path, batch=2)
    found = trace_pb2.TracesData.FromString(path.read_bytes())
    spans = [s for r in found.resource_spans for scope in r.scope_spans for s in scope.spans]
    assert len(spans) == report.written


def test_a_running_trace_can_be_exported(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "live.db") as run, memtrace.step("outer") as op:
        op.output("early", "text")
        run.flush()
        report = memtrace.export_otlp(tmp_path / "live.db", tmp_path / "live.jsonl")
    assert report.written == 2
    memtrace.import_otlp(tmp_path / "live.jsonl", tmp_path / "back.db")
    with memtrace.open(tmp_path / "back.db") as back:
        assert [o.status for o in back.operations()] == ["running"]


def test_a_count_that_is_no_long_integer(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "long.db"), memtrace.step("call") as op:
        op.usage(model="gpt-x", usage={"prompt_tokens": 2**70})
    memtrace.export_otlp(tmp_path / "long.db", tmp_path / "long.jsonl")
    memtrace.import_otlp(tmp_path / "long.jsonl", tmp_path / "back.db")
    with memtrace.open(tmp_path / "back.db") as back:
        assert next(back.operations()).usage["prompt_tokens"] == 2**70


def test_an_empty_trace(tmp_path: Path) -> None:
    memtrace.record(tmp_path / "empty.db").close()
    memtrace.export_otlp(tmp_path / "empty.db", tmp_path / "empty.jsonl")
    report = memtrace.import_otlp(tmp_path / "empty.jsonl", tmp_path / "back.db")
    assert (report.operations, report.variables, report.problems) == (0, 0, ())


def test_a_failed_export_leaves_the_old_file(trace: memtrace.Trace) -> None:
    path = trace.path.with_name("folder")
    path.mkdir()
    with pytest.raises(UserError, match="folder"):
        memtrace.export_otlp(trace, path)
    assert sorted(p.name for p in path.parent.iterdir()) == ["folder", "trace.db"]


def test_gzip_is_gzip(trace: memtrace.Trace) -> None:
    memtrace.export_otlp(trace, trace.path.with_name("a.jsonl.gz"))
    lines = gzip.decompress(trace.path.with_name("a.jsonl.gz").read_bytes()).splitlines()
    assert "resourceSpans" in json.loads(lines[0])


@pytest.mark.parametrize("options", [{"batch": 0}, {"max_value_chars": -1}])
def test_bad_arguments(options: dict[str, int], trace: memtrace.Trace) -> None:
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        memtrace.export_otlp(trace, trace.path.with_name("a.jsonl"), **options)  # type: ignore[arg-type]
