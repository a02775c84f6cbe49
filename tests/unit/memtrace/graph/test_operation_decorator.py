"""The decorator: plain values inside, handles outside, roles from parameter names."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import memtrace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.db"


@memtrace.operation(kind="extraction", outputs={"facts": "fact"})
def extract(text: str, known: list[str], *, limit: int = 3, model: Any = None) -> list[str]:
    assert isinstance(text, str)
    assert all(isinstance(part, str) for part in known)
    memtrace.current().usage(model="m1")
    return [*known, text.upper()][:limit]


@memtrace.operation(outputs=("kept", "dropped"))
def split(text: str) -> tuple[str, str]:
    return text[:1], text[1:]


def test_handles_become_inputs_and_the_rest_parameters(path: Path) -> None:
    with memtrace.record(path):
        text, known = memtrace.variable("a"), memtrace.variable("k")
        facts = extract(text, [known], model=object())
    assert facts.value == ["k", "A"]
    with memtrace.open(path) as trace:
        (found,) = trace.operations()
        assert (found.kind, found.name, found.model) == ("extraction", "extract", "m1")
        assert found.inputs == {"text": (text.id,), "known": (known.id,)}
        assert found.outputs == {"facts": (facts.id,)}
        assert found.parameters == {"limit": 3, "model": "<builtins.object>"}
        assert trace.variable(facts.id).kind == "fact"


def test_the_call_gives_a_handle_without_a_recording_too() -> None:
    facts = extract("a", ["k"])
    assert (facts.value, facts.id) == (["k", "A"], None)


def test_several_outputs_come_back_as_several_handles(path: Path) -> None:
    with memtrace.record(path):
        kept, dropped = split(memtrace.variable("abc"))
    assert (kept.value, dropped.value) == ("a", "bc")
    with memtrace.open(path) as trace:
        (found,) = trace.operations()
        assert found.outputs == {"kept": (kept.id,), "dropped": (dropped.id,)}


def test_plain_arguments_named_as_inputs_are_recorded_as_variables(path: Path) -> None:
    @memtrace.operation(inputs=("query",))
    def search(query: str, top_k: int) -> list[str]:
        return [query] * top_k

    with memtrace.record(path):
        search("tea", 2)
    with memtrace.open(path) as trace:
        (found,) = trace.operations()
        assert trace.value(found.inputs["query"][0]) == "tea"
        assert found.parameters == {"top_k": 2}


def test_async_functions_nest_like_plain_ones(path: Path) -> None:
    @memtrace.operation()
    async def inner(text: str) -> str:
        await asyncio.sleep(0)
        return text + "!"

    @memtrace.operation()
    async def outer(text: str) -> str:
        shouted: str = (await inner(text)).value
        return shouted

    with memtrace.record(path):
        out = asyncio.run(outer(memtrace.variable("a")))
    assert out.value == "a!"
    with memtrace.open(path) as trace:
        parents = {op.name: op.parent for op in trace.operations()}
        (outer_id,) = (op.id for op in trace.operations(name="outer"))
        assert parents == {"outer": None, "inner": outer_id}


def test_methods_keyword_handles_and_variadic_arguments_are_unwrapped(path: Path) -> None:
    class Store:
        @memtrace.operation(kind="index")
        def add(self, *texts: str, **more: str) -> str:
            return "".join(texts) + "".join(more.values())

    with memtrace.record(path):
        a, b, c = (memtrace.variable(text) for text in "abc")
        out = Store().add(a, b, last=c)
    assert out.value == "abc"
    with memtrace.open(path) as trace:
        (found,) = trace.operations()
        assert found.inputs == {"texts": (a.id, b.id), "last": (c.id,)}


def test_a_failing_function_raises_its_own_error_and_is_recorded(path: Path) -> None:
    @memtrace.operation()
    def fail() -> None:
        raise KeyError("k")

    with memtrace.record(path), pytest.raises(KeyError):
        fail()
    with memtrace.open(path) as trace:
        (found,) = trace.operations()
        assert found.error is not None
        assert found.error.type == "KeyError"


def test_a_wrong_number_of_outputs_is_refused(path: Path) -> None:
    @memtrace.operation(outputs=("a", "b"))
    def three() -> tuple[int, int, int]:
        return 1, 2, 3

    with memtrace.record(path), pytest.raises(TypeError, match="expected a tuple"):
        three()


def test_the_decorator_needs_no_parentheses(path: Path) -> None:
    @memtrace.operation
    def shout(text: str) -> str:
        return text.upper()

    with memtrace.record(path):
        assert shout(memtrace.variable("a")).value == "A"
    with memtrace.open(path) as trace:
        assert [op.name for op in trace.operations()] == ["shout"]


def test_static_and_class_methods_are_decorated_from_either_side(path: Path) -> None:
    class Store:
        @memtrace.operation()
        @staticmethod
        def inner_static(text: str) -> str:
            return text

        @staticmethod
        @memtrace.operation()
        def outer_static(text: str) -> str:
            return text

        @memtrace.operation()
        @classmethod
        def inner_class(cls, text: str) -> str:
            return cls.__name__ + text

        @classmethod
        @memtrace.operation()
        def outer_class(cls, text: str) -> str:
            return cls.__name__ + text

    with memtrace.record(path):
        a = memtrace.variable("a")
        made = [Store.inner_static(a), Store().outer_static(a), Store.inner_class(a)]
        made.append(Store().outer_class(a))
    assert [handle.value for handle in made] == ["a", "a", "Storea", "Storea"]
    with memtrace.open(path) as trace:
        assert [op.inputs for op in trace.operations()] == [{"text": (a.id,)}] * 4


def test_a_partial_is_named_after_its_function(path: Path) -> None:
    def cut(text: str, end: int) -> str:
        return text[:end]

    with memtrace.record(path):
        short = memtrace.operation()(partial(cut, end=2))(memtrace.variable("abc"))
    assert short.value == "ab"
    with memtrace.open(path) as trace:
        (found,) = trace.operations()
        assert (found.name, found.parameters) == ("cut", {"end": 2})


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"a": 2}), ((1,), {"c": 2}), ((), {"b": 1})],
)
def test_wrong_arguments_are_refused_as_without_the_decorator(
    path: Path, args: tuple[int, ...], kwargs: dict[str, int]
) -> None:
    @memtrace.operation()
    def add(a: int, b: int = 0) -> int:
        return a + b

    with memtrace.record(path), pytest.raises(TypeError, match="argument"):
        add(*args, **kwargs)


def test_parameters_are_recorded_in_the_order_of_the_signature(path: Path) -> None:
    @memtrace.operation()
    def add(a: int, b: int = 5, *, c: int = 6) -> int:
        return a + b + c

    with memtrace.record(path):
        add(c=3, a=1)
    with memtrace.open(path) as trace:
        (found,) = trace.operations()
        assert list(found.parameters.items()) == [("a", 1), ("b", 5), ("c", 3)]


def test_an_input_that_is_no_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="not its parameters"):

        @memtrace.operation(inputs=("quary",))
        def search(query: str) -> str:
            return query


def test_a_keyword_named_like_a_positional_parameter_keeps_both(path: Path) -> None:
    @memtrace.operation
    def tell(a: str, /, **words: str) -> str:
        return a + words["a"]

    with memtrace.record(path):
        first, second = memtrace.variable("x"), memtrace.variable("y")
        assert tell(first, a=second).value == "xy"
    with memtrace.open(path) as trace:
        (operation,) = trace.operations()
        assert operation.inputs == {"a": (first.id,), "words.a": (second.id,)}
