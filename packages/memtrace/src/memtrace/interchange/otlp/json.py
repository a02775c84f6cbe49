"""Spans as OTLP JSON: hexadecimal ids, lowerCamelCase, long integers as strings.

Out: one export request. In: the same, read leniently (numbers where strings should be, snake_case
keys, enums by name, base64 ids), since collectors and hand-written exporters differ.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from memtrace.interchange.otlp.types import FAILED, OK, Event, Link, Resource, Span

__all__ = ["any_value", "from_any_value", "request", "span_of", "spans_of", "timestamp"]

_STATUSES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": OK, "STATUS_CODE_ERROR": FAILED}
_KINDS = {
    f"SPAN_KIND_{name}": number
    for number, name in enumerate(
        ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
    )
}
_SPAN_KEYS = frozenset({
    "traceId", "trace_id", "spanId", "span_id", "parentSpanId", "parent_span_id", "name",
    "startTimeUnixNano", "start_time_unix_nano", "endTimeUnixNano", "end_time_unix_nano",
    "status", "attributes", "events", "links", "kind",
})  # fmt: skip


# Out -----------------------------------------------------------------------------------------


def request(resource: Resource, spans: Iterable[Span]) -> dict[str, Any]:
    """One `ExportTraceServiceRequest` (the same as `TracesData`) as JSON."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource.attributes)},
                "scopeSpans": [
                    {"scope": {"name": resource.scope}, "spans": [_span(span) for span in spans]}
                ],
            }
        ]
    }


