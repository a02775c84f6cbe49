"""Threads, pools and tasks: nothing is lost, every operation has the parent it was started in."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import memtrace
from lmcommon.errors import UserError


@pytest.fixture
def run(tmp_path: Path) -> Iterator[memtrace.Recorder]:
    with memtrace.record(tmp_path / "trace.db") as recorder:
        yield recorder


def work(number: int) -> None:
    """An operation with one inside, and an edge between them."""
    with memtrace.step("work", parameters={"n": number}) as outer:
        made = outer.output("out", f"value {number}")
        with memtrace.step("inner", inputs={"x": made}, parameters={"n": number}) as inner:
            inner.output("out", number)


def check_whole(path: Path, count: int, parents: set[str | None]) -> None:
    """Every operation of `work`, once, with its edges and parents, in one consistent order."""
    with memtrace.open(path) as trace:
        outer = {op.parameters["n"]: op for op in trace.operations(name="work")}
        inner = {op.parameters["n"]: op for op in trace.operations(name="inner")}
        assert sorted(outer) == sorted(inner) == list(range(count))
        assert {op.parent for op in outer.values()} <= parents
        assert trace.counts["operations"] == 2 * count + len(parents - {None})
        for number, op in inner.items():
            assert op.parent == outer[number].id
            assert op.inputs == {"x": outer[number].outputs["out"]}
            assert trace.value(op.outputs["out"][0]) == number
            ends = outer[number].seq, op.seq, op.end_seq or 0, outer[number].end_seq or 0
            assert sorted(ends) == list(ends)


def test_a_pool_records_bound_functions_under_the_present_step(run: memtrace.Recorder) -> None:
    with memtrace.step("parent") as parent, ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(memtrace.bind(work), number) for number in range(300)]:
            future.result()
    run.close()
    check_whole(run.path, 300, {parent.id})


def test_thirty_two_threads_lose_nothing(run: memtrace.Recorder) -> None:
    def many(first: int) -> None:
        for number in range(first, first + 100):
            work(number)

    with memtrace.step("parent") as parent:
        threads = [
            threading.Thread(target=memtrace.bind(many), args=(100 * part,)) for part in range(32)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    run.close()
    check_whole(run.path, 3200, {parent.id})


def test_a_thousand_tasks_lose_nothing(run: memtrace.Recorder) -> None:
    async def task(number: int) -> None:
        await asyncio.sleep(0)
        if number % 2:
            await asyncio.to_thread(work, number)
        else:
            work(number)
            await asyncio.sleep(0)

    async def main() -> str | None:
        with memtrace.step("parent") as parent:
            await asyncio.gather(*(task(number) for number in range(1000)))
        return parent.id

    parent = asyncio.run(main())
    run.close()
    check_whole(run.path, 1000, {parent})


def test_a_bound_function_leaves_the_scope_of_its_caller_alone(run: memtrace.Recorder) -> None:
    with memtrace.step("one"):
        bound = memtrace.bind(memtrace.current)
    with memtrace.step("two") as two:
        assert bound().id != two.id
        assert memtrace.current() is two


def test_a_bound_coroutine_runs_under_its_step_in_another_loop(run: memtrace.Recorder) -> None:
    async def child() -> None:
        await asyncio.sleep(0)
        with memtrace.step("child"):
            await asyncio.sleep(0)

    with memtrace.step("parent") as parent:
        bound = memtrace.bind(child)
        thread = threading.Thread(target=lambda: asyncio.run(bound()))
        thread.start()
        thread.join()
    run.close()
    with memtrace.open(run.path) as trace:
        assert [op.parent for op in trace.operations(name="child")] == [parent.id]


def test_binding_outside_a_recording_gives_the_function_itself() -> None:
    assert memtrace.bind(work) is work


def test_a_bound_function_keeps_its_name(run: memtrace.Recorder) -> None:
    bound = memtrace.bind(work)
    assert (bound.__name__, bound.__doc__) == ("work", work.__doc__)


def test_binding_for_another_process_needs_a_recording_of_several(run: memtrace.Recorder) -> None:
    with pytest.raises(UserError, match="processes=True"):
        pickle.dumps(memtrace.bind(len))


def test_threads_that_share_an_unrecorded_handle_record_it_once(run: memtrace.Recorder) -> None:
    shared = memtrace.Handle("early")
    start = threading.Barrier(16)

    def use() -> None:
        start.wait()
        with memtrace.step("use", inputs={"x": shared}, prompt="the same prompt"):
            pass

    threads = [threading.Thread(target=use) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.close()
    with memtrace.open(run.path) as trace:
        assert trace.counts["variables"] == 2
        assert trace.counts["inputs"] == 32
