"""Generators as operations: one operation from the first item to the last."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

import memtrace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.db"


@memtrace.operation(kind="chunking")
def words(text: str) -> Iterator[str]:
    yield from text.split()


@memtrace.operation(kind="chunking")
async def async_words(text: str) -> AsyncGenerator[str, None]:
    for word in text.split():
        await asyncio.sleep(0)
        yield word


@memtrace.operation
def echo(first: str) -> Generator[str, str, str]:
    heard = yield first
    while heard != "stop":
        try:
            heard = yield heard
        except KeyError as error:
            heard = f"caught {error.args[0]}"
    return "done"


@memtrace.operation
def shout(text: str) -> str:
    return text.upper()


def only(path: Path, name: str) -> tuple[memtrace.Operation, list[Any]]:
    """The one operation of this name, and the values of its items."""
    with memtrace.open(path) as trace:
        (found,) = trace.operations(name=name)
        return found, [trace.value(part) for part in found.outputs.get("item", ())]


def test_every_item_is_an_output_in_order(path: Path) -> None:
    with memtrace.record(path):
        text = memtrace.variable("to be or not")
        items = list(words(text))
    found, values = only(path, "words")
    assert values == ["to", "be", "or", "not"]
    assert found.outputs == {"item": tuple(item.id for item in items)}
    assert found.inputs == {"text": (text.id,)}
    assert (found.status, found.metadata) == ("ok", {})


def test_items_are_handles_without_a_recording_too() -> None:
    assert [(item.value, item.id) for item in words("a b")] == [("a", None), ("b", None)]


def test_it_stays_a_generator_function() -> None:
    assert inspect.isgeneratorfunction(words)
    assert inspect.isasyncgenfunction(async_words)


def test_the_operation_starts_with_the_first_item(path: Path) -> None:
    with memtrace.record(path):
        stream = words("a")
        early = memtrace.variable("early")
        next(stream)
    found, _ = only(path, "words")
    assert early.number is not None
    assert found.seq > early.number


def test_what_the_consumer_does_between_items_is_no_child(path: Path) -> None:
    @memtrace.operation
    def stream() -> Iterator[str]:
        for text in "ab":
            with memtrace.step("inside"):
                made = text
            yield made

    with memtrace.record(path), memtrace.step("consumer") as consumer:
        for item in stream():
            shout(item)
            assert memtrace.current() is consumer
    with memtrace.open(path) as trace:
        (top,) = trace.operations(name="stream")
        assert top.parent == consumer.id
        assert {op.parent for op in trace.operations(name="inside")} == {top.id}
        assert {op.parent for op in trace.operations(name="shout")} == {consumer.id}


def test_a_step_held_open_over_a_yield_is_left_for_the_consumer(path: Path) -> None:
    @memtrace.operation
    def stream() -> Iterator[int]:
        with memtrace.step("held"):
            yield 1
            with memtrace.step("within"):
                pass
            yield 2
        with memtrace.step("after"):
            pass

    with memtrace.record(path):
        run = stream()
        for _ in range(3):
            contextvars.copy_context().run(next, run, None)
            shout("x")
    with memtrace.open(path) as trace:
        names = {op.id: op.name for op in trace.operations()}
        parents = [(op.name, names.get(op.parent or "")) for op in trace.operations()]
    assert parents == [
        ("stream", None), ("held", "stream"), ("shout", None), ("within", "held"),
        ("shout", None), ("after", "stream"), ("shout", None),
    ]  # fmt: skip


def test_two_streams_taken_in_turns_do_not_mix(path: Path) -> None:
    @memtrace.operation
    def stream(name: str) -> Iterator[str]:
        for _ in range(3):
            with memtrace.step(name):
                pass
            yield name

    with memtrace.record(path):
        list(zip(stream("a"), stream("b"), strict=True))
    with memtrace.open(path) as trace:
        (one, two) = trace.operations(name="stream")
        assert {op.parent for op in trace.operations(name="a")} == {one.id}
        assert {op.parent for op in trace.operations(name="b")} == {two.id}


def test_send_throw_and_return_are_honoured(path: Path) -> None:
    with memtrace.record(path):
        talk = echo("hello")
        sent = memtrace.variable("more")
        said = [next(talk), talk.send(sent), talk.throw(KeyError("k"))]
        with pytest.raises(StopIteration) as stop:
            talk.send("stop")
    assert [item.value for item in said] == ["hello", "more", "caught k"]
    assert stop.value.value.value == "done"
    found, values = only(path, "echo")
    assert values == ["hello", "more", "caught k"]
    assert found.outputs["result"] == (stop.value.value.id,)
    assert (found.status, found.metadata) == ("ok", {"sent": [sent.id]})


@pytest.mark.parametrize("how", ["close", "drop"])
def test_an_abandoned_stream_ends_its_operation_without_an_error(path: Path, how: str) -> None:
    cleaned = []

    @memtrace.operation
    def stream() -> Iterator[int]:
        try:
            yield from range(5)
        finally:
            with memtrace.step("clean"):
                cleaned.append(memtrace.current().id)

    with memtrace.record(path):
        run = stream()
        next(run)
        if how == "close":
            run.close()
        del run
        gc.collect()
        assert cleaned
    found, values = only(path, "stream")
    assert values == [0]
    assert (found.status, found.metadata) == ("ok", {"exhausted": False})
    with memtrace.open(path) as trace:
        assert next(trace.operations(name="clean")).parent == found.id


def test_an_exception_of_the_body_is_the_error_of_the_operation(path: Path) -> None:
    @memtrace.operation
    def stream() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    with memtrace.record(path), pytest.raises(LookupError):
        list(stream())
    found, values = only(path, "stream")
    assert values == [1]
    assert found.error == memtrace.OperationError("LookupError", "no more")


def test_an_item_that_cannot_be_recorded_closes_the_body(path: Path) -> None:
    closed = []

    @memtrace.operation
    def stream() -> Iterator[Any]:
        try:
            yield object()
        finally:
            closed.append(True)

    with memtrace.record(path), pytest.raises(TypeError, match="'item'"):
        next(stream())
    assert closed
    assert only(path, "stream")[0].status == "error"


def test_items_made_by_operations_inside_pass_as_they_are(path: Path) -> None:
    @memtrace.operation
    def stream(text: str) -> Iterator[Any]:
        for word in text.split():
            yield shout(memtrace.variable(word))

    with memtrace.record(path):
        items = list(stream(memtrace.variable("a b")))
    with memtrace.open(path) as trace:
        inner = [op.outputs["result"] for op in trace.operations(name="shout")]
        assert inner == [(item.id,) for item in items]


def test_stored_items_that_a_stream_finds_are_its_outputs(path: Path) -> None:
    @memtrace.operation(kind="retrieval", outputs={"hits": "hit"})
    def search(found: list[Any]) -> Iterator[Any]:
        yield from found

    with memtrace.record(path):
        stored = [memtrace.variable(text, item=text) for text in "ab"]
        hits = list(search(_Kept(stored)))
    with memtrace.open(path) as trace:
        (found,) = trace.operations(name="search")
        assert found.outputs == {"hits": tuple(hit.id for hit in hits)}
        assert [trace.variable(hit.id).source for hit in hits] == [item.id for item in stored]


class _Kept(list[Any]):
    """A collection of the program's own, which is not unwrapped: the body sees the handles."""


