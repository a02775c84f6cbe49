"""A program's own function as an operation that can be run again.

In: plain values, among them what a traced memory returned. Out: what the function returns, as it
is. The function asks models in its own way; a re-run takes the recorded result as long as the
arguments and the function's own code are what they were, and calls the function when they are not.

    @memtrace.replayable
    def answer(question: str, memories: list[dict]) -> str:
        ...
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from types import CodeType
from typing import Any, ParamSpec, TypeVar, overload

from lmcommon.errors import UserError
from lmcommon.llm.types import Message
from memtrace.execution.execution import note_of
from memtrace.execution.own import OwnClient
from memtrace.execution.places import within
from memtrace.execution.replies import CALL
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import value_of
from memtrace.graph.recording.tracing import variable
from memtrace.memory.links import Links, current_links, noticing

__all__ = ["replayable"]

P = ParamSpec("P")
R = TypeVar("R")

_ROUNDED = 6
"""Digits of numbers in arguments that count: scores of one search waver behind them."""


@overload
def replayable(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def replayable(
    *, kind: str = ..., name: str | None = ...
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def replayable(
    function: Callable[..., Any] | None = None, /, *, kind: str = "answer", name: str | None = None
) -> Any:
    """Record every call of a function; plain values go in and come out.

    Memories that a traced object returned are recognised among the arguments: the same objects,
    slices and copies of them, their JSON. A hit that is only found as words inside a text becomes
    an input of the role `guessed`. A function that reads the memory itself cannot be told by its
    arguments, so it is called again in every re-run.

    Args:
        function: What to decorate, when the decorator is used without parentheses. It must give a
            text or other JSON to be answered from a recording.
        kind: What sort of operation; `answer` is what attribution asks about.
        name: Its name; the function's by default.

    Returns:
        The decorated function. Outside a recording it does nothing of its own.

    Raises:
        UserError: For an async function or a generator.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise UserError(
                f"replayable: expected a plain function; got {function.__name__}, which is async "
                "or a generator; decorate the plain function that asks the model"
            )
        called = _Function(function, kind, name or function.__name__)

        @wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            links = current_links()
            if links is None:
                return function(*args, **kwargs)
            return called.run(links, args, kwargs)

        return traced

    return decorate if function is None else decorate(function)


class _Function:
    """A decorated function."""

    def __init__(self, function: Callable[..., Any], kind: str, name: str) -> None:
        self._function, self._kind, self._name = function, kind, name
        self._signature = inspect.signature(function)
        code = getattr(function, "__code__", None)
        self._code = "" if code is None else _digest(code)

    def run(self, links: Links, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """One call inside a recording."""
        args = tuple(map(value_of, args))
        kwargs = {key: value_of(value) for key, value in kwargs.items()}
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        number = links.scope.count(self._name)
        with within(f"{self._name} {number}", scope=links.scope):
            given = _Given(links, bound.arguments)
            with Stage(
                self._name, kind=self._kind, inputs=given.inputs, parameters=given.parameters,
                points=("reply",),
            ) as op:  # fmt: skip
                return self._answered(op, given, lambda: self._function(*args, **kwargs))

    def _answered(self, op: Stage, given: _Given, call: Callable[[], Any]) -> Any:
        if given.guessed:
            op.note("guessed", given.guessed)
        client = OwnClient({"kind": "function", "name": self._name, "code": self._code}, call,
                           name=self._name, spell=_spelled)  # fmt: skip
        with noticing() as read:
            said, completed = client.ask((Message("user", given.key),), op.place)
        if read:
            op.input("hits", list({id(one): one for one in read}.values()))
        if completed.response.latency_ms:
            op.usage(latency_ms=completed.response.latency_ms)
        if completed.response.parsed is not None:
            said = completed.response.parsed
        is_text = isinstance(said, str)
        is_json = is_text or _is_json(said)
        op.output(self._kind, said if is_json else repr(said), kind=self._kind)
        why = _why_again(given, read, is_json=is_json)
        if why:
            op.note("called_again", why)
        else:
            more = {} if is_text else {"parsed": True, "raw": completed.response.text}
            op.note(CALL, {**note_of(completed, self._kind), **more})
        return said


def _why_again(given: _Given, read: Sequence[Any], *, is_json: bool) -> str:
    """Why the result of a call answers no other one; empty: it does."""
    if not given.is_plain:
        return "not all of its arguments are JSON"
    if read:
        return "it reads the memory itself"
    return "" if is_json else "what it returns is not JSON"


class _Given:
    """The arguments of one call, as the trace has them.

    Args:
        links: Of the recording.
        arguments: By name.
    """

    def __init__(self, links: Links, arguments: Mapping[str, Any]) -> None:
        self.inputs: dict[str, Any] = {}
        self.parameters: dict[str, Any] = {}
        self.guessed: dict[str, str] = {}
        """How inputs that are not certain were recognised, by variable."""
        self.is_plain = True
        """Whether the arguments say all that the function was given."""
        texts: dict[str, Any] = {}
        guesses = []
        for name, value in arguments.items():
            text = _json(value)
            self.is_plain &= text is not None
            texts[name] = f"<{type(value).__qualname__}>" if text is None else json.loads(text)
            matches = links.find(value)
            certain = [one.handle for one in matches if one.is_certain]
            guesses += [one for one in matches if not one.is_certain]
            if certain and links.is_known(value):
                self.inputs[name] = certain
            elif isinstance(value, str):
                self.inputs[name] = [*certain, variable(value, kind="value", name=name)]
            elif matches:
                self.inputs[name] = [
                    *certain,
                    variable(json.dumps(texts[name]), kind="value", name=name),
                ]
            elif text is not None:
                self.parameters[name] = json.loads(text)
            else:
                self.parameters[name] = texts[name]
        for one in guesses:
            self.inputs.setdefault("guessed", []).append(one.handle)
            self.guessed[str(one.handle.id)] = one.how
        self.key = json.dumps(_rounded(texts), sort_keys=True, ensure_ascii=False)


def _json(value: Any) -> str | None:
    """A value as JSON, lists for tuples; None for one that JSON cannot say."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return None


def _is_json(value: Any) -> bool:
    """Whether a value comes back from JSON as it was."""
    text = _json(value)
    return text is not None and value is not None and bool(json.loads(text) == value)


def _spelled(value: Any) -> str:
    """What a function returned, as a text."""
    return value if isinstance(value, str) else _json(value) or repr(value)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _ROUNDED)
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value


def _digest(code: CodeType) -> str:
    """Names what a function does, in every process alike."""
    return hashlib.sha256("\n".join(_parts(code)).encode()).hexdigest()


def _parts(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _parts(one)
        else:
            yield repr(sorted(map(repr, one)) if isinstance(one, frozenset) else one)
