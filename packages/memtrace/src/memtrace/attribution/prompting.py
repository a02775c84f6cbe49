"""Which prompt an operation used: by its own inputs, or by who rendered the text it was given."""

from __future__ import annotations

from memtrace.attribution.reader import TraceReader

__all__ = ["prompt_used"]


def prompt_used(reader: TraceReader, operation: str) -> str | None:
    """The name of the prompt that an operation used; None: it used none.

    A step that asks the model is often given a rendered prompt: the step before it, which made
    that, had the template.

    Args:
        reader: The trace.
        operation: Id of the operation.
    """
    inputs = list(map(reader.variable, reader.operation(operation).input_ids))
    rendered = [one.producer for one in inputs if one.kind == "prompt" and one.producer is not None]
    inputs += [
        reader.variable(read)
        for maker in rendered
        for read in reader.operation(maker).input_ids
    ]  # fmt: skip
    return next((one.name for one in inputs if one.kind == "prompt" and one.name), None)
