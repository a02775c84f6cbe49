"""Carrying the present step to where the context does not reach: threads, pools, processes.

Asyncio tasks and `asyncio.to_thread` carry it by themselves; a bare thread, an executor and a
worker process do not.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.recording import scope
from memtrace.graph.recording.recorder import Recorder
from memtrace.graph.recording.redact import Redact
from memtrace.graph.recording.step import Step

__all__ = ["bind"]


def bind(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, to be called elsewhere, recording as if it were called here.

        executor.submit(memtrace.bind(work), chunk)
        threading.Thread(target=memtrace.bind(work)).start()

    Steps it opens are children of the step that is innermost now. In a recording with
    `processes=True` the bound function may also go to a process pool of any kind: a worker that
    does not record yet joins by itself.

    Args:
        function: Any callable, async ones included. For a process pool one that can be pickled.
            Not a generator function, whose body runs where it is iterated: bind what iterates it.

    Returns:
        The bound function; `function` itself where nothing is being recorded.
    """
    here = scope.current_scope()
    return function if here is None else _Bound(function, *here)


class _Bound:
    """A function and the scope it is to run in."""

    def __init__(self, function: Callable[..., Any], recorder: Recorder, step: Step | None) -> None:
        update_wrapper(self, function)
        self._function, self._recorder, self._step = function, recorder, step

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outside = scope.swap((self._recorder, self._step))
        try:
            result = self._function(*args, **kwargs)
        finally:
            scope.swap(outside)
        return self._awaited(result) if inspect.iscoroutine(result) else result

    async def _awaited(self, running: Awaitable[Any]) -> Any:
        outside = scope.swap((self._recorder, self._step))
        try:
            return await running
        finally:
            scope.swap(outside)

    def __reduce__(self) -> tuple[Any, ...]:
        recorder = self._recorder
        if not recorder.is_shared:
            raise UserError(
                f"{recorder.path}: expected a recording of several processes to bind a function "
                "for another process; open it by memtrace.record(path, processes=True)"
            )
        number = 0 if self._step is None else self._step.number
        recorder.settle(number)
        place = recorder.path.resolve(), recorder.id, number, recorder.redact
        return _rebound, (self._function, *place)


def _rebound(
    function: Callable[..., Any], path: Path, run: str, number: int, redact: Redact | None
) -> _Bound:
    """The bound function in the process that it was sent to."""
    found = scope.recordings(run)
    if found:
        recorder = found[0]
    else:
        recorder = Recorder(path, joins=True, redact=redact)
        if recorder.id != run:
            recorder.close()
            raise UserError(f"{path}: the recording the function was bound to has ended")
    return _Bound(function, recorder, Step.elsewhere(recorder, number) if number else None)