def any_value(value: Any) -> dict[str, Any]:
    """A Python value as an OTLP `AnyValue`."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            is_long = -(2**63) <= value < 2**63
            return {"intValue": str(value)} if is_long else {"stringValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else _not_finite(value)}
        case str():
            return {"stringValue": value}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode("ascii")}
        case Mapping():
            return {"kvlistValue": {"values": _attributes(value)}}
        case _:
            return {"arrayValue": {"values": [any_value(part) for part in value]}}


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def _span(span: Span) -> dict[str, Any]:
    plain: dict[str, Any] = {"traceId": span.trace_id, "spanId": span.span_id}
    if span.parent_id:
        plain["parentSpanId"] = span.parent_id
    plain.update(
        name=span.name, kind=span.kind, startTimeUnixNano=str(span.start_ns),
        endTimeUnixNano=str(span.end_ns), attributes=_attributes(span.attributes),
    )  # fmt: skip
    if span.events:
        plain["events"] = [
            {"timeUnixNano": str(event.time_ns), "name": event.name,
             "attributes": _attributes(event.attributes)}
            for event in span.events
        ]  # fmt: skip
    if span.links:
        plain["links"] = [
            {"traceId": link.trace_id, "spanId": link.span_id,
             "attributes": _attributes(link.attributes)}
            for link in span.links
        ]  # fmt: skip
    status: dict[str, Any] = {"code": span.status}
    plain["status"] = {**status, "message": span.status_message} if span.status_message else status
    return plain


# In ------------------------------------------------------------------------------------------


def spans_of(data: Mapping[str, Any]) -> Iterator[Span | str]:
    """The spans of a request, or for one that cannot be read what is wrong with it.

    Raises:
        TypeError: If this is no request at all.
    """
    for resource_spans in _list(_get(data, "resourceSpans", "resource_spans"), "resourceSpans"):
        resource = _from_attributes(_dict(resource_spans.get("resource")).get("attributes"))
        scopes = _get(resource_spans, "scopeSpans", "scope_spans", "instrumentationLibrarySpans")
        for scope_spans in _list(scopes, "scopeSpans"):
            scope = _dict(scope_spans.get("scope")).get("name")
            extra = {"resource": resource} if resource else {}
            if scope:
                extra["scope"] = scope
            for plain in _list(scope_spans.get("spans"), "spans"):
                try:
                    yield span_of(plain, extra)
                except (TypeError, ValueError, AttributeError, KeyError) as error:
                    name = plain.get("name")
                    yield f"span {plain.get('spanId')!r} ({name!r}): {error}; it is left out"


def timestamp(value: Any) -> int:
    """A time in nanoseconds, given as a number or as digits; `ValueError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"expected a time in nanoseconds; got {value!r}")
    time_ns = int(value)
    if not 0 <= time_ns < 2**63:
        raise ValueError(f"expected a time in nanoseconds since 1970; got {value!r}")
    return time_ns


def from_any_value(value: Any) -> Any:
    """An OTLP `AnyValue` as a Python value."""
    given = [pair for pair in _dict(value).items() if pair[1] is not None]
    if not given:
        return None
    key, inner = given[0]  # Phoenix writes out the alternatives that are not there, as null
    match key:
        case "stringValue" | "string_value":
            return str(inner)
        case "boolValue" | "bool_value":
            return bool(inner)
        case "intValue" | "int_value":
            return int(inner)
        case "doubleValue" | "double_value":
            return float(inner)
        case "bytesValue" | "bytes_value":
            return base64.b64decode(inner)
        case "arrayValue" | "array_value":
            parts = _list(_dict(inner).get("values"), "arrayValue")
            return [from_any_value(part) for part in parts]
        case "kvlistValue" | "kvlist_value":
            return _from_attributes(_dict(inner).get("values"))
    raise ValueError(f"expected an attribute value such as stringValue; got {key!r}")


def span_of(plain: Mapping[str, Any], extra: Mapping[str, Any]) -> Span:
    """One span; `TypeError` or `ValueError` where something in it cannot be read."""
    status = _dict(plain.get("status"))
    start = timestamp(_get(plain, "startTimeUnixNano", "start_time_unix_nano") or 0)
    unknown = {key: value for key, value in plain.items() if key not in _SPAN_KEYS and value}
    return Span(
        trace_id=_id(_get(plain, "traceId", "trace_id"), 16),
        span_id=_id(_get(plain, "spanId", "span_id"), 8),
        parent_id=_id(_get(plain, "parentSpanId", "parent_span_id") or "", 8) or None,
        name=str(plain.get("name") or ""), start_ns=start,
        end_ns=timestamp(_get(plain, "endTimeUnixNano", "end_time_unix_nano") or 0),
        status=_number(status.get("code", 0), _STATUSES),
        status_message=str(status.get("message") or ""),
        attributes=_from_attributes(plain.get("attributes")),
        events=[_event(event, start) for event in _list(plain.get("events"), "events")],
        links=[_link(link) for link in _list(plain.get("links"), "links")],
        kind=_number(plain.get("kind", 1), _KINDS), extra={**extra, **unknown},
    )  # fmt: skip


def _event(plain: Mapping[str, Any], start: int) -> Event:
    time_ns = timestamp(_get(plain, "timeUnixNano", "time_unix_nano") or start)
    return Event(str(plain.get("name") or ""), time_ns, _from_attributes(plain.get("attributes")))


def _link(plain: Mapping[str, Any]) -> Link:
    return Link(
        _id(_get(plain, "traceId", "trace_id"), 16), _id(_get(plain, "spanId", "span_id"), 8),
        _from_attributes(plain.get("attributes")),
    )  # fmt: skip


def _from_attributes(attributes: Any) -> dict[str, Any]:
    if isinstance(attributes, Mapping):  # MLflow writes the same spans with a plain object here
        return dict(attributes)
    return {
        str(pair.get("key")): from_any_value(pair.get("value"))
        for pair in _list(attributes, "attributes")
    }


def _id(value: Any, size: int) -> str:
    """An id in lower-case hexadecimal; some writers use base64, as plain protobuf JSON does."""
    if not isinstance(value, str):
        raise ValueError(f"expected an id of {2 * size} hexadecimal digits; got {value!r}")
    if not value or len(value) == 2 * size:
        return value.lower()
    try:
        raw = base64.b64decode(value, validate=True)
    except binascii.Error:
        return value.lower()
    return raw.hex() if len(raw) == size else value.lower()


def _number(value: Any, names: Mapping[str, int]) -> int:
    return names[value] if isinstance(value, str) and value in names else int(value or 0)


def _get(plain: Mapping[str, Any], *keys: str) -> Any:
    for key in keys:
        if key in plain:
            return plain[key]
    return None


def _dict(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"expected an object; got {value!r:.60}")
    return value


def _list(value: Any, what: str) -> Sequence[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(part, Mapping) for part in value):
        raise TypeError(f"expected a list of objects under {what}; got {value!r:.60}")
    return value
