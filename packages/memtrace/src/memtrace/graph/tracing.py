"""The functions people call: record, variable, step, operation, current.

with memtrace.record("runs/demo/trace.db"):
    turn = memtrace.variable("I moved to Lisbon.", kind="message", name="D1:3")
    with memtrace.step("chunk", kind="chunking", inputs={"turn": turn}) as op:
        chunk = op.output("chunk", turn.value.strip(), kind="memory_item", item="chunk-1")
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from memtrace.graph import scope
from memtrace.graph.handle import Handle, value_of
from memtrace.graph.recorder import Recorder
from memtrace.graph.redact import Redact
from memtrace.graph.step import Step

__all__ = ["current", "operation", "record", "step", "variable"]

T = TypeVar("T")

step = Step


def record(
    path: str | Path, *, resume: bool = False, redact: Redact | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Recorder:  # fmt: skip
    """Start recording into a trace file, until the `with` block ends or `close()` is called.

    Everything recorded in this context, in asyncio tasks started from it and in threads (see
    `memtrace.graph.scope`) goes to this file. A killed process loses less than a second; a step
    it was in is marked as interrupted when the file is resumed.

    Args:
        path: The file to write; its folder is made.
        resume: Go on with an existing trace (or start one): numbers continue, nothing is dropped.
        redact: Applied to every text (values, parameters, metadata, error messages) before it
            reaches the disk. Identifiers (names, roles, kinds, item ids) stay as they are.
        metadata: JSON about the run: configuration, git commit, seeds.

    Raises:
        UserError: If the file exists and `resume` is false, is no trace, or is being written.
        RuntimeError: Inside another recording.
    """
    return Recorder(path, resume=resume, redact=redact, metadata=metadata)


def variable(
    value: T, *, kind: str = "value", name: str | None = None, item: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Handle[T]:  # fmt: skip
    """Record a value that comes from outside: a message, a question, a gold answer.

    Args:
        value: Text, bytes, numbers, None, or lists, tuples, dicts and sets of them.
        kind: What sort of value; see `memtrace.types.Variable.kind`.
        name: A name from outside, such as a turn id.
        item: The memory item this value is the new live version of.
        metadata: JSON that goes with it.

    Returns:
        A handle to give to later operations. Outside a recording it carries only the value.

    Raises:
        TypeError: For a value that cannot be recorded without loss.
    """
    here = scope.current_scope()
    if here is None:
        return Handle(value, kind=kind, name=name, item=item)
    return here[0].variable(value, kind=kind, name=name, item=item, metadata=metadata)


def current() -> Step:
    """The innermost running step, to add outputs, usage or parameters from inside a function.

    Outside any step it is a step that records nothing.
    """
    here = scope.current_scope()
    return Step("none") if here is None or here[1] is None else here[1]


def operation(
    *, kind: str = "operation", name: str | None = None, inputs: Collection[str] | None = None,
    outputs: str | Sequence[str] | Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # fmt: skip
    """Record every call of a function, plain or async, as one operation.

    The function sees plain values; its callers pass and receive handles. An argument that is a
    handle (or a list of handles) becomes an input whose role is the parameter's name, and is
    unwrapped before the call. Other arguments become parameters, unless `inputs` names them.

    Args:
        kind: What sort of operation.
        name: Its name; the function's by default.
        inputs: Parameters whose plain values are to be recorded as input variables too.
        outputs: How the return value is recorded. None: one output of role `result`. A string:
            one output of that role. Several names (or a mapping from role to kind): the function
            returns a tuple of that length, and so does the call. An empty tuple: nothing is
            recorded and the plain value comes back.

    Returns:
        A decorator. The decorated function returns a `Handle`, or a tuple of them, with tracing
        on or off.

    Raises:
        TypeError: For a generator function: collect its items in a plain function, or open a
            `step` in its body.
    """
    wanted = frozenset(inputs or ())

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"expected a plain or async function; {function.__qualname__} is a generator; "
                "open a memtrace.step in its body instead"
            )
        call = _Call(function, kind, name or function.__name__, wanted, outputs)
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def traced_async(*args: Any, **kwargs: Any) -> Any:
                running, plain = call.open(args, kwargs)
                with running:
                    return call.finish(running, await function(*plain.args, **plain.kwargs))

            return traced_async

        @wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            running, plain = call.open(args, kwargs)
            with running:
                return call.finish(running, function(*plain.args, **plain.kwargs))

        return traced

    return decorate


class _Call:
    """How the calls of one decorated function turn into steps."""

    def __init__(
        self, function: Callable[..., Any], kind: str, name: str, wanted: frozenset[str],
        outputs: str | Sequence[str] | Mapping[str, str] | None,
    ) -> None:  # fmt: skip
        self._signature = inspect.signature(function)
        if unknown := wanted - self._signature.parameters.keys():
            raise ValueError(
                f"operation {name!r}: inputs names {sorted(unknown)}, which are not its parameters"
            )
        self._kind, self._name, self._wanted = kind, name, wanted
        if outputs is None or isinstance(outputs, str):
            self._outputs: dict[str, str | None] = {outputs or "result": None}
        elif isinstance(outputs, Mapping):
            self._outputs = dict(outputs)
        else:
            self._outputs = dict.fromkeys(outputs)
        self._is_single = len(self._outputs) == 1

    def open(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Step, inspect.BoundArguments]:
        """The step of one call, and the call's arguments with handles unwrapped."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given: dict[str, Any] = {}
        parameters: dict[str, Any] = {}
        for (
            key,
            value,
        ) in _flat(bound):
            if key in self._wanted or value_of(value) is not value:
                given[key] = value
            elif key not in ("self", "cls"):
                parameters[key] = _described(value)
        for key, value in bound.arguments.items():
            bound.arguments[key] = _unwrapped(value, self._signature.parameters[key].kind)
        return Step(self._name, kind=self._kind, inputs=given, parameters=parameters), bound

    def finish(self, running: Step, result: Any) -> Any:
        """Record what the function returned; give handles back."""
        if not self._outputs:
            return result
        if self._is_single:
            ((role, kind),) = self._outputs.items()
            return running.output(role, result, kind=kind)
        if not isinstance(result, tuple) or len(result) != len(self._outputs):
            raise TypeError(
                f"operation {self._name!r}: expected a tuple of {list(self._outputs)}; "
                f"got {result!r}"
            )
        return tuple(
            running.output(role, value, kind=kind)
            for (role, kind), value in zip(self._outputs.items(), result, strict=True)
        )


def _flat(bound: inspect.BoundArguments) -> list[tuple[str, Any]]:
    """Arguments by name, with the content of **kwargs spread out."""
    pairs: list[tuple[str, Any]] = []
    for key, value in bound.arguments.items():
        if bound.signature.parameters[key].kind is inspect.Parameter.VAR_KEYWORD:
            pairs.extend(value.items())
        else:
            pairs.append((key, value))
    return pairs


def _unwrapped(value: Any, kind: Any) -> Any:
    if kind is inspect.Parameter.VAR_KEYWORD:
        return {key: value_of(part) for key, part in value.items()}
    return value_of(value)


def _described(value: Any) -> Any:
    """An argument as a parameter: JSON as it is, anything else by its type."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_described(part) for part in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _described(part) for key, part in value.items()}
    return f"<{type(value).__module__}.{type(value).__qualname__}>"
