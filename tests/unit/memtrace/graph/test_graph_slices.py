"""Slices follow the operations that made a very variable, and nothing that merely reads alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import memtrace


@pytest.fixture
def run(tmp_path: Path) -> Iterator[memtrace.Recorder]:
    with memtrace.record(tmp_path / "trace.db") as recorder:
        yield recorder


def answer(question: str, reply: str, context: memtrace.Handle[str]) -> memtrace.Handle[str]:
    with memtrace.step(f"answer {question}", inputs={"q": question, "context": context}) as op:
        return op.output("answer", reply)


def judge(name: str, prediction: memtrace.Handle[str]) -> memtrace.Handle[float]:
    with memtrace.step(f"judge {name}", inputs={"prediction": prediction}) as op:
        return op.output("score", 0.0)


def test_two_questions_with_equal_texts_do_not_mix(run: memtrace.Recorder) -> None:
    first, second = memtrace.variable("I moved to Oslo."), memtrace.variable("I like tea.")
    one = judge("one", answer("where?", "I don't know", first))
    two = judge("two", answer("what?", "I don't know", second))
    run.close()
    with memtrace.open(run.path) as trace:
        graph = trace.graph
        names = {op.id: op.name for op in trace.operations()}
        behind = {
            name: [names[op] for op in graph.upstream(score.id or "").operations]
            for name, score in (("one", one), ("two", two))
        }
        assert behind == {
            "one": ["answer where?", "judge one"],
            "two": ["answer what?", "judge two"],
        }
        assert second.id not in graph.upstream(one.id or "")
        assert [names[op] for op in graph.downstream(first.id or "").operations] == behind["one"]


def chain(length: int) -> list[memtrace.Handle[int]]:
    made = [memtrace.variable(0)]
    for number in range(1, length):
        with memtrace.step(f"s{number}", inputs={"x": made[-1]}) as op:
            made.append(op.output("x", number))
    return made


def test_between_keeps_only_the_ways_that_arrive(run: memtrace.Recorder) -> None:
    made = chain(4)
    with memtrace.step("side", inputs={"x": made[1]}) as side:
        dead_end = side.output("x", "dead end")
    extra = memtrace.variable("extra")
    with memtrace.step("join", inputs={"x": made[3], "y": extra}) as join:
        end = join.output("x", "end")
    run.close()
    with memtrace.open(run.path) as trace:
        found = trace.graph.between(made[1].id or "", end.id or "")
        assert found.variables == tuple(handle.id for handle in (made[1], made[2], made[3], end))
        assert [op.name for op in trace.operations(ids=found.operations)] == ["s2", "s3", "join"]
        several = trace.graph.between([made[2].id or "", extra.id or ""], end.id or "")
        assert set(several.variables) == {made[2].id, made[3].id, extra.id, end.id}
        assert len(trace.graph.between(dead_end.id or "", end.id or "")) == 0


def test_a_slice_can_be_bounded_in_time(run: memtrace.Recorder) -> None:
    made = chain(5)
    run.close()
    with memtrace.open(run.path) as trace:
        third = next(trace.operations(name="s3"))
        back = trace.graph.upstream(made[4].id or "", since_seq=third.seq)
        assert [op.name for op in trace.operations(ids=back.operations)] == ["s3", "s4"]
        ahead = trace.graph.downstream(made[0].id or "", until_seq=third.seq)
        assert [op.name for op in trace.operations(ids=ahead.operations)] == ["s1", "s2", "s3"]


def test_a_variable_from_outside_is_its_whole_slice(run: memtrace.Recorder) -> None:
    alone = memtrace.variable("x")
    run.close()
    with memtrace.open(run.path) as trace:
        assert trace.graph.upstream(alone.id or "") == memtrace.Slice((), (alone.id or "",))
        assert trace.graph.producer(alone.id or "") is None
        assert trace.graph.consumers(alone.id or "") == ()


def test_upstream_streams_the_operations_behind_a_handle(run: memtrace.Recorder) -> None:
    made = chain(4)
    run.close()
    with memtrace.open(run.path) as trace:
        assert [op.name for op in trace.upstream(made[3])] == ["s1", "s2", "s3"]
        assert trace.graph.edge_count == 6


def test_a_slice_of_many_operations_is_the_same_as_one_of_few(run: memtrace.Recorder) -> None:
    """Beyond some thousand operations a slice is walked on arrays, wide levels all at once."""
    made = chain(3_000)
    wide = []
    for number in range(2_000):
        with memtrace.step("wide", inputs={"x": made[-1]}) as op:
            wide.append(op.output("x", -number))
    with memtrace.step("join", inputs={"all": wide}) as op:
        end = op.output("x", "end")
    lone = memtrace.variable("lone")
    run.close()
    with memtrace.open(run.path) as trace:
        back = trace.graph.upstream(end.id or "")
        assert len(back.operations) == 2_999 + 2_000 + 1
        assert back.variables == tuple(h.id for h in (*made, *wide, end))
        ahead = trace.graph.downstream(made[0].id or "")
        assert ahead == back
        assert trace.graph.between(made[0].id or "", end.id or "") == back
        assert len(trace.graph.between(lone.id or "", end.id or "")) == 0
        assert trace.graph.upstream(lone.id or "").variables == (lone.id,)
        assert len(trace.graph.consumers(made[-1].id or "")) == 2_000


def test_a_variable_recorded_later_has_a_slice_too(run: memtrace.Recorder) -> None:
    made = chain(4_500)
    run.flush()
    with memtrace.open(run.path) as trace:
        assert len(trace.graph.upstream(made[-1].id or "").operations) == 4_499
        with memtrace.step("later", inputs={"x": made[-1]}) as op:
            later = op.output("x", "later")
        run.flush()
        assert len(trace.graph.upstream(later.id or "").operations) == 4_500


def test_operations_inside_one_and_inside_none(run: memtrace.Recorder) -> None:
    with memtrace.step("outer") as outer:
        with memtrace.step("first"), memtrace.step("deep"):
            pass
        with memtrace.step("second"):
            pass
    with memtrace.step("alone"):
        pass
    run.close()
    with memtrace.open(run.path) as trace:
        assert [op.name for op in trace.children(outer.id or "")] == ["first", "second"]
        assert [op.name for op in trace.roots()] == ["outer", "alone"]


def test_a_slice_as_a_value() -> None:
    part = memtrace.Slice(("op-9", "op-3", "op-3"), ["var-10", "var-1"])
    assert part.operations == ("op-3", "op-9")
    assert part == memtrace.Slice.of_numbers({3, 9}, [1, 10])
    assert hash(part) == hash(memtrace.Slice.of_numbers({3, 9}, [1, 10]))
    assert part != memtrace.Slice(("op-3",), ("var-1", "var-10"))
    assert len(part) == 4
    assert list(part.variable_numbers) == [1, 10]
    assert "op-3" in part
    assert "var-10" in part
    for node in ("op-1", "var-3", "nonsense", "op-", "op-x", "", 3, None, "op-" + "9" * 30):
        assert node not in part
    assert not memtrace.Slice()
    with pytest.raises(ValueError, match="expected an id such as 'op-12'; got 'var-1'"):
        memtrace.Slice(("var-1",))
    assert repr(part) == "Slice(operations=('op-3', 'op-9'), variables=('var-1', 'var-10'))"


def test_operations_ahead_of_a_variable_and_between_two(run: memtrace.Recorder) -> None:
    made = chain(4)
    run.close()
    with memtrace.open(run.path) as trace:
        assert [op.name for op in trace.downstream(made[1])] == ["s2", "s3"]
        assert [op.name for op in trace.between(made[0], made[2])] == ["s1", "s2"]
        assert list(trace.between(made[2], made[0])) == []
        with pytest.raises(ValueError, match="expected a recorded variable"):
            trace.downstream(memtrace.Handle("not recorded"))
