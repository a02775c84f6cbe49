"""Which format a JSON document is, and its spans: OTLP, Phoenix, MLflow, Langfuse.

In: one document (a request, a trace, a span, a row). Out: spans, or for an entry that cannot be
read, what is wrong with it.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from memtrace.interchange.otlp.json import span_of, spans_of, timestamp
from memtrace.interchange.otlp.types import FAILED, OK, Event, Span

__all__ = ["flatten", "is_number", "spans_in_document"]

_BAD = (TypeError, ValueError, KeyError, AttributeError, OverflowError)
_STATUSES = {"OK": OK, "ERROR": FAILED}
_LANGFUSE_KEPT = frozenset({
    "id", "traceId", "trace_id", "parentObservationId", "parent_observation_id", "name",
    "startTime", "start_time", "endTime", "end_time",
})  # fmt: skip


def spans_in_document(data: Any) -> Iterator[tuple[str, Span | str]]:
    """Format and span (or problem), for each span of a document.

    Raises:
        ValueError: If it is no document of a known format.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"expected an object; got {data!r:.60}")
    found = _nested(data)
    if found is not None:
        yield from found
        return
    name, read = _single(data)
    try:
        yield name, read(data)
    except _BAD as error:
        yield name, f"span {data.get('name')!r}: {error}; it is left out"