def test_several_outputs_an_item(path: Path) -> None:
    @memtrace.operation(outputs=("index", "word"))
    def number(text: str) -> Iterator[tuple[int, str]]:
        yield from enumerate(text.split())

    with memtrace.record(path):
        pairs = [(index.value, word.value) for index, word in number("a b")]
    assert pairs == [(0, "a"), (1, "b")]
    with memtrace.open(path) as trace:
        (found,) = trace.operations()
        assert {role: len(ids) for role, ids in found.outputs.items()} == {"index": 2, "word": 2}


def test_an_async_stream_is_one_operation(path: Path) -> None:
    async def consume() -> list[Any]:
        items = []
        with memtrace.step("consumer"):
            async for item in async_words(memtrace.variable("a b c")):
                items.append(item)
                shout(item)
        return items

    with memtrace.record(path):
        items = asyncio.run(consume())
    found, values = only(path, "async_words")
    assert values == ["a", "b", "c"]
    assert found.outputs == {"item": tuple(item.id for item in items)}
    with memtrace.open(path) as trace:
        (consumer,) = trace.operations(name="consumer")
        assert found.parent == consumer.id
        assert {op.parent for op in trace.operations(name="shout")} == {consumer.id}


def test_many_async_streams_at_once_keep_their_children(path: Path) -> None:
    @memtrace.operation
    async def stream(name: str) -> AsyncGenerator[str, None]:
        for _ in range(3):
            with memtrace.step(name):
                await asyncio.sleep(0)
            yield name

    async def drain(name: str) -> None:
        async for _ in stream(name):
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(drain(f"n{number}") for number in range(50)))

    with memtrace.record(path):
        asyncio.run(main())
    with memtrace.open(path) as trace:
        for op in trace.operations(name="stream"):
            inside = list(trace.operations(parent=op.id))
            assert [part.name for part in inside] == [op.parameters["name"]] * 3


@pytest.mark.parametrize("how", ["aclose", "drop"])
def test_an_abandoned_async_stream_ends_its_operation(path: Path, how: str) -> None:
    async def main() -> None:
        stream = async_words("a b c")
        await anext(stream)
        if how == "aclose":
            await stream.aclose()
        del stream  # the loop closes it in a task of its own
        for _ in range(5):
            await asyncio.sleep(0)

    with memtrace.record(path):
        asyncio.run(main())
    found, values = only(path, "async_words")
    assert values == ["a"]
    assert (found.status, found.metadata) == ("ok", {"exhausted": False})


def test_an_async_stream_takes_what_is_sent_and_thrown(path: Path) -> None:
    @memtrace.operation
    async def talk() -> AsyncGenerator[str, str]:
        heard = yield "hello"
        try:
            yield heard
        except KeyError:
            yield "caught"
        raise LookupError("over")

    async def main() -> list[str]:
        run = talk()
        said = [await anext(run), await run.asend("more"), await run.athrow(KeyError("k"))]
        with pytest.raises(LookupError):
            await anext(run)
        return [item.value for item in said]

    with memtrace.record(path):
        assert asyncio.run(main()) == ["hello", "more", "caught"]
    found, values = only(path, "talk")
    assert values == ["hello", "more", "caught"]
    assert found.error == memtrace.OperationError("LookupError", "over")


def test_a_generator_dropped_by_the_garbage_collector_while_recording_blocks_nothing(
    path: Path,
) -> None:
    with memtrace.record(path):
        for number in range(200):
            loop: list[Any] = [words(f"a b {number}")]
            next(loop[0])
            loop.append(loop)
        del loop
        threshold = gc.get_threshold()
        gc.set_threshold(1, 1, 1)
        try:
            for number in range(300):
                memtrace.variable({"n": number})
        finally:
            gc.set_threshold(*threshold)
        gc.collect()
    with memtrace.open(path) as trace:
        assert {op.status for op in trace.operations(name="words")} == {"ok"}
        assert trace.counts["operations"] == 200
