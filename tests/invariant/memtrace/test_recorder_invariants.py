"""Any run at all: what is recorded is what is read, the graph is acyclic, edges have both ends."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import networkx
from hypothesis import given, settings
from hypothesis import strategies as st

import memtrace

texts = st.sampled_from(["", "no", "I don't know", "x" * 400]) | st.text(max_size=8)


@dataclass
class Plan:
    """One operation: which earlier variables it reads, what it makes, how it ends."""

    reads: list[int]
    makes: list[str]
    nested: list[Plan] = field(default_factory=list)
    items: list[str | None] = field(default_factory=list)
    fails: bool = False


plans = st.recursive(
    st.builds(
        Plan,
        reads=st.lists(st.integers(0, 50), max_size=4),
        makes=st.lists(texts, max_size=3),
        items=st.lists(st.sampled_from([None, "m1", "m2"]), min_size=3, max_size=3),
        fails=st.booleans(),
    ),
    lambda part: st.builds(
        Plan,
        reads=st.lists(st.integers(0, 50), max_size=3),
        makes=st.lists(texts, max_size=2),
        nested=st.lists(part, max_size=3),
        items=st.lists(st.sampled_from([None, "m1"]), min_size=2, max_size=2),
    ),
    max_leaves=8,
)


class Model:
    """What the trace should say, kept beside the recording."""

    def __init__(self) -> None:
        self.handles: list[memtrace.Handle[str]] = []
        self.values: dict[str, str] = {}
        self.reads: dict[str, tuple[str, ...]] = {}
        self.makes: dict[str, tuple[str, ...]] = {}
        self.parents: dict[str, str | None] = {}
        self.failed: set[str] = set()
        self.versions: dict[str, list[str]] = {}

    def keep(self, handle: memtrace.Handle[str]) -> str:
        assert handle.id is not None
        self.handles.append(handle)
        self.values[handle.id] = handle.value
        if handle.item is not None:
            self.versions.setdefault(handle.item, []).append(handle.value)
        return handle.id

    def perform(self, plan: Plan, parent: str | None) -> None:
        inputs = [self.handles[number % len(self.handles)] for number in plan.reads]
        try:
            with memtrace.step("op", inputs={"reads": inputs}) as op:
                assert op.id is not None
                self.parents[op.id] = parent
                self.reads[op.id] = tuple(handle.id or "" for handle in inputs)
                for part in plan.nested:
                    self.perform(part, op.id)
                made = [
                    op.output("makes", text, item=item)
                    for text, item in zip(plan.makes, plan.items, strict=False)
                ]
                self.makes[op.id] = tuple(self.keep(handle) for handle in made)
                if plan.fails:
                    self.failed.add(op.id)
                    raise LookupError
        except LookupError:
            return


@settings(deadline=None, max_examples=40)
@given(st.lists(plans, max_size=6), st.lists(texts, min_size=1, max_size=3), st.integers(1, 3))
def test_what_is_recorded_is_what_is_read(run: list[Plan], roots: list[str], sessions: int) -> None:
    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.db"
        for session in range(sessions):
            with memtrace.record(path, resume=True):
                for text in roots:
                    model.keep(memtrace.variable(text))
                for plan in run[session::sessions]:
                    model.perform(plan, None)
        with memtrace.open(path) as trace:
            found = {op.id: op for op in trace.operations()}
            assert {op.id: op.inputs.get("reads", ()) for op in found.values()} == model.reads
            assert {op.id: op.outputs.get("makes", ()) for op in found.values()} == model.makes
            assert {op.id: op.parent for op in found.values()} == model.parents
            assert {op.id for op in found.values() if op.status == "error"} == model.failed
            assert {v.id: trace.value(v.id) for v in trace.variables()} == model.values
            assert trace.counts["values"] == len(set(model.values.values()))
            graph = trace.to_networkx()
            assert set(graph) == found.keys() | model.values.keys()
            assert networkx.is_directed_acyclic_graph(graph)
            assert all(graph.nodes[a]["seq"] < graph.nodes[b]["seq"] for a, b in graph.edges)
            for identifier in model.values:
                expected = networkx.ancestors(graph, identifier) | {identifier}
                back = trace.graph.upstream(identifier)
                assert {*back.operations, *back.variables} == expected
            held = {v.item: trace.value(v.id) for v in trace.state_at(trace.last_seq).values()}
            assert held == {item: values[-1] for item, values in model.versions.items()}
