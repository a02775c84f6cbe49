"""Documents, messages and memory records out of the attributes that hold them.

In: attributes as OpenTelemetry flattens them (`retrieval.documents.0.document.content`), or
lists as JSON text. Out: parts of a step. What is read is taken out of the attributes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Part",
    "answer_of",
    "documents_of",
    "entries_of",
    "hits_of",
    "json_messages_of",
    "messages_of",
    "parsed",
    "written_of",
]

_CONTENT_KEYS = ("page_content", "pageContent", "content", "text", "document.content")


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


def parsed(value: Any) -> Any:
    """What a JSON text says; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def entries_of(rest: dict[str, Any], prefix: str, only: str | None = None) -> list[dict[str, Any]]:
    """The objects of a list that is flattened into `prefix.0.…`, `prefix.1.…`; taken out."""
    found: dict[int, dict[str, Any]] = {}
    for key in [key for key in rest if key.startswith(f"{prefix}.")]:
        number, _, name = key.removeprefix(f"{prefix}.").partition(".")
        if number.isdigit() and name and only in (None, name):
            found.setdefault(int(number), {})[name] = rest.pop(key)
    return [found[number] for number in sorted(found)]


def documents_of(rest: dict[str, Any], prefix: str, role: str) -> list[Part]:
    """The documents under a prefix, flattened or as JSON text; taken out."""
    if isinstance(rest.get(prefix), str):
        return hits_of(parsed(rest.pop(prefix)), role)
    entries = entries_of(rest, prefix)
    return [
        _hit({key.removeprefix("document."): part for key, part in entry.items()}, role)
        for entry in entries
    ]


def hits_of(value: Any, role: str) -> list[Part]:
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


def written_of(records: list[Part], record: Any, *, is_deletion: bool) -> list[Part]:
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


def messages_of(rest: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """The chat messages that are flattened under a prefix; taken out."""
    return [
        {key.removeprefix("message."): part for key, part in entry.items()}
        for entry in entries_of(rest, prefix)
    ]


def json_messages_of(rest: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The chat messages that are JSON text under a key; taken out."""
    found = parsed(rest.get(key))
    if not isinstance(found, list) or not all(isinstance(part, dict) for part in found):
        return []
    del rest[key]
    return found


def answer_of(message: Mapping[str, Any]) -> Any:
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
