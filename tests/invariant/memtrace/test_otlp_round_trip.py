"""Whatever a trace holds, its export as spans comes back as the same trace."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import memtrace
from memtrace.graph.recording.handle import Handle

texts = st.text(max_size=30) | st.sampled_from(["\ud800", "\x00", "null", "1", '"', "☃" * 20])
keys = st.text(st.characters(codec="utf-8"), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
    | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
metadata = st.dictionaries(
    st.sampled_from(["score", "a.b", "☃"]), st.integers() | texts, max_size=2
)
steps = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["retrieval", "answer", "judge", "update", "odd kind"]),
        "reads": st.lists(
            st.tuples(st.sampled_from(["a", "b", "☃"]), st.integers(0, 30)), max_size=4
        ),
        "fresh": st.lists(values, max_size=2),
        "makes": st.lists(st.tuples(st.sampled_from(["x", "y", "request"]), values), max_size=4),
        "copies": st.lists(st.integers(0, 30), max_size=2),
        "item": st.none() | st.sampled_from(["m1", "m2"]),
        "model": st.none() | st.just("gpt-x"),
        "metadata": metadata,
        "fails": st.booleans(),
        "inside": st.booleans(),
    }
)


def play(step: dict[str, Any], known: list[Handle[Any]]) -> None:
    """Record one step over the variables there are."""
    inputs: dict[str, list[Any]] = {}
    for role, place in step["reads"]:
        if known:
            inputs.setdefault(role, []).append(known[place % len(known)])
    for value in step["fresh"]:
        inputs.setdefault("fresh", []).append(memtrace.variable(value))
    sources = [known[place % len(known)] for place in step["copies"] if known]
    with memtrace.step(
        step["kind"], kind=step["kind"], inputs={**inputs, "sources": sources},
        parameters=step["metadata"], metadata=step["metadata"],
    ) as op:  # fmt: skip
        for source in sources:
            known.append(op.output("copy", source, metadata=step["metadata"]))
        for role, value in step["makes"]:
            kind = "request" if role == "request" else None
            known.append(op.output(role, value, kind=kind))
        if step["item"]:
            known.append(op.output("item", "text", item=step["item"], kind="memory_item"))
        if step["model"]:
            op.usage(model=step["model"], usage={"prompt_tokens": 3, "cost_usd": 0.5})
        if step["fails"]:
            op.failed("OddError", "it went wrong ☃")


@pytest.mark.parametrize("name", ["spans.jsonl", "spans.pb"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=st.lists(steps, max_size=6), unread=st.lists(values, max_size=3))
def test_round_trip(name: str, plan: list[dict[str, Any]], unread: list[Any]) -> None:
    if name.endswith(".pb"):
        pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    with tempfile.TemporaryDirectory() as folder:
        there, spans, back = (Path(folder) / part for part in ("a.db", name, "b.db"))
        with memtrace.record(there, metadata={"plan": len(plan)}):
            known: list[Handle[Any]] = [memtrace.variable(value) for value in unread]
            for step in plan:
                if step["inside"]:
                    with memtrace.step("around", kind="session"):
                        play(step, known)
                else:
                    play(step, known)
        memtrace.export_otlp(there, spans, batch=3)
        report = memtrace.import_otlp(spans, back)
        with memtrace.open(there) as one, memtrace.open(back) as two:
            assert report.problems == ()
            assert list(one.operations()) == list(two.operations())
            assert list(one.variables()) == list(two.variables())  # digests: values are equal
            assert one.metadata == two.metadata
