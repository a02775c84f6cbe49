"""What a span of somebody else did: kind, inputs, outputs, model, usage, error.

In: a span with the attributes of OpenInference, OpenTelemetry GenAI, MLflow, Langfuse or Traceloop.
Out: a `SpanStep`. An attribute that became an input or output is not kept a second time; all others
stay, as they are, in the metadata of the operation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from memtrace.interchange.otlp_foreign import flatten, is_number
from memtrace.interchange.otlp_types import FAILED, Span

__all__ = ["Part", "SpanStep", "step_of"]

_KIND_KEYS = (
    "openinference.span.kind", "mlflow.spanType", "langfuse.observation.type", "langfuse.type",
    "traceloop.span.kind", "gen_ai.operation.name",
)  # fmt: skip
_KINDS = {
    "retriever": "retrieval", "retrieval": "retrieval", "search_memory": "retrieval",
    "generation": "llm", "chat_model": "llm", "chat": "llm", "text_completion": "llm",
    "generate_content": "llm", "completion": "llm", "embeddings": "embedding",
    "reranker": "rerank", "evaluator": "judge", "execute_tool": "tool", "invoke_agent": "agent",
    "create_memory": "update", "update_memory": "update", "upsert_memory": "update",
    "delete_memory": "deletion", "span": "operation", "unknown": "operation",
}  # fmt: skip
_INPUTS = (
    "input.value", "mlflow.spanInputs", "langfuse.observation.input", "langfuse.input",
    "traceloop.entity.input", "gen_ai.tool.call.arguments", "gen_ai.memory.query.text",
)  # fmt: skip
_OUTPUTS = (
    "output.value", "mlflow.spanOutputs", "langfuse.observation.output", "langfuse.output",
    "traceloop.entity.output", "gen_ai.tool.call.result",
)  # fmt: skip
_JSON_KEYS = ("mlflow.", "traceloop.", "langfuse.")
_MODELS = (
    "llm.model_name", "gen_ai.request.model", "gen_ai.response.model", "embedding.model_name",
    "mlflow.llm.model", "langfuse.model", "langfuse.provided_model_name",
    "langfuse.observation.model.name",
)  # fmt: skip
_USAGE = {
    "prompt_tokens": (
        "llm.token_count.prompt", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"
    ),
    "completion_tokens": (
        "llm.token_count.completion", "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
    ),
    "cost_usd": ("llm.cost.total", "langfuse.calculatedTotalCost", "langfuse.total_cost"),
}  # fmt: skip
_USAGE_OBJECTS = (
    "mlflow.chat.tokenUsage", "langfuse.usageDetails", "langfuse.usage_details", "langfuse.usage",
    "langfuse.observation.usage_details",
)  # fmt: skip
_TOKENS = {
    "prompt_tokens": ("input_tokens", "input"),
    "completion_tokens": ("output_tokens", "output"),
}
_PARAMETERS = (
    "llm.invocation_parameters", "langfuse.modelParameters", "langfuse.model_parameters"
)  # fmt: skip
_CONTENT_KEYS = ("page_content", "pageContent", "content", "text", "document.content")
_WRITES = {"create_memory": False, "update_memory": False, "upsert_memory": False,
           "delete_memory": True}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An input or output. Example: `Part(role="hits", kind="hit", value="Anna moved.")`."""

    role: str
    kind: str
    value: Any
    name: str | None = None
    item: str | None = None
    is_deletion: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class SpanStep:
    """A span as a step. Example: `SpanStep(kind="retrieval", inputs=[...], outputs=[...])`."""

    kind: str
    inputs: list[Part] = field(default_factory=list)
    outputs: list[Part] = field(default_factory=list)
    model: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    error: tuple[str, str] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def step_of(span: Span) -> SpanStep:
    """Read what a span did from its attributes, whoever wrote them."""
    rest = dict(span.attributes)  # what becomes a value is taken out of here
    step = SpanStep(_kind(rest), error=_error(span), model=_model(rest), usage=_usage(rest))
    for key in _PARAMETERS:
        found = _json(rest.get(key))
        if isinstance(found, dict):
            step.parameters, _ = found, rest.pop(key)
            break
    flat = flatten({key: part for key, part in rest.items() if not key.startswith("langfuse.")})
    rest = {**flat, **{key: part for key, part in rest.items() if key.startswith("langfuse.")}}
    _read_inputs(step, rest)
    _read_outputs(step, rest)
    step.metadata = {
        "span": {"trace_id": span.trace_id, "span_id": span.span_id, "parent_id": span.parent_id},
        "attributes": rest, "events": [asdict(event) for event in span.events],
        "links": [asdict(link) for link in span.links], **span.extra,
    }  # fmt: skip
    step.metadata = {key: part for key, part in step.metadata.items() if part not in ({}, [])}
    return step


