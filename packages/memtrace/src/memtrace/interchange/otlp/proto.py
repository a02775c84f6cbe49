"""Spans as OTLP protobuf, for HTTP endpoints and `.pb` files. Needs `memtrace-llm[otel]`.

A file is requests one after another: protobuf merges them when they are read as one message, so any
reader of `TracesData` takes it; ours reads it piece by piece. Files of the collector, where every
message has its length in front (4 bytes, big-endian), are read as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from lmcommon.extras import require
from memtrace.interchange.otlp.types import Event, Link, Resource, Span

__all__ = ["partial_success", "request_bytes", "spans_in"]

_EXTRA = "memtrace-llm[otel]"
_RESOURCE_SPANS = 0x0A
"""Tag of field 1, length-delimited: the only field of a request."""


def request_bytes(resource: Resource, spans: Iterable[Span]) -> bytes:
    """One `ExportTraceServiceRequest`, serialized.

    Raises:
        MissingExtraError: Without `opentelemetry-proto`.
    """
    trace = require("opentelemetry.proto.trace.v1.trace_pb2", extra=_EXTRA)
    message = trace.TracesData()
    resource_spans = message.resource_spans.add()
    _fill(resource_spans.resource.attributes, resource.attributes)
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = resource.scope
    for span in spans:
        _fill_span(scope_spans.spans.add(), span)
    found = message.SerializeToString()
    assert isinstance(found, bytes)
    return found


def partial_success(body: bytes) -> tuple[int, str]:
    """How many spans a receiver refused, and why, from the body of its answer.

    Raises:
        ValueError: If the body is no answer of an OTLP receiver.
    """
    service = require("opentelemetry.proto.collector.trace.v1.trace_service_pb2", extra=_EXTRA)
    message = service.ExportTraceServiceResponse()
    _parse(message, body)
    return int(message.partial_success.rejected_spans), str(message.partial_success.error_message)


def spans_in(stream: IO[bytes], first: bytes) -> Iterator[Span]:
    """The spans of a protobuf file, one resource after another.

    Args:
        stream: The file, just behind `first`.
        first: Its first byte.

    Raises:
        ValueError: Where it is no OTLP protobuf, or ends in the middle.
    """
    trace = require("opentelemetry.proto.trace.v1.trace_pb2", extra=_EXTRA)
    while first:
        if first[0] == _RESOURCE_SPANS:
            message = trace.ResourceSpans()
            _parse(message, _exactly(stream, _varint(stream)))
            yield from _spans_of(message)
        elif first[0] == 0:  # the first byte of a 4-byte length
            size = int.from_bytes(first + _exactly(stream, 3), "big")
            data = trace.TracesData()
            _parse(data, _exactly(stream, size))
            for resource_spans in data.resource_spans:
                yield from _spans_of(resource_spans)
        else:
            raise ValueError(f"expected OTLP spans; got a field with tag {first[0]}")
        first = stream.read(1)


def _parse(message: Any, body: bytes) -> None:
    errors = require("google.protobuf.message", extra=_EXTRA)
    try:
        message.ParseFromString(body)
    except errors.DecodeError as error:
        raise ValueError(f"expected an OTLP protobuf message; {error}") from None


def _varint(stream: IO[bytes]) -> int:
    value = shift = 0
    while shift < 64:
        byte = _exactly(stream, 1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7
    raise ValueError("expected a length; got a number of more than 64 bits")


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ValueError(f"expected {size} more bytes; the file ends after {len(data)} of them")
    return data


# Out -----------------------------------------------------------------------------------------


def _fill_span(message: Any, span: Span) -> None:
    message.trace_id, message.span_id = bytes.fromhex(span.trace_id), bytes.fromhex(span.span_id)
    if span.parent_id:
        message.parent_span_id = bytes.fromhex(span.parent_id)
    message.name, message.kind = span.name, span.kind
    message.start_time_unix_nano, message.end_time_unix_nano = span.start_ns, span.end_ns
    _fill(message.attributes, span.attributes)
    for event in span.events:
        entry = message.events.add(name=event.name, time_unix_nano=event.time_ns)
        _fill(entry.attributes, event.attributes)
    for link in span.links:
        ids = {"trace_id": bytes.fromhex(link.trace_id), "span_id": bytes.fromhex(link.span_id)}
        _fill(message.links.add(**ids).attributes, link.attributes)
    message.status.code, message.status.message = span.status, span.status_message


def _fill(pairs: Any, attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        _set(pairs.add(key=key).value, value)


def _set(target: Any, value: Any) -> None:
    match value:
        case None:
            pass
        case bool():
            target.bool_value = value
        case int() if not -(2**63) <= value < 2**63:
            target.string_value = str(value)
        case int():
            target.int_value = value
        case float():
            target.double_value = value
        case str():
            target.string_value = value
        case bytes():
            target.bytes_value = value
        case Mapping():
            target.kvlist_value.SetInParent()
            _fill(target.kvlist_value.values, value)
        case _:
            target.array_value.SetInParent()
            for part in value:
                _set(target.array_value.values.add(), part)


# In ------------------------------------------------------------------------------------------


def _spans_of(resource_spans: Any) -> Iterator[Span]:
    resource = _attributes(resource_spans.resource.attributes)
    for scope_spans in resource_spans.scope_spans:
        extra: dict[str, Any] = {"resource": resource} if resource else {}
        if scope_spans.scope.name:
            extra["scope"] = scope_spans.scope.name
        for message in scope_spans.spans:
            yield _span(message, extra)


def _span(message: Any, extra: Mapping[str, Any]) -> Span:
    return Span(
        trace_id=message.trace_id.hex(), span_id=message.span_id.hex(),
        parent_id=message.parent_span_id.hex() or None, name=message.name,
        start_ns=message.start_time_unix_nano, end_ns=message.end_time_unix_nano,
        status=message.status.code, status_message=message.status.message,
        attributes=_attributes(message.attributes),
        events=[
            Event(event.name, event.time_unix_nano, _attributes(event.attributes))
            for event in message.events
        ],
        links=[
            Link(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
            for link in message.links
        ],
        kind=message.kind,
        extra={**extra, **_further(message)},
    )  # fmt: skip


def _further(message: Any) -> dict[str, Any]:
    """What else a span says, under the names of OTLP JSON."""
    found = {
        "traceState": message.trace_state, "flags": message.flags,
        "droppedAttributesCount": message.dropped_attributes_count,
        "droppedEventsCount": message.dropped_events_count,
        "droppedLinksCount": message.dropped_links_count,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value}


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(message: Any) -> Any:
    match message.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(part) for part in message.array_value.values]
        case "kvlist_value":
            return _attributes(message.kvlist_value.values)
        case field:
            return getattr(message, field)
