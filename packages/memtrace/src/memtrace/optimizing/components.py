"""From operations to the prompts that govern them, and back.

A prompt is an input of the operation that used it, named by its template. An answer reads a literal
prompt, which another operation rendered from the template; what parses or applies a model's reply
is governed by the prompt that the reply was asked with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from memtrace.attribution.reader import TraceReader
from memtrace.types import Operation

__all__ = ["Use", "component_of", "governing", "use_at", "uses_of"]

_HOPS = 2
_LEADS_ON = frozenset({"prompt", "reply"})
_NOT_SHOWN = frozenset({"prompt", "request", "store"})


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a prompt: the operation that asked, what it read, what came of it.

    Example: `Use("extraction", "op-20", ("var-7",), ("var-9",))`
    """

    component: str
    operation: str
    """Whose template it is."""
    inputs: tuple[str, ...]
    """Variables it was filled with, template and literal request left out."""
    outputs: tuple[str, ...]
    """The reply, and what was read out of it."""


def component_of(reader: TraceReader, operation: str, components: Collection[str]) -> str | None:
    """The prompt that governs an operation; None: none of these does."""
    frontier = [operation]
    for _ in range(_HOPS + 1):
        further: list[str] = []
        for one in frontier:
            for identifier in reader.operation(one).input_ids:
                variable = reader.variable(identifier)
                if variable.kind == "prompt" and variable.name in components:
                    return variable.name
                if variable.kind in _LEADS_ON and variable.producer is not None:
                    further.append(variable.producer)
        frontier = further
    return None


def uses_of(reader: TraceReader, answer: str, component: str) -> Iterator[Use]:
    """Every use of a prompt that an answer depends on, in the order of time."""
    back = reader.graph.upstream(answer)
    for identifier in back.operations:
        operation = reader.operation(identifier)
        if _template(reader, operation) == component:
            yield use_at(reader, operation, component)


def use_at(reader: TraceReader, operation: Operation, component: str) -> Use:
    """The use whose template an operation reads, with what was made of the reply."""
    inputs = tuple(
        one for one in operation.input_ids if reader.variable(one).kind not in _NOT_SHOWN
    )
    outputs = [one for one in operation.output_ids if reader.variable(one).kind not in _NOT_SHOWN]
    if not outputs:  # it rendered the literal prompt: what the prompt led to is the answer
        outputs = [
            made
            for literal in operation.output_ids
            for consumer in reader.graph.consumers(literal)
            for made in reader.operation(consumer).output_ids
            if reader.variable(made).kind not in _NOT_SHOWN
        ]
    return Use(component, operation.id, inputs, tuple(outputs))


def governing(reader: TraceReader, operation: str, component: str) -> Operation:
    """The operation that read the template which governs another one, possibly itself."""
    frontier = [operation]
    for _ in range(_HOPS + 1):
        further: list[str] = []
        for one in frontier:
            found = reader.operation(one)
            if _template(reader, found) == component:
                return found
            for identifier in found.input_ids:
                variable = reader.variable(identifier)
                if variable.kind in _LEADS_ON and variable.producer is not None:
                    further.append(variable.producer)
        frontier = further
    return reader.operation(operation)


def _template(reader: TraceReader, operation: Operation) -> str | None:
    """The name of the template an operation reads."""
    for identifier in operation.input_ids:
        variable = reader.variable(identifier)
        if variable.kind == "prompt" and variable.name:
            return variable.name
    return None
