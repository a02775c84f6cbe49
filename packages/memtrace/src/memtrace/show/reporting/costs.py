"""What each operation of a memory system came to, as a trace tells.

In: an open trace. Out: by system, then by the operation's name, a `Spending`. Time is wall time, so
an operation that others run inside has theirs too; tokens and calls are of the operation itself.
Each call of a batch reports the time of the batch: equal ones under one parent are counted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memtrace.execution.replies import place_of
from memtrace.graph.reading.trace import Trace
from memtrace.show.reporting.types import Spending

__all__ = ["costs_of"]


def costs_of(trace: Trace) -> dict[str, dict[str, Spending]]:
    """Add up the operations of a trace.

    Args:
        trace: Read once, from its first operation to its last.
    """
    systems: dict[str, str] = {}
    found: dict[str, dict[str, Spending]] = {}
    batches: set[tuple[str | None, str, float]] = set()
    for operation in trace.operations():
        place = place_of(operation)
        if place is not None:
            system = place.scope.partition("/")[0]
        else:  # inside a step that has a place
            system = systems.get(operation.parent or "", "-")
        systems[operation.id] = system
        sums = found.setdefault(system, {})
        usage = operation.usage
        model_ms = _number(usage, "latency_ms")
        if (batch := (operation.parent, operation.name, model_ms)) in batches:
            model_ms = 0.0
        batches.add(batch)
        sums[operation.name] = sums.get(operation.name, Spending()) + Spending(
            count=1, calls=int(_number(usage, "calls")), ms=operation.latency_ms or 0.0,
            prompt_tokens=int(_number(usage, "prompt_tokens")),
            completion_tokens=int(_number(usage, "completion_tokens")),
            cost_usd=_number(usage, "cost_usd"), errors=int(operation.status == "error"),
            model_ms=model_ms,
        )  # fmt: skip
    return found


def _number(usage: Mapping[str, Any], key: str) -> float:
    value = usage.get(key)
    return float(value) if isinstance(value, int | float) else 0.0