def flatten(attributes: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested attributes as OpenTelemetry has them: one a leaf, joined by dots, lists by number."""
    found: dict[str, Any] = {}
    for key, value in attributes.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found.update(flatten(value, f"{name}."))
        elif isinstance(value, (list, tuple)) and any(isinstance(part, Mapping) for part in value):
            found.update(flatten({str(i): part for i, part in enumerate(value)}, f"{name}."))
        elif isinstance(value, bytes):
            found[name] = base64.b64encode(value).decode("ascii")
        elif value is not None:
            found[name] = value
    return found


def is_number(value: Any) -> bool:
    """Whether this is a finite number (and no bool)."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value)


# Documents that hold several spans -----------------------------------------------------------


def _nested(data: Mapping[str, Any]) -> Iterator[tuple[str, Span | str]] | None:
    if "resourceSpans" in data or "resource_spans" in data:
        return (("otlp", span) for span in spans_of(data))
    if isinstance(data.get("observations"), list):
        return _langfuse_trace(data)
    if isinstance(data.get("trace"), str):  # a row of MLflow's table of traces
        return spans_in_document(json.loads(data["trace"]))
    inner = data.get("data")
    if isinstance(inner, Mapping) and isinstance(inner.get("spans"), list):
        return _mlflow_trace(data, inner["spans"])
    for entries in (inner, data.get("spans")):
        if isinstance(entries, list):
            return _each(entries)
    return None


def _each(entries: Sequence[Any]) -> Iterator[tuple[str, Span | str]]:
    for entry in entries:
        try:
            yield from spans_in_document(entry)
        except ValueError as error:
            yield "", str(error)


def _mlflow_trace(
    data: Mapping[str, Any], entries: Sequence[Any]
) -> Iterator[tuple[str, Span | str]]:
    info = data.get("info")
    for _, found in _each(entries):
        if isinstance(found, Span):
            extra = dict(found.extra)
            if found.parent_id is None and isinstance(info, Mapping):
                extra["trace"] = dict(info)
            attributes = {key: _unquoted(key, part) for key, part in found.attributes.items()}
            found = Span(**{**_fields(found), "attributes": attributes, "extra": extra})
        yield "mlflow", found


def _unquoted(key: str, value: Any) -> Any:
    """MLflow writes attributes as JSON, texts that are JSON already excepted.

    Its own attributes are read as JSON further on.
    """
    if key.startswith("mlflow.") or not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    is_text_key = key.endswith(".value")
    return found if isinstance(found, str) or (is_number(found) and not is_text_key) else value


def _langfuse_trace(data: Mapping[str, Any]) -> Iterator[tuple[str, Span | str]]:
    """A trace with its observations. The trace is a span itself: the ones on top are inside it."""
    trace_id = str(data.get("id") or data.get("traceId") or "trace")
    spans: list[Span] = []
    for entry in data["observations"]:
        try:
            spans.append(_langfuse({"traceId": trace_id, **entry}))
        except _BAD as error:
            yield "langfuse", f"observation of trace {trace_id!r}: {error}; it is left out"
    tops = [span for span in spans if span.parent_id is None]
    if len(tops) != 1 or data.get("input") not in (None, tops[0].attributes.get("langfuse.input")):
        start = _time(data.get("timestamp")) or min((span.start_ns for span in spans), default=0)
        rest = {k: v for k, v in data.items() if k not in ("observations", "id", "name")}
        yield "langfuse", Span(
            trace_id=trace_id, span_id=f"trace:{trace_id}", name=str(data.get("name") or "trace"),
            start_ns=start, end_ns=max([start, *(span.end_ns for span in spans)]),
            attributes=_langfuse_attributes({"type": "CHAIN", **rest}),
        )  # fmt: skip
        spans = [
            Span(**{**_fields(span), "parent_id": span.parent_id or f"trace:{trace_id}"})
            for span in spans
        ]
    for span in spans:
        yield "langfuse", span


def _fields(span: Span) -> dict[str, Any]:
    return {name: getattr(span, name) for name in Span.__dataclass_fields__}


# Documents that are one span -----------------------------------------------------------------


def _single(data: Mapping[str, Any]) -> tuple[str, Any]:
    if isinstance(data.get("context"), Mapping) or "context.span_id" in data:
        return "phoenix", _phoenix
    has_span_id = "span_id" in data or "spanId" in data
    if has_span_id and ("trace_id" in data or "traceId" in data):
        return "otlp", lambda plain: span_of(plain, {})
    is_timed = "startTime" in data or "start_time" in data
    if is_timed and "id" in data:
        return "langfuse", _langfuse
    raise ValueError(
        "expected spans of OTLP, Phoenix, MLflow or Langfuse; got an object with the keys "
        f"{sorted(map(str, data))[:8]}"
    )


def _phoenix(data: Mapping[str, Any]) -> Span:
    """A span of Phoenix's client, or a row of its data frame (its columns are `attributes.…`)."""
    context = data.get("context") or {
        key: data.get(f"context.{key}") for key in ("trace_id", "span_id")
    }
    attributes = flatten(data.get("attributes") or {})
    for key, value in data.items():
        if key.startswith("attributes."):
            attributes.update(flatten({key.removeprefix("attributes."): value}))
    if data.get("span_kind"):
        attributes.setdefault("openinference.span.kind", data["span_kind"])
    return Span(
        trace_id=str(context["trace_id"]), span_id=str(context["span_id"]),
        parent_id=data.get("parent_id") or None, name=str(data.get("name") or ""),
        start_ns=_time(data.get("start_time")), end_ns=_time(data.get("end_time")),
        status=_STATUSES.get(str(data.get("status_code")), 0),
        status_message=str(data.get("status_message") or ""), attributes=attributes,
        events=[_event(event) for event in data.get("events") or ()],
    )  # fmt: skip


def _event(plain: Mapping[str, Any]) -> Event:
    return Event(
        str(plain.get("name") or ""), _time(plain.get("timestamp") or plain.get("time")),
        flatten(plain.get("attributes") or {}),
    )  # fmt: skip


def _langfuse(data: Mapping[str, Any]) -> Span:
    """An observation, as its API (camelCase) or its file exports (snake_case) write it."""

    def get(camel: str, snake: str) -> Any:
        return data.get(camel) if data.get(camel) is not None else data.get(snake)

    is_failed = data.get("level") == "ERROR"
    end = get("endTime", "end_time")
    if end is None and data.get("type") == "EVENT":  # a moment, not something unfinished
        end = get("startTime", "start_time")
    return Span(
        trace_id=str(get("traceId", "trace_id") or "trace"), span_id=str(data["id"]),
        parent_id=get("parentObservationId", "parent_observation_id") or None,
        name=str(data.get("name") or data.get("type") or ""),
        start_ns=_time(get("startTime", "start_time")), end_ns=_time(end),
        status=FAILED if is_failed else OK,
        status_message=str(get("statusMessage", "status_message") or ""),
        attributes=_langfuse_attributes(data),
    )  # fmt: skip


def _langfuse_attributes(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an observation under names of their own; input and output stay whole."""
    return {
        f"langfuse.{key}": value
        for key, value in data.items()
        if key not in _LANGFUSE_KEPT and value not in (None, {}, [])
    }


def _time(value: Any) -> int:
    """Nanoseconds from a number of them or from ISO 8601; 0 for nothing."""
    if value in (None, ""):
        return 0
    if not isinstance(value, str) or value.isdigit():
        return timestamp(value)
    moment = datetime.fromisoformat(value)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = int(moment.replace(microsecond=0).timestamp())
    return timestamp(whole * 10**9 + moment.microsecond * 1000)
