"""Any graph at all: walks by SQL, walks on arrays and a plain definition give the same slices."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import memtrace
from memtrace.graph.reading.database import Database
from memtrace.graph.reading.local import LocalWalk
from memtrace.graph.reading.walk import Arrays, reach

reads = st.lists(st.integers(0, 30), max_size=4)
operations = st.lists(st.tuples(reads, st.integers(0, 3)), min_size=1, max_size=14)


def closure(
    starts: Iterable[int], step: dict[int, set[int]], leave: dict[int, set[int]], low: int,
    high: int,
) -> tuple[set[int], set[int]]:  # fmt: skip
    variables, found = set(starts), set[int]()
    waiting = list(variables)
    while waiting:
        for operation in step.get(waiting.pop(), set()):
            if low <= operation <= high and operation not in found:
                found.add(operation)
                fresh = leave.get(operation, set()) - variables
                variables |= fresh
                waiting.extend(fresh)
    return found, variables


@settings(deadline=None, max_examples=60)
@given(operations, st.integers(0, 40), st.integers(0, 40), st.integers(0, 60), st.integers(0, 60))
def test_slices_agree(
    plan: list[tuple[list[int], int]], first: int, second: int, low: int, span: int
) -> None:
    made: dict[int, set[int]] = {}
    read: dict[int, set[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.db"
        with memtrace.record(path):
            handles = [memtrace.variable(0), memtrace.variable(1)]
            for number, (inputs, outputs) in enumerate(plan):
                chosen = [handles[place % len(handles)] for place in inputs]
                with memtrace.step("op", inputs={"x": chosen}) as op:
                    fresh = op.outputs("y", [(number, place) for place in range(outputs)])
                handles.extend(fresh)
                read[op.seq] = {handle.number or 0 for handle in chosen}
                made[op.seq] = {handle.number or 0 for handle in fresh}
        maker = {variable: {op} for op, variables in made.items() for variable in variables}
        readers: dict[int, set[int]] = {}
        for seq, variables in read.items():
            for variable in variables:
                readers.setdefault(variable, set()).add(seq)
        source, target = handles[first % len(handles)], handles[second % len(handles)]
        start, end, high = source.number or 0, target.number or 0, low + span
        back = closure([end], maker, read, low, high)
        ahead = closure([start], readers, made, low, high)
        ways = (back[0] & ahead[0], back[1] & ahead[1]) if end in ahead[1] else (set(), set())
        bounds = {"since_seq": low, "until_seq": high}
        with memtrace.open(path) as trace:
            assert source.id
            assert target.id
            graph = trace.graph
            assert graph.upstream(target.id, **bounds) == memtrace.Slice.of_numbers(*back)
            assert graph.downstream(source.id, **bounds) == memtrace.Slice.of_numbers(*ahead)
            between = graph.between(source.id, target.id, **bounds)
            assert between == memtrace.Slice.of_numbers(*ways)
        database = Database(path)
        arrays = Arrays(database)
        found = reach([end], arrays.maker_of, arrays.inputs_of, low, high)
        assert (set(found.operations.tolist()), set(found.variables.tolist())) == back
        found = reach([start], arrays.readers_of, arrays.outputs_of, low, high)
        assert (set(found.operations.tolist()), set(found.variables.tolist())) == ahead
        assert LocalWalk(database).ahead([start], low, high) == ahead
        database.close()
