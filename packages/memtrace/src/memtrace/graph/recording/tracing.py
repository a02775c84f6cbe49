"""The functions people call: record, join, variable, step, operation, current, bind.

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
from typing import Any, TypeVar, overload

from memtrace.graph.recording import scope
from memtrace.graph.recording.binding import bind
from memtrace.graph.recording.calls import Call, name_of
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.recorder import Recorder
from memtrace.graph.recording.redact import Redact
from memtrace.graph.recording.step import OFF, Step
from memtrace.graph.recording.streams import traced_async_generator, traced_generator

__all__ = ["bind", "current", "join", "operation", "record", "step", "variable"]

T = TypeVar("T")

step = Step


def record(
    path: str | Path, *, resume: bool = False, redact: Redact | None = None,
    metadata: Mapping[str, Any] | None = None, processes: bool = False,
) -> Recorder:  # fmt: skip
    """Start recording into a trace file, until the `with` block ends or `close()` is called.

    Everything recorded in this context, in asyncio tasks started from it and in threads (see
    `bind`) goes to this file. A killed process loses less than a second; a step it was in is
    marked as interrupted when the file is resumed.

    With `processes`, forked children record into the same file by themselves, other processes by
    `join` or a function bound by `bind`. Numbers come from one shared counter, so that there is
    one order over all processes. A handle that is sent to another process (pickled) can be used
    there; what it names is on disk by then. A step belongs to the process that opened it. What a
    `multiprocessing` worker did in a step is on disk when its outermost step ends, since pools
    kill their workers. Versions of one item that two processes write within half a second may get
    the same version number; the order of ids tells them apart. Close traces opened for reading
    before forking.

    Args:
        path: The file to write; its folder is made.
        resume: Go on with an existing trace (or start one): numbers continue, nothing is dropped.
        redact: Applied to every text (values, parameters, metadata, error messages) before it
            reaches the disk. Identifiers (names, roles, kinds, item ids, the keys of the run's
            own `metadata`) stay as they are.
        metadata: JSON about the run: configuration, git commit, seeds.
        processes: Let other processes of this machine record here too, at about a microsecond
            more for each operation and variable.

    Raises:
        UserError: If the file exists and `resume` is false, is no trace, or is being written; or
            if `processes` is asked of a system that has no POSIX file locks.
        RuntimeError: Inside another recording.
    """
    return Recorder(path, resume=resume, redact=redact, metadata=metadata, processes=processes)


def join(path: str | Path, *, redact: Redact | None = None) -> Recorder:
    """Take part in a recording that another process has open with `processes=True`.

    Use it like `record`: in a `with` block, or as the initializer of a process pool
    (`ProcessPoolExecutor(initializer=memtrace.join, initargs=(path,))`); it then lasts as long
    as the process. Forked children take part without it.

    Args:
        path: The trace being recorded.
        redact: As in `record`; needed if the recording has a hook.

    Raises:
        UserError: If no such recording is open, or it redacts and `redact` is not given.
        RuntimeError: Inside another recording.
    """
    return Recorder(path, joins=True, redact=redact)


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
    return OFF if here is None or here[1] is None else here[1]


@overload
def operation(function: Callable[..., Any], /) -> Callable[..., Any]: ...


@overload
def operation(
    *, kind: str = ..., name: str | None = ..., inputs: Collection[str] | None = ...,
    outputs: str | Sequence[str] | Mapping[str, str] | None = ...,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...  # fmt: skip


def operation(
    function: Callable[..., Any] | None = None, /, *, kind: str = "operation",
    name: str | None = None, inputs: Collection[str] | None = None,
    outputs: str | Sequence[str] | Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """Record every call of a function (plain, async, or a generator of either sort).

    The function sees plain values; its callers pass and receive handles. An argument that is a
    handle (or a list of handles) becomes an input whose role is the parameter's name, and is
    unwrapped before the call. Other arguments become parameters, unless `inputs` names them.

    A generator is one operation from its first item to its last. Each item is an output; items
    that operations inside it made pass as they are. What the consumer does between two items is
    no part of it. A consumer that stops early ends it; the metadata then says
    `exhausted: false`.

    Args:
        function: What to decorate, when the decorator is used without parentheses.
        kind: What sort of operation.
        name: Its name; the function's by default.
        inputs: Parameters whose plain values are to be recorded as input variables too.
        outputs: How the return value, or each item of a generator, is recorded. None: one output
            of role `result` (`item`). A string: one output of that role. Several names (or a
            mapping from role to kind): the function returns (yields) a tuple of that length, and
            so does the call. An empty tuple: nothing is recorded and the plain value comes back.

    Returns:
        The decorated function, which gives a `Handle`, or a tuple of them, with tracing on or off.
    """
    wanted = frozenset(inputs or ())

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(function, (staticmethod, classmethod)):
            return type(function)(decorate(function.__func__))
        is_async_stream = inspect.isasyncgenfunction(function)
        is_stream = is_async_stream or inspect.isgeneratorfunction(function)
        call = Call(
            function, kind=kind, name=name or name_of(function), wanted=wanted, outputs=outputs,
            is_stream=is_stream,
        )  # fmt: skip
        if is_stream:
            stream = traced_async_generator if is_async_stream else traced_generator
            return stream(call, function)
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def traced_async(*args: Any, **kwargs: Any) -> Any:
                running, plain = call.open(args, kwargs)
                with running:
                    return call.finish(running, await plain())

            return traced_async

        @wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            running, plain = call.open(args, kwargs)
            with running:
                return call.finish(running, plain())

        return traced

    return decorate if function is None else decorate(function)
