"""Spans of others come in with values, errors and usage; guessed edges say that they are."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError
from memtrace.types import Operation

DATA = Path(__file__).parents[3] / "data" / "memtrace"
NOTES = ["Anna moved to Lisbon in 2021 for work.", "Anna has a dog called Bento, a beagle."]
SAME_PROGRAM = [
    "otlp_openinference.json", "otlp_phoenix_spans.json", "otlp_phoenix_frame.json",
    "otlp_mlflow.json", "otlp_phoenix_rest.json",
]  # fmt: skip


def imported(source: Path, tmp_path: Path) -> tuple[memtrace.ImportReport, memtrace.Trace]:
    report = memtrace.import_otlp(source, tmp_path / "out.db")
    return report, memtrace.open(tmp_path / "out.db")


def spans(tmp_path: Path, *given: dict[str, Any]) -> Path:
    """A file of OTLP JSON; attributes are given as a plain mapping of texts."""
    plain = [
        {
            "traceId": "0" * 31 + "1", "startTimeUnixNano": "1", "endTimeUnixNano": "2",
            **span,
            "attributes": [
                {"key": key, "value": {"stringValue": text}}
                for key, text in span.get("attributes", {}).items()
            ],
        }
        for span in given
    ]  # fmt: skip
    path = tmp_path / "spans.json"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": plain}]}]}))
    return path


def only(trace: memtrace.Trace, **conditions: Any) -> Operation:
    (found,) = trace.operations(**conditions)
    return found


@pytest.mark.parametrize("name", SAME_PROGRAM)
def test_the_answer_leads_back_to_the_notes(name: str, tmp_path: Path) -> None:
    report, trace = imported(DATA / name, tmp_path)
    assert report.problems == ()
    answer = next(v.id for v in trace.variables() if trace.value(v.id) == "Lisbon, since 2021.")
    names = [operation.name for operation in trace.upstream(answer)]
    assert names[0] == "search", names
    assert len(names) == 2, names


@pytest.mark.parametrize("name", SAME_PROGRAM)
def test_documents_become_hits(name: str, tmp_path: Path) -> None:
    _, trace = imported(DATA / name, tmp_path)
    first = next(trace.operations(kind="retrieval"))
    assert [trace.value(hit) for hit in first.outputs["hits"]] == NOTES


@pytest.mark.parametrize("name", SAME_PROGRAM)
def test_a_failed_call_keeps_its_error(name: str, tmp_path: Path) -> None:
    _, trace = imported(DATA / name, tmp_path)
    failed = [o for o in trace.operations(kind="llm") if o.status == "error"]
    assert [(o.error.type, o.error.message) for o in failed if o.error] == [
        ("TimeoutError", "no reply in 30 s")
    ]


@pytest.mark.parametrize("name", SAME_PROGRAM)
def test_questions_do_not_share_variables(name: str, tmp_path: Path) -> None:
    _, trace = imported(DATA / name, tmp_path)
    first, second = (
        {v for o in trace.operations() if o.id == top.id or o.parent == top.id for v in o.input_ids}
        for top in trace.operations(kind="chain")
    )
    assert first
    assert second
    assert not first & second


def test_json_and_protobuf_give_the_same_trace(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    for name in ("otlp_openinference.json", "otlp_openinference.pb"):
        memtrace.import_otlp(DATA / name, tmp_path / f"{name}.db")
    with (
        memtrace.open(tmp_path / "otlp_openinference.json.db") as one,
        memtrace.open(tmp_path / "otlp_openinference.pb.db") as two,
    ):
        assert list(one.operations()) == list(two.operations())
        assert list(one.variables()) == list(two.variables())


def test_a_collector_file_has_lengths_in_front(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    message = (DATA / "otlp_openinference.pb").read_bytes()
    path = tmp_path / "collector.pb"
    path.write_bytes((len(message).to_bytes(4, "big") + message) * 2)
    report, _ = imported(path, tmp_path)
    assert report.operations == 6
    assert len(report.problems) == 6  # each span is there twice


def test_model_usage_and_parameters(tmp_path: Path) -> None:
    _, trace = imported(DATA / "otlp_openinference.json", tmp_path)
    call = next(trace.operations(kind="llm"))
    assert call.model == "gpt-x"
    assert call.usage == {"prompt_tokens": 40, "completion_tokens": 5}
    assert call.parameters == {"temperature": 0}


def test_attributes_that_are_no_values_are_kept(tmp_path: Path) -> None:
    _, trace = imported(DATA / "otlp_openinference.json", tmp_path)
    call = next(trace.operations(kind="llm"))
    assert call.metadata["attributes"]["llm.token_count.prompt"] == 40
    assert call.metadata["resource"]["service.name"] == "rag"
    assert "input.value" not in call.metadata["attributes"]


def test_a_guessed_input_is_marked(tmp_path: Path) -> None:
    _, trace = imported(DATA / "otlp_openinference.json", tmp_path)
    call = next(trace.operations(kind="llm"))
    marked = call.metadata["guessed_inputs"]["contained"]
    assert set(marked) == set(call.inputs["contained"])
    assert set(NOTES) < {trace.value(variable) for variable in marked}


def test_the_output_of_a_wrapper_is_the_variable_made_inside(tmp_path: Path) -> None:
    _, trace = imported(DATA / "otlp_openinference.json", tmp_path)
    top = next(trace.operations(kind="chain"))
    (variable,) = top.metadata["guessed_outputs"]["output"]
    made = trace.variable(variable)
    assert made.producer is not None
    assert trace.operation(made.producer).kind == "llm"


def test_a_langfuse_trace(tmp_path: Path) -> None:
    report, trace = imported(DATA / "otlp_langfuse_trace.json", tmp_path)
    assert (report.format, report.problems) == ("langfuse", ())
    call = only(trace, kind="llm")
    assert call.usage == {"prompt_tokens": 40, "completion_tokens": 5, "cost_usd": 0.001}
    assert [o.name for o in trace.upstream(call.output_ids[0])] == ["search", "chat"]
    assert call.metadata["attributes"]["langfuse.metadata"] == {"note": "kept"}
    assert only(trace, name="log").error == memtrace.OperationError("Error", "disk full")


def test_langfuse_rows_of_a_file_export(tmp_path: Path) -> None:
    row = {"id": "a", "trace_id": "t", "parent_observation_id": None, "type": "SPAN",
           "name": "step", "start_time": "2026-05-04 10:00:00.5", "end_time":
           "2026-05-04 10:00:01", "input": "hello", "output": "{\"x\": 1}"}  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(row)}\n\n{json.dumps({**row, 'id': 'b'})}\n")
    report, trace = imported(path, tmp_path)
    assert report.operations == 2
    first = next(trace.operations())
    assert first.latency_ms == 500.0
    assert trace.value(first.output_ids[0]) == {"x": 1}


def test_memory_operations_write_versions_and_deletions(tmp_path: Path) -> None:
    def memory(span_id: str, name: str, time_ns: int, content: str | None) -> dict[str, Any]:
        records = [{"id": "m1", "content": content}] if content else []
        return {
            "spanId": span_id, "name": name, "startTimeUnixNano": str(time_ns),
            "endTimeUnixNano": str(time_ns + 1), "attributes": {
                "gen_ai.operation.name": name, "gen_ai.memory.record.id": "m1",
                **({"gen_ai.memory.records": json.dumps(records)} if records else {}),
            },
        }  # fmt: skip

    path = spans(
        tmp_path, memory("a" * 16, "create_memory", 10, "Anna lives in Porto."),
        memory("b" * 16, "update_memory", 20, "Anna lives in Lisbon."),
        memory("c" * 16, "delete_memory", 30, None),
    )  # fmt: skip
    _, trace = imported(path, tmp_path)
    history = trace.history("m1")
    assert [(v.version, v.is_deletion) for v in history] == [(1, False), (2, False), (3, True)]
    assert trace.value(history[1].id) == "Anna lives in Lisbon."
    assert trace.state_at(trace.last_seq) == {}


# What is odd ----------------------------------------------------------------------------------


def test_spans_in_any_order_with_the_child_first(tmp_path: Path) -> None:
    path = spans(
        tmp_path,
        {"spanId": "b" * 16, "parentSpanId": "a" * 16, "name": "child", "startTimeUnixNano": "5"},
        {"spanId": "a" * 16, "name": "parent", "startTimeUnixNano": "1", "endTimeUnixNano": "9"},
    )
    _, trace = imported(path, tmp_path)
    assert only(trace, name="child").parent == only(trace, name="parent").id


def test_a_child_whose_clock_is_behind_still_comes_after_its_parent(tmp_path: Path) -> None:
    path = spans(
        tmp_path,
        {"spanId": "b" * 16, "parentSpanId": "a" * 16, "name": "child", "startTimeUnixNano": "1"},
        {"spanId": "a" * 16, "name": "parent", "startTimeUnixNano": "5", "endTimeUnixNano": "9"},
    )
    report, trace = imported(path, tmp_path)
    child, parent = only(trace, name="child"), only(trace, name="parent")
    assert child.seq > parent.seq
    assert child.started_ns == 1
    assert "clocks differ" in report.problems[0]


def test_a_missing_parent_is_told(tmp_path: Path) -> None:
    path = spans(tmp_path, {"spanId": "b" * 16, "parentSpanId": "a" * 16, "name": "orphan"})
    report, trace = imported(path, tmp_path)
    assert only(trace).parent is None
    assert only(trace).metadata["span"]["parent_id"] == "a" * 16
    assert "parent that is not in the file" in report.problems[0]


def test_spans_inside_each_other_in_a_circle(tmp_path: Path) -> None:
    path = spans(
        tmp_path, {"spanId": "a" * 16, "parentSpanId": "b" * 16, "name": "one"},
        {"spanId": "b" * 16, "parentSpanId": "a" * 16, "name": "two"},
    )  # fmt: skip
    report, _ = imported(path, tmp_path)
    assert report.operations == 2
    assert "inside itself" in report.problems[0]


def test_a_span_sent_twice_is_there_once(tmp_path: Path) -> None:
    span = {"spanId": "a" * 16, "name": "one"}
    report, _ = imported(spans(tmp_path, span, span), tmp_path)
    assert report.operations == 1
    assert "kept once" in report.problems[0]


def test_two_spans_with_one_id_are_both_kept(tmp_path: Path) -> None:
    path = spans(tmp_path, {"spanId": "a" * 16, "name": "one"}, {"spanId": "a" * 16, "name": "two"})
    report, trace = imported(path, tmp_path)
    assert sorted(o.name for o in trace.operations()) == ["one", "two"]
    assert "both are kept" in report.problems[0]


def test_a_span_without_an_end_is_unfinished(tmp_path: Path) -> None:
    path = spans(tmp_path, {"spanId": "a" * 16, "name": "one", "endTimeUnixNano": "0"})
    assert only(imported(path, tmp_path)[1]).status == "running"


def test_an_unknown_kind_stays(tmp_path: Path) -> None:
    kind = {"openinference.span.kind": "DREAM"}
    path = spans(tmp_path, {"spanId": "a" * 16, "attributes": kind})
    assert only(imported(path, tmp_path)[1]).kind == "dream"


def test_a_short_text_inside_another_is_no_guess(tmp_path: Path) -> None:
    path = spans(
        tmp_path, {"spanId": "a" * 16, "attributes": {"output.value": "Lisbon"}},
        {"spanId": "b" * 16, "startTimeUnixNano": "3", "endTimeUnixNano": "4",
         "attributes": {"input.value": "She moved to Lisbon long ago."}},
    )  # fmt: skip
    assert imported(path, tmp_path)[0].counts["guessed"] == 0


def test_a_guess_takes_the_latest_maker(tmp_path: Path) -> None:
    text = "Anna moved to Lisbon."
    path = spans(
        tmp_path, {"spanId": "a" * 16, "name": "old", "attributes": {"output.value": text}},
        {"spanId": "b" * 16, "name": "new", "startTimeUnixNano": "3", "endTimeUnixNano": "4",
         "attributes": {"output.value": text}},
        {"spanId": "c" * 16, "name": "reader", "startTimeUnixNano": "5", "endTimeUnixNano": "6",
         "attributes": {"input.value": text}},
    )  # fmt: skip
    _, trace = imported(path, tmp_path)
    (variable,) = only(trace, name="reader").input_ids
    assert trace.variable(variable).producer == only(trace, name="new").id


def test_another_trace_is_never_guessed_from(tmp_path: Path) -> None:
    text = "Anna moved to Lisbon."
    path = spans(
        tmp_path, {"spanId": "a" * 16, "attributes": {"output.value": text}},
        {"traceId": "2" * 32, "spanId": "b" * 16, "startTimeUnixNano": "3",
         "endTimeUnixNano": "4", "attributes": {"input.value": text}},
    )  # fmt: skip
    assert imported(path, tmp_path)[0].counts["guessed"] == 0


def test_a_secret_in_an_attribute_is_masked(tmp_path: Path) -> None:
    about = {"http.header.authorization": "Bearer sk-or-v1-0123456789abcdef01"}
    path = spans(tmp_path, {"spanId": "a" * 16, "attributes": about})
    _, trace = imported(path, tmp_path)
    assert "0123456789abcdef01" not in json.dumps(only(trace).metadata)


def test_one_bad_span_does_not_spoil_the_others(tmp_path: Path) -> None:
    path = spans(
        tmp_path, {"spanId": "a" * 16, "name": "good"},
        {"spanId": "b" * 16, "name": "bad", "startTimeUnixNano": "yesterday"},
    )  # fmt: skip
    report, trace = imported(path, tmp_path)
    assert [o.name for o in trace.operations()] == ["good"]
    assert "'bad'" in report.problems[0]
    assert "yesterday" in report.problems[0]


def test_a_cut_last_line_costs_only_itself(tmp_path: Path) -> None:
    whole = spans(tmp_path, {"spanId": "a" * 16, "name": "good"}).read_text()
    path = tmp_path / "spans.jsonl"
    path.write_text(f"{whole}\n{whole[:80]}")
    report, _ = imported(path, tmp_path)
    assert report.operations == 1
    assert report.problems[0].startswith("line 2: ")


def test_gzip_is_read_as_what_is_inside(tmp_path: Path) -> None:
    path = tmp_path / "spans.json.gz"
    path.write_bytes(gzip.compress((DATA / "otlp_openinference.json").read_bytes()))
    assert imported(path, tmp_path)[0].operations == 6


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.json", b""),
        ("words.txt", b"hello"),
        ("cut.json", b'{"resourceSpans": [{'),
        ("list.json", b'[{"a": 1}, 2]'),
        ("cut_list.json", b'[{"a"'),
        ("other.json", b'{"a": 1}'),
        ("wrong.json", b'{"resourceSpans": 7}'),
        ("nothing.json", b'{"resourceSpans": []}'),
        ("deep.json", b'{"a":' * 100_000),
        ("deep_list.json", b"[" * 100_000),
        ("cut.pb", b"\x0a\xff\x01\x0a"),
        ("other.pb", b"\x12\x03abc"),
        ("noise.pb", b"\x0a\x05\xff\xff\xff\xff\xff"),
        ("noise.bin", bytes(range(255, 0, -1))),
        ("cut.json.gz", gzip.compress(b'{"resourceSpans": []}' * 50, mtime=0)[:30]),
        ("latin.json", b'{"a": "\xe9"}'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_file_is_diagnosed_and_leaves_nothing(
    name: str, content: bytes, tmp_path: Path
) -> None:
    if name.endswith(".pb"):
        pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        memtrace.import_otlp(tmp_path / name, tmp_path / "out.db")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_long_list_with_long_entries_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    row = {"trace_id": "t", "type": "SPAN", "start_time": "2026-05-04T10:00:00Z"}
    rows = [{**row, "id": f"{n}", "input": "ä" * (200_000 if n == 7 else 900)} for n in range(300)]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False), "utf-8")
    assert imported(path, tmp_path)[0].operations == 300


def test_a_list_that_is_cut_off_keeps_what_is_whole(tmp_path: Path) -> None:
    text = (DATA / "otlp_phoenix_spans.json").read_text("utf-8")
    path = tmp_path / "cut.json"
    path.write_text(text[: len(text) * 2 // 3], "utf-8")
    report, _ = imported(path, tmp_path)
    assert 0 < report.operations < 6
    assert "what follows is left out" in report.problems[0]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there_is_none"):
        memtrace.import_otlp(tmp_path / "there_is_none.json", tmp_path / "out.db")


def test_a_trace_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out.db").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"out\.db"):
        memtrace.import_otlp(DATA / "otlp_openinference.json", tmp_path / "out.db")
    assert (tmp_path / "out.db").read_bytes() == b"mine"
