"""What an operation is called in the vocabularies of others: OpenInference and OpenTelemetry GenAI.

In: an operation with its variables. Out: span attributes. The memory operations follow the GenAI
conventions (`create_memory`, `search_memory`, ...), documents and messages those of OpenInference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from memtrace.interchange.otlp.values import Described, dumps
from memtrace.types import Operation

__all__ = ["REQUEST", "conventions"]

REQUEST = "request"
"""Kind of an output that is what was literally sent to a model."""

_SPAN_KINDS = {
    "retrieval": "RETRIEVER", "judge": "EVALUATOR", "embedding": "EMBEDDING", "tool": "TOOL",
    "agent": "AGENT", "rerank": "RERANKER", "guardrail": "GUARDRAIL", "llm": "LLM",
    "prompt": "PROMPT",
}  # fmt: skip
_TOKENS = {
    "prompt_tokens": ("gen_ai.usage.input_tokens", "llm.token_count.prompt"),
    "completion_tokens": ("gen_ai.usage.output_tokens", "llm.token_count.completion"),
}


def conventions(
    operation: Operation, inputs: Sequence[Described], outputs: Sequence[Described], store: str
) -> dict[str, Any]:
    """Attributes by which trace viewers recognise what an operation did.

    Args:
        operation: The operation.
        inputs: Its inputs; without values, no content is given away.
        outputs: Its outputs.
        store: Id of the memory store.
    """
    kind = _SPAN_KINDS.get(operation.kind, "LLM" if operation.model else "CHAIN")
    found: dict[str, Any] = {"openinference.span.kind": kind}
    if kind == "RETRIEVER":
        found.update(_documents(outputs))
    if kind in ("LLM", "EVALUATOR"):
        found.update(_messages(inputs, outputs, operation))
    if operation.model:
        found["gen_ai.request.model"] = operation.model
    found.update(_usage(operation.usage))
    found.update(_memory(operation, kind, inputs, outputs, store))
    details = {"kind": operation.kind, **operation.parameters, **operation.metadata}
    return {**found, "metadata": dumps(details)}


def _documents(outputs: Sequence[Described]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for place, node in enumerate(outputs):
        stem, note = f"retrieval.documents.{place}.document", node.variable.metadata
        found[f"{stem}.id"] = node.variable.item or node.variable.id
        if node.encoded is not None:
            found[f"{stem}.content"] = _printable(node)
        score = note.get("score")
        if isinstance(score, (int, float)) and not isinstance(score, bool):
            found[f"{stem}.score"] = float(score)
        if note:
            found[f"{stem}.metadata"] = dumps(dict(note))
    return found


def _messages(
    inputs: Sequence[Described], outputs: Sequence[Described], operation: Operation
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if operation.model:
        found["llm.model_name"] = operation.model
        found["gen_ai.operation.name"] = "chat"
    if operation.parameters:
        found["llm.invocation_parameters"] = dumps(dict(operation.parameters))
    sent = [node for node in outputs if node.variable.kind == REQUEST]
    found.update(_flat("llm.input_messages", _requests([*sent, *inputs])))
    made = [node for node in outputs if node.variable.kind != REQUEST]
    texts = [node for node in made if node.encoded and node.encoded[0] == "text"]
    if len(texts) == 1:
        message = {"role": "assistant", "content": _printable(texts[0])}
        found.update(_flat("llm.output_messages", [message]))
    return found


def _requests(nodes: Sequence[Described]) -> list[Mapping[str, Any]]:
    """The chat messages: a recorded request, or a value that is a list of role and content."""
    for node in nodes:
        if node.encoded is None:
            continue
        if node.variable.kind == REQUEST and node.encoded[0] == "text":
            return [{"role": "user", "content": node.text}]
        if node.encoded[0] != "json":
            continue
        value = json.loads(node.encoded[1])
        if isinstance(value, list) and value and all(map(_is_message, value)):
            return value
    return []


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(key), str) for key in ("role", "content")
    )


def _flat(prefix: str, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = {}
    for place, message in enumerate(messages):
        for key in ("role", "content"):
            found[f"{prefix}.{place}.message.{key}"] = _carried(str(message[key]))
    return found


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, names in _TOKENS.items():
        if isinstance(usage.get(key), (int, float)):
            found.update(dict.fromkeys(names, int(usage[key])))
    prompt, completion = (found.get(names[1]) for names in _TOKENS.values())
    if prompt is not None and completion is not None:
        found["llm.token_count.total"] = prompt + completion
    if isinstance(usage.get("cost_usd"), (int, float)):
        found["llm.cost.total"] = float(usage["cost_usd"])
    return found


def _memory(
    operation: Operation, kind: str, inputs: Sequence[Described], outputs: Sequence[Described],
    store: str,
) -> dict[str, Any]:  # fmt: skip
    """The memory operation that this is, if it is one."""
    written = [
        node for node in outputs if node.variable.item is not None and not node.variable.source
    ]
    if kind == "RETRIEVER":
        name, records = "search_memory", list(outputs)
    elif written:
        name, records = _written_as(written), written
    else:
        return {}
    found: dict[str, Any] = {"gen_ai.operation.name": name, "gen_ai.memory.store.id": store}
    if name == "search_memory":
        found.update(_query(inputs))
    if len({node.variable.item for node in records}) == 1 and records[0].variable.item:
        found["gen_ai.memory.record.id"] = records[0].variable.item
    if any(node.encoded for node in records):
        found["gen_ai.memory.records"] = dumps([_record(node) for node in records if node.encoded])
    return found


def _written_as(written: Sequence[Described]) -> str:
    names = {
        "delete_memory" if node.variable.is_deletion
        else "create_memory" if node.variable.version in (None, 1) else "update_memory"
        for node in written
    }  # fmt: skip
    return names.pop() if len(names) == 1 else "upsert_memory"


def _query(inputs: Sequence[Described]) -> dict[str, Any]:
    texts = [node for node in inputs if node.encoded and node.encoded[0] == "text"]
    named = [node for node in texts if node.role in ("query", "question")] or texts
    return {"gen_ai.memory.query.text": _printable(named[0])} if named else {}


def _record(node: Described) -> dict[str, Any]:
    parts = {
        "id": node.variable.item, "content": _printable(node),
        "score": node.variable.metadata.get("score"), "metadata": dict(node.variable.metadata),
    }  # fmt: skip
    return {key: value for key, value in parts.items() if value not in (None, {})}


def _printable(node: Described) -> str:
    return _carried(node.text)


def _carried(text: str) -> str:
    """Text without the lone surrogates that no viewer and no protobuf can take."""
    return text.encode("utf-8", "replace").decode()
