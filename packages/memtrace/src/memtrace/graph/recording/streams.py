"""Generators as operations: the step lives from the first item to the last.

The step is the innermost one only while the body of the generator runs. Between two items the
code of the consumer runs, in whatever step it is in, so the two are swapped at every turn; that
holds too when the consumer takes items in different contexts.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from functools import wraps
from types import TracebackType
from typing import Any

from memtrace.graph.recording import scope
from memtrace.graph.recording.calls import Call
from memtrace.graph.recording.handle import Handle, value_of
from memtrace.graph.recording.step import Step

__all__ = ["traced_async_generator", "traced_generator"]


class _Turns:
    """A context manager, entered for every turn of the body. Making it starts the step."""

    def __init__(self, running: Step) -> None:
        self._running = running
        self._sent: list[str] = []
        outside = scope.here()
        running.__enter__()
        self._inside = scope.swap(outside)

    def __enter__(self) -> None:
        self._outside = scope.swap(self._inside)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._inside = scope.swap(self._outside)

    def sent(self, value: Any) -> Any:
        """What the consumer sent, unwrapped.

        It may stem from an item of this very step, so an edge could close a cycle: the id goes
        into the metadata instead.
        """
        if isinstance(value, Handle) and value.id is not None:
            self._sent.append(value.id)
            self._running.note("sent", self._sent)
        return value_of(value)

    def close(self, body: Generator[Any, Any, Any]) -> None:
        """Close the body of an abandoned generator: it has not failed, unless it does now."""
        self._running.note("exhausted", False)
        try:
            with scope.cleaning(self._inside):
                body.close()
        except BaseException as error:
            self._running.end(error)
            raise
        self._running.end()

    async def aclose(self, body: AsyncGenerator[Any, Any]) -> None:
        """The same for an async generator."""
        self._running.note("exhausted", False)
        try:
            with self:
                await body.aclose()
        except BaseException as error:
            self._running.end(error)
            raise
        self._running.end()


def traced_generator(call: Call, function: Callable[..., Any]) -> Callable[..., Any]:
    """The generator function with every iteration of it recorded as one operation."""

    @wraps(function)
    def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        running, plain = call.open(args, kwargs)
        turns, body = _Turns(running), plain()
        resume: Callable[[Any], Any] = body.send
        given: Any = None
        while True:
            try:
                with turns:
                    item = call.finish(running, resume(given))
            except StopIteration as stop:
                with turns:
                    result = call.returned(running, stop.value)
                running.end()
                return result
            except BaseException as error:
                with turns:
                    body.close()  # an item that cannot be recorded leaves it running
                running.end(error)
                raise
            try:
                given = turns.sent((yield item))
                resume = body.send
            except GeneratorExit:
                turns.close(body)
                raise
            except BaseException as error:
                given, resume = error, body.throw

    return generate


def traced_async_generator(call: Call, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for an async generator function."""

    @wraps(function)
    async def generate(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        running, plain = call.open(args, kwargs)
        turns, body = _Turns(running), plain()
        resume: Callable[[Any], Any] = body.asend
        given: Any = None
        while True:
            try:
                with turns:
                    item = call.finish(running, await resume(given))
            except StopAsyncIteration:
                running.end()
                return
            except BaseException as error:
                with turns:
                    await body.aclose()
                running.end(error)
                raise
            try:
                given = turns.sent((yield item))
                resume = body.asend
            except GeneratorExit:
                await turns.aclose(body)
                raise
            except BaseException as error:
                given, resume = error, body.athrow

    return generate
