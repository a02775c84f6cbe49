"""A span as all formats here are brought to: OTLP JSON, OTLP protobuf, Phoenix, MLflow, Langfuse.

Attribute values are plain Python: None, bool, int, float, str, bytes, and lists and dictionaries
of them. Ids are lower-case hexadecimal where the format has binary ids, else text as it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FAILED", "OK", "Event", "Link", "Resource", "Span"]

OK = 1
FAILED = 2
"""Status codes of OpenTelemetry; 0 is unset."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened during a span. Example: `Event("exception", 5, {...})`."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """From the span that holds it to another. Example: `Link("0af7...", "b7ad...", {...})`."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """Who sent spans. Example: `Resource({"service.name": "memtrace"})`."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ""
    """Name of the instrumentation that made them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One timed step.

    Example:
        `Span(trace_id="0af7...", span_id="b7ad...", parent_id=None, name="retrieve",
        start_ns=1, end_ns=2, attributes={"openinference.span.kind": "RETRIEVER"})`
    """

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str = ""
    start_ns: int = 0
    end_ns: int = 0
    status: int = 0
    status_message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[Event] = ()
    links: Sequence[Link] = ()
    kind: int = 1
    """OpenTelemetry's kind; 1 is internal."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the format has besides: resource, trace state, fields unknown to us."""
