"""How the calls of one decorated function turn into steps: arguments in, handles out.

The signature is looked at once, when the function is decorated; a call with ordinary parameters
is matched by hand, which costs a fraction of `inspect.Signature.bind`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from memtrace.graph.recording import scope
from memtrace.graph.recording.handle import Handle, value_of
from memtrace.graph.recording.step import OFF, Step

__all__ = ["Call", "name_of"]

_BY_HAND = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Call:
    """A decorated function: what its operations are called, and which arguments are inputs."""

    def __init__(
        self, function: Callable[..., Any], *, kind: str, name: str, wanted: frozenset[str],
        outputs: str | Sequence[str] | Mapping[str, str] | None, is_stream: bool,
    ) -> None:  # fmt: skip
        self._signature = inspect.signature(function)
        parameters = self._signature.parameters
        if unknown := wanted - parameters.keys():
            raise ValueError(
                f"operation {name!r}: inputs names {sorted(unknown)}, which are not its parameters"
            )
        self._function, self._kind, self._name, self._wanted = function, kind, name, wanted
        self._is_simple = all(part.kind in _BY_HAND for part in parameters.values())
        by_name = inspect.Parameter.KEYWORD_ONLY
        self._places = [key for key, part in parameters.items() if part.kind is not by_name]
        self._defaults = {
            key: part.default
            for key, part in parameters.items()
            if part.default is not inspect.Parameter.empty
        }
        if outputs is None or isinstance(outputs, str):
            self._outputs: dict[str, str | None] = {
                outputs or ("item" if is_stream else "result"): None
            }
        elif isinstance(outputs, Mapping):
            self._outputs = dict(outputs)
        else:
            self._outputs = dict.fromkeys(outputs)
        self._is_single = len(self._outputs) == 1
        self._is_stream = is_stream

    def open(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Step, Callable[[], Any]]:
        """The step of one call, and the call itself with handles unwrapped."""
        plain = partial(
            self._function, *map(value_of, args),
            **{key: value_of(value) for key, value in kwargs.items()},
        )  # fmt: skip
        if scope.current_scope() is None:
            return OFF, plain
        given: dict[str, Any] = {}
        parameters: dict[str, Any] = {}
        for key, value in self._arguments(args, kwargs).items():
            if key in self._wanted or value_of(value) is not value:
                given[key] = value
            elif key not in ("self", "cls"):
                parameters[key] = _described(value)
        return Step(self._name, kind=self._kind, inputs=given, parameters=parameters), plain

    def finish(self, running: Step, result: Any) -> Any:
        """Record what the function returned; give handles back."""
        if not self._outputs:
            return result
        if self._is_single:
            ((role, kind),) = self._outputs.items()
            return self._output(running, role, result, kind)
        if not isinstance(result, tuple) or len(result) != len(self._outputs):
            raise TypeError(
                f"operation {self._name!r}: expected a tuple of {list(self._outputs)}; "
                f"got {result!r}"
            )
        return tuple(
            self._output(running, role, value, kind)
            for (role, kind), value in zip(self._outputs.items(), result, strict=True)
        )

    def returned(self, running: Step, result: Any) -> Any:
        """What a generator returned besides its items: an output too, unless it is nothing."""
        if result is None or not self._outputs:
            return result
        return running.output("result", result)

    def _output(self, running: Step, role: str, value: Any, kind: str | None) -> Any:
        """One output. What was made inside the step is known already and may pass as it is.

        A copy would make it an input that is newer than outputs of the step, as every item of a
        stream after the first, and so could close a cycle.
        """
        since = running.number if self._is_stream else running.first_output
        is_made_inside = since and isinstance(value, Handle) and (value.number or 0) > since
        if is_made_inside and running.knows(value):
            return value
        return running.output(role, value, kind=kind)

    def _arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments by name, defaults included, with the content of **kwargs spread out."""
        if self._is_simple and len(args) <= len(self._places):
            by_place = dict(zip(self._places, args, strict=False))
            found = {**self._defaults, **by_place, **kwargs}
            known = self._signature.parameters.keys()
            if found.keys() == known and (not kwargs or by_place.keys().isdisjoint(kwargs)):
                return {key: found[key] for key in known}
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        flat: dict[str, Any] = {}
        for key, value in bound.arguments.items():
            if self._signature.parameters[key].kind is inspect.Parameter.VAR_KEYWORD:
                # A positional-only parameter may have the name of one of these.
                flat.update((f"{key}.{k}" if k in flat else k, part) for k, part in value.items())
            else:
                flat[key] = value
        return flat


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function, of what a `functools.partial` calls, or of a callable's class."""
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def _described(value: Any) -> Any:
    """An argument as a parameter: JSON as it is, anything else by its type."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_described(part) for part in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _described(part) for key, part in value.items()}
    return f"<{type(value).__module__}.{type(value).__qualname__}>"
