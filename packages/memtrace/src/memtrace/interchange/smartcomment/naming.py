"""What a record of smartcomment is called in a trace: kinds, roles, and what is a memory item.

Names made of a hash of the content say nothing about identity: two equal texts share one. All
other names are identities given by whoever wrote the tracing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = [
    "NONE_NODE", "NONE_OPERATION", "NONE_SESSION", "full_name", "is_by_content", "is_item",
    "is_marker", "node_id", "operation_kind", "role", "variable_kind", "word",
]  # fmt: skip

NONE_NODE = "COMMENT:NONE@1"
NONE_OPERATION = "__none_op__"
NONE_SESSION = "__none__"

_BY_CONTENT = re.compile(r"[A-Za-z_][\w.<>]*:(?:[0-9a-f]{40}|-?\d{6,})")
_VARIABLE_KINDS = {
    "memory_entry": "memory_item", "message & query": "question", "query": "question",
    "memory_context": "context", "golden_answers": "gold", "variable": "value",
}  # fmt: skip
_KINDS_BY_CLASS = {
    "prediction": "answer", "judge_score": "verdict", "judge_response": "verdict",
    "query": "question", "delete_marker": "deletion",
}  # fmt: skip
_OPERATION_KINDS = {
    "NONE sentinel": "link",
    "question-answering": "answer", "llm-judge": "judge", "memory_system.retrieve": "retrieval",
}  # fmt: skip


def full_name(record: Mapping[str, Any]) -> str | None:
    """Name with its name space; None when the record has no name."""
    name, space = record.get("name"), record.get("class_name")
    if not isinstance(name, str):
        return None
    return f"{space}:{name}" if isinstance(space, str) else name


def node_id(record: Mapping[str, Any]) -> str | None:
    """The key by which edges name a node; None when the record has none."""
    given = record.get("full_node_id")
    if isinstance(given, str):
        return given
    name, version = full_name(record), record.get("version", 1)
    return None if name is None or not isinstance(version, int) else f"{name}@{version}"


def is_by_content(record: Mapping[str, Any]) -> bool:
    """Whether the name was made from the content (or from an address in memory)."""
    name = record.get("name")
    return isinstance(name, str) and _BY_CONTENT.fullmatch(name) is not None


def is_item(record: Mapping[str, Any]) -> bool:
    """Whether this is a version of something the memory holds."""
    return record.get("category") in ("memory_entry", "memory_item")


def is_marker(record: Mapping[str, Any]) -> bool:
    """Whether this says that a memory item was deleted."""
    space, category = record.get("class_name"), record.get("category")
    return "delete_marker" in (space, category) or (
        category == "marker" and "delet" in str(record.get("name", "")).lower()
    )


def variable_kind(record: Mapping[str, Any]) -> str:
    """The kind of the variable made of a node."""
    by_class = _KINDS_BY_CLASS.get(str(record.get("class_name")))
    category = word(record.get("category"), "value")
    return by_class or _VARIABLE_KINDS.get(category, category)


def operation_kind(record: Mapping[str, Any]) -> str:
    """The kind of the operation made of an operation record."""
    by_name = _OPERATION_KINDS.get(str(record.get("op_name")))
    return by_name or word(record.get("category"), "operation")


def role(record: Mapping[str, Any]) -> str:
    """The role a node has in any operation: its name space, category or name."""
    space = word(record.get("class_name"), "")
    category = word(record.get("category"), "variable")
    if space or category != "variable" or is_by_content(record):
        return space or category
    return word(record.get("name"), "variable")


def word(value: Any, otherwise: str) -> str:
    """A string that a text column can hold."""
    if not isinstance(value, str) or not value:
        return otherwise
    return value.encode("utf-8", "replace").decode()
