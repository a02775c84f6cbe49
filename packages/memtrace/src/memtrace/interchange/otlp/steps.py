"""What a span of somebody else did: kind, inputs, outputs, model, usage, error.

In: a span with the attributes of OpenInference, OpenTelemetry GenAI, MLflow, Langfuse or Traceloop.
Out: a `SpanStep`. An attribute that became an input or output is not kept a second time; all others
stay, as they are, in the metadata of the operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from memtrace.interchange.otlp.foreign import flatten, is_number
from memtrace.interchange.otlp.parts import (
    Part,
    answer_of,
    documents_of,
    entries_of,
    hits_of,
    json_messages_of,
    messages_of,
    parsed,
    written_of,
)
from memtrace.interchange.otlp.types import FAILED, Span

__all__ = ["SpanStep", "step_of"]

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
_WRITES = {"create_memory": False, "update_memory": False, "upsert_memory": False,
           "delete_memory": True}  # fmt: skip


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
        found = parsed(rest.get(key))
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
        counts = parsed(attributes.get(key))
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
    step.inputs.extend(documents_of(rest, "reranker.input_documents", "documents"))
    messages = (
        messages_of(rest, "llm.input_messages") or messages_of(rest, "gen_ai.prompt")
        or json_messages_of(rest, "gen_ai.input.messages")
    )  # fmt: skip
    if messages and messages != plain:
        step.inputs.append(Part(role="messages", kind="prompt", value=messages))
    for entry in entries_of(rest, "embedding.embeddings", only="embedding.text"):
        step.inputs.append(Part(role="text", kind="value", value=entry["embedding.text"]))


def _read_outputs(step: SpanStep, rest: dict[str, Any]) -> None:
    memory = str(rest.get("gen_ai.operation.name"))
    record = rest.get("gen_ai.memory.record.id")
    records = documents_of(rest, "gen_ai.memory.records", "records")
    if memory in _WRITES:
        step.outputs.extend(written_of(records, record, is_deletion=_WRITES[memory]))
        records = []
    hits = [
        *documents_of(rest, "retrieval.documents", "hits"), *records,
        *documents_of(rest, "reranker.output_documents", "hits"),
        *documents_of(rest, "gen_ai.retrieval.documents", "hits"),
    ]  # fmt: skip
    messages = (
        messages_of(rest, "llm.output_messages") or messages_of(rest, "gen_ai.completion")
        or json_messages_of(rest, "gen_ai.output.messages")
    )  # fmt: skip
    answers = [answer_of(message) for message in messages]
    found, plain = _plain(rest, _OUTPUTS, "output.mime_type")
    if found and step.kind == "retrieval" and not hits:
        hits = hits_of(plain, "hits")
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
            return True, parsed(value)
        return True, value
    return False, None