def _kind(attributes: Mapping[str, Any]) -> str:
    for key in _KIND_KEYS:
        value = attributes.get(key)
        if isinstance(value, str) and value:
            name = value.strip('"').lower()
            return _KINDS.get(name, name)
    return "operation"


def _model(attributes: Mapping[str, Any]) -> str | None:
    found = (attributes.get(key) for key in _MODELS)
    return next((str(value).strip('"') for value in found if value), None)


def _usage(attributes: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, keys in _USAGE.items():
        for key in keys:
            if is_number(attributes.get(key)):
                amount = attributes[key]  # a data frame makes whole numbers floats
                found[name] = int(amount) if amount == int(amount) else amount
                break
    for key in _USAGE_OBJECTS:
        counts = _json(attributes.get(key))
        for name, names in _TOKENS.items() if isinstance(counts, dict) else ():
            amounts = [counts[other] for other in names if is_number(counts.get(other))]
            if amounts:
                found.setdefault(name, amounts[0])
    return found


def _error(span: Span) -> tuple[str, str] | None:
    exceptions = [event.attributes for event in span.events if event.name == "exception"]
    if span.status != FAILED:
        return None  # an exception that was caught does not make the span a failed one
    about = exceptions[-1] if exceptions else {}
    name = about.get("exception.type") or span.attributes.get("error.type") or "Error"
    return str(name), str(about.get("exception.message") or span.status_message)


# Values ---------------------------------------------------------------------------------------


def _read_inputs(step: SpanStep, rest: dict[str, Any]) -> None:
    found, plain = _plain(rest, _INPUTS, "input.mime_type")
    if found:
        step.inputs.append(Part(role="input", kind="value", value=plain))
    query = rest.pop("reranker.query", None)
    if query is not None:
        step.inputs.append(Part(role="query", kind="question", value=query))
    step.inputs.extend(_documents(rest, "reranker.input_documents", "documents"))
    messages = (
        _messages(rest, "llm.input_messages") or _messages(rest, "gen_ai.prompt")
        or _json_messages(rest, "gen_ai.input.messages")
    )  # fmt: skip
    if messages and messages != plain:
        step.inputs.append(Part(role="messages", kind="prompt", value=messages))
    for entry in _entries(rest, "embedding.embeddings", only="embedding.text"):
        step.inputs.append(Part(role="text", kind="value", value=entry["embedding.text"]))


def _read_outputs(step: SpanStep, rest: dict[str, Any]) -> None:
    memory = str(rest.get("gen_ai.operation.name"))
    record = rest.get("gen_ai.memory.record.id")
    records = _documents(rest, "gen_ai.memory.records", "records")
    if memory in _WRITES:
        step.outputs.extend(_written(records, record, is_deletion=_WRITES[memory]))
        records = []
    hits = [
        *_documents(rest, "retrieval.documents", "hits"), *records,
        *_documents(rest, "reranker.output_documents", "hits"),
        *_documents(rest, "gen_ai.retrieval.documents", "hits"),
    ]  # fmt: skip
    messages = (
        _messages(rest, "llm.output_messages") or _messages(rest, "gen_ai.completion")
        or _json_messages(rest, "gen_ai.output.messages")
    )  # fmt: skip
    answers = [_answer(message) for message in messages]
    found, plain = _plain(rest, _OUTPUTS, "output.mime_type")
    if found and step.kind == "retrieval" and not hits:
        hits = _hits(plain, "hits")
        found = not hits
    step.outputs.extend(hits)
    step.outputs.extend(Part(role="answer", kind="answer", value=answer) for answer in answers)
    if found and plain not in answers and not (hits and plain == [hit.value for hit in hits]):
        kind = "answer" if step.kind == "llm" and not answers else "value"
        step.outputs.append(Part(role="output", kind=kind, value=plain))


def _plain(rest: dict[str, Any], keys: Iterable[str], mime_key: str) -> tuple[bool, Any]:
    """Whether there is a value under one of the keys, and the value."""
    for key in keys:
        if key not in rest:
            continue
        value, mime = rest.pop(key), None
        if key in ("input.value", "output.value"):
            mime = rest.pop(mime_key, None)
        if mime == "application/json" or key.startswith(_JSON_KEYS):
            return True, _json(value)
        return True, value
    return False, None


def _json(value: Any) -> Any:
    """What a JSON text says; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _entries(rest: dict[str, Any], prefix: str, only: str | None = None) -> list[dict[str, Any]]:
    """The objects of a list that is flattened into `prefix.0.…`, `prefix.1.…`; taken out."""
    found: dict[int, dict[str, Any]] = {}
    for key in [key for key in rest if key.startswith(f"{prefix}.")]:
        number, _, name = key.removeprefix(f"{prefix}.").partition(".")
        if number.isdigit() and name and only in (None, name):
            found.setdefault(int(number), {})[name] = rest.pop(key)
    return [found[number] for number in sorted(found)]


def _documents(rest: dict[str, Any], prefix: str, role: str) -> list[Part]:
    if isinstance(rest.get(prefix), str):
        return _hits(_json(rest.pop(prefix)), role)
    entries = _entries(rest, prefix)
    return [
        _hit({key.removeprefix("document."): part for key, part in entry.items()}, role)
        for entry in entries
    ]


def _hits(value: Any, role: str) -> list[Part]:
    """Documents out of a list of them; none if it is something else."""
    if not isinstance(value, list) or not value:
        return []
    if all(isinstance(part, str) for part in value):
        return [Part(role=role, kind="hit", value=part) for part in value]
    if all(isinstance(part, dict) and _content_key(part) for part in value):
        return [_hit(part, role) for part in value]
    return []


def _hit(entry: Mapping[str, Any], role: str) -> Part:
    key = _content_key(entry)
    note = {name: part for name, part in entry.items() if name != key}
    name = note.get("id")
    return Part(
        role=role, kind="hit", value=entry[key] if key else dict(entry),
        name=None if name is None else str(name), metadata=note,
    )  # fmt: skip


def _content_key(entry: Mapping[str, Any]) -> str | None:
    return next((key for key in _CONTENT_KEYS if isinstance(entry.get(key), str)), None)


def _written(records: list[Part], record: Any, *, is_deletion: bool) -> list[Part]:
    """Memory items that a GenAI memory operation wrote or deleted."""
    items = records or ([Part(role="records", kind="value", value=None)] if record else [])
    return [
        Part(
            role="deleted" if is_deletion else "items",
            kind="deletion" if is_deletion else "memory_item",
            value=None if is_deletion else part.value, is_deletion=is_deletion,
            item=part.name or (None if record is None else str(record)), metadata=part.metadata,
        )
        for part in items
    ]  # fmt: skip


def _messages(rest: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    return [
        {key.removeprefix("message."): part for key, part in entry.items()}
        for entry in _entries(rest, prefix)
    ]


def _json_messages(rest: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = _json(rest.get(key))
    if not isinstance(found, list) or not all(isinstance(part, dict) for part in found):
        return []
    del rest[key]
    return found


def _answer(message: Mapping[str, Any]) -> Any:
    """The text of a reply that is only text; else the whole message."""
    rest = {key for key in message if key not in ("role", "content", "finish_reason")}
    if not rest and isinstance(message.get("content"), str):
        return message["content"]
    parts = message.get("parts")
    if isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], dict):
        text = parts[0].get("content")
        if parts[0].get("type") == "text" and isinstance(text, str):
            return text
    return dict(message)
