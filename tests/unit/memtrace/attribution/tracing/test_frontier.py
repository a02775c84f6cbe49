"""The frontier: earliest first, bounded, and what is open is never lost sight of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memtrace.attribution.tracing.frontier import Frontier
from memtrace.types import Operation


def op(seq: int) -> Operation:
    return Operation(id=f"op-{seq}", seq=seq, kind="k", name="n")


def test_an_earlier_entry_does_not_hide_the_open_one() -> None:
    frontier = Frontier(4)
    frontier.add([op(5), op(9)])
    frontier.open_earliest()
    frontier.add([op(2)])
    assert frontier.active == op(5)
    assert frontier.waiting == (op(2), op(9))


def test_what_was_opened_does_not_wait_again() -> None:
    frontier = Frontier(4)
    frontier.add([op(5)])
    frontier.open_earliest()
    assert frontier.add([op(5)]).known == (op(5),)
    assert frontier.waiting == ()


def test_the_open_one_does_not_count_against_the_cap() -> None:
    frontier = Frontier(1)
    frontier.add([op(5)])
    frontier.open_earliest()
    assert frontier.add([op(7)]).dropped == ()


def test_the_latest_gives_way_and_is_named() -> None:
    frontier = Frontier(2)
    frontier.add([op(5), op(9)])
    added = frontier.add([op(3)])
    assert (added.waiting, added.dropped) == ((op(3),), (op(9),))


def test_an_empty_frontier_opens_nothing() -> None:
    frontier = Frontier(2)
    frontier.open(op(1))
    assert frontier.open_earliest() is None
    assert frontier.active is None


@given(st.lists(st.lists(st.integers(1, 40), max_size=8), max_size=12), st.integers(1, 6))
def test_it_is_ordered_bounded_and_apart_from_what_was_opened(
    steps: list[list[int]], cap: int
) -> None:
    frontier = Frontier(cap)
    for numbers in steps:
        frontier.add([op(number) for number in numbers])
        waiting = [operation.seq for operation in frontier.waiting]
        assert waiting == sorted(set(waiting)), waiting
        assert len(waiting) <= cap
        opened = frontier.open_earliest()
        assert opened is None or opened.seq == waiting[0]
        opened_ids = {operation.id for operation in frontier.opened}
        assert not opened_ids & {operation.id for operation in frontier.waiting}
