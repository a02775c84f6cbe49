"""Lanes, and what is drawn as one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memtrace.types import Operation
from memtrace.viewing.lanes import LANES, lanes_of, runs_of


def op(number: int, kind: str, name: str | None = None, **edges: tuple[str, ...]) -> Operation:
    return Operation(
        id=f"op-{number}", seq=number, kind=kind, name=name or kind, finished_ns=1,
        inputs={"in": edges.get("reads", ())}, outputs={"out": edges.get("writes", ())},
    )  # fmt: skip


def test_known_kinds_have_their_lane() -> None:
    kinds = ("ingest", "extraction", "retrieval", "context", "answer", "judge")
    lanes = lanes_of([op(n, kind) for n, kind in enumerate(kinds, 1)], [])
    assert list(lanes.values()) == list(LANES)


def test_others_are_placed_by_what_they_serve() -> None:
    operations = [
        op(1, "strange", reads=("var-1",), writes=("var-2",)),
        op(5, "strange", reads=("var-9", "var-2"), writes=("var-6",)),
        op(7, "odd", reads=("var-6",)),
    ]
    assert lanes_of(operations, ["var-9"]) == {
        "op-1": "memory", "op-5": "retrieval", "op-7": "retrieval",
    }  # fmt: skip


@given(st.lists(st.sampled_from(["update", "index", "retrieval", "ingest"]), max_size=30),
       st.sets(st.integers(1, 30)))  # fmt: skip
def test_runs_hold_every_operation_once(kinds: list[str], alone: set[int]) -> None:
    operations = [op(number, kind) for number, kind in enumerate(kinds, 1)]
    special = {f"op-{number}" for number in alone}
    runs = runs_of(operations, lanes_of(operations, []), special.__contains__)
    assert sorted((one for run in runs for one in run), key=lambda one: one.seq) == operations
    assert [run[0].seq for run in runs] == sorted(run[0].seq for run in runs)
    for run in runs:
        assert len({one.name for one in run}) == 1
        assert len(run) == 1 or not {one.id for one in run} & special


def test_few_like_ones_stay_apart() -> None:
    three, four = ([op(n, "update") for n in range(1, end)] for end in (4, 5))
    for operations, lengths in ((three, [1, 1, 1]), (four, [4])):
        runs = runs_of(operations, lanes_of(operations, []), lambda _: False)
        assert [len(run) for run in runs] == lengths
