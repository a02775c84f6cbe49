"""Operations, variables, items and slices as text; which part of a slice is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

import memtrace
from memtrace.show.nodes import tell_item, tell_operation, tell_overview, tell_variable
from memtrace.show.portion import portion, slice_of
from memtrace.show.slices import slice_data, tell_slice
from memtrace.types import Slice


@pytest.fixture
def trace(tmp_path: Path) -> memtrace.Trace:
    """A message, an item in two versions, a search, an answer that failed once."""
    with memtrace.record(tmp_path / "t.db"):
        turn = memtrace.variable("I moved to Porto.", kind="message", name="D1:1")
        with memtrace.step("session", kind="session"):
            inputs = {"turn": turn}
            with memtrace.step("add", kind="update", inputs=inputs, prompt="Note it.") as op:
                old = op.output("item", "Porto", kind="memory_item", item="home")
        with memtrace.step("change", kind="update", inputs={"old": old}) as op:
            new = op.output("item", "Lisbon", kind="memory_item", item="home")
        with memtrace.step("search", kind="retrieval", parameters={"top_k": 1}) as op:
            hit = op.output("hits", new, kind="hit")
        with memtrace.step("answer", kind="answer", inputs={"hits": [hit]}) as op:
            op.usage(model="tiny", usage={"prompt_tokens": 7})
            op.output("answer", "Lisbon\nof course", kind="answer")
        with memtrace.step("judge", inputs={}) as op:
            op.failed("Timeout", "no reply in 30 s")
    return memtrace.open(tmp_path / "t.db")


def _named(trace: memtrace.Trace, name: str) -> memtrace.Operation:
    return next(trace.operations(name=name))


def test_an_operation_is_told_with_all_that_belongs_to_it(trace: memtrace.Trace) -> None:
    text = tell_operation(trace, _named(trace, "answer"))
    for part in ("answer", "tiny", '"prompt_tokens": 7', "hits: var-", "Lisbon of course"):
        assert part in text, text
    assert "top_k" in tell_operation(trace, _named(trace, "search"))
    assert "Timeout: no reply in 30 s" in tell_operation(trace, _named(trace, "judge"))
    assert "children    op-" in tell_operation(trace, _named(trace, "session"))


def test_an_item_is_told_before_and_after(trace: memtrace.Trace) -> None:
    text = tell_operation(trace, _named(trace, "change"))
    assert "before      Porto" in text
    assert "after       Lisbon" in text
    assert "before      (new)" in tell_operation(trace, _named(trace, "add"))


def test_a_variable_is_told_with_maker_readers_and_versions(trace: memtrace.Trace) -> None:
    new = trace.history("home")[1]
    text = tell_variable(trace, new)
    assert f"{new.producer} change (update), as item" in text
    assert "read by" in text
    assert f">v2 {new.id}" in text
    assert f"copy of {new.id}" in text
    assert text.endswith("\n\nLisbon")


def test_an_item_is_told_version_by_version(trace: memtrace.Trace) -> None:
    lines = tell_item(trace, "home").splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["v1", "v2", "v2"], lines


def test_the_overview_says_how_to_go_on(trace: memtrace.Trace) -> None:
    text = tell_overview(trace)
    assert "6 operations" in text
    assert "slice=upstream" in text
    assert text.count("judge") == 1, text


def test_the_overview_of_a_long_trace_shows_both_ends(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        for number in range(200):
            with memtrace.step(f"step{number}") as op:
                op.outputs("parts", list(range(30)))
    with memtrace.open(tmp_path / "t.db") as trace:
        text = tell_overview(trace, limit=4)
    names = [line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith("  op-")]
    assert names == ["step0", "step1", "step2", "step3", "step198", "step199"]


def test_the_overview_of_nothing_is_no_error(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        pass
    with memtrace.open(tmp_path / "t.db") as trace:
        assert "no operation" in tell_overview(trace)


def test_a_slice_is_told_in_order_below_parents(trace: memtrace.Trace) -> None:
    everything = Slice(trace.graph.operations, trace.graph.variables)
    lines = tell_slice(portion(trace, everything, focus=None, limit=9, width=40)).splitlines()
    starts = [line for line in lines if line.lstrip().startswith("op-")]
    assert [line.split()[1] for line in starts] == [
        "session", "add", "change", "search", "answer", "judge",
    ]  # fmt: skip
    assert [len(line) - len(line.lstrip()) for line in starts] == [0, 2, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "direction", "names"),
    [
        ("answer", "upstream", ["add", "change", "search", "answer"]),
        ("add", "downstream", ["add", "change", "search", "answer"]),
        ("search", "none", ["search"]),
        ("judge", "upstream", ["judge"]),
    ],
)
def test_an_operation_has_slices_too(
    trace: memtrace.Trace, name: str, direction: str, names: list[str]
) -> None:
    part = slice_of(trace, _named(trace, name).id, direction)  # type: ignore[arg-type]
    assert [op.name for op in trace.operations(ids=part.operations)] == names


def test_between_starts_at_what_an_operation_read(trace: memtrace.Trace) -> None:
    part = slice_of(trace, _named(trace, "answer").id, "between", _named(trace, "change").id)
    names = [op.name for op in trace.operations(ids=part.operations)]
    assert names == ["change", "search", "answer"]


def test_what_does_not_fit_is_counted_and_the_focus_stays(trace: memtrace.Trace) -> None:
    focus = _named(trace, "answer").id
    found = portion(trace, slice_of(trace, focus, "upstream"), focus=focus, limit=2, width=40)
    assert [operation.name for operation in found.operations] == ["search", "answer"]
    assert found.left_out == 2
    assert "2 more operations" in tell_slice(found)
    assert slice_data(found)["left_out"] == 2
