"""Values of variables inside span attributes: readable in a viewer, and readable back exactly.

One value stands alone (text as it is, anything else as JSON); several make one JSON object, role to
value or to a list of values. A *descriptor* beside it says for each value which variable it is and
how it was encoded; `values_of` undoes `write`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memtrace.graph.storage.values import decode, to_bytes
from memtrace.types import Variable

__all__ = ["Described", "Encoded", "descriptor", "dumps", "values_of", "write"]

Encoded = tuple[str, str | bytes]
"""Encoding (text, json, tagged, bytes) and payload, as `graph.storage.values` has them."""


@dataclass(frozen=True, slots=True)
class Described:
    """A variable in a role of an operation, with its value if values go out."""

    variable: Variable
    role: str
    encoded: Encoded | None

    @property
    def text(self) -> str:
        """The value as text for people."""
        return "" if self.encoded is None else _as_text(self.encoded)


def dumps(value: Any) -> str:
    """JSON that protobuf can carry: readable, unless it holds lone surrogates."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if _is_utf8(text) else json.dumps(value, separators=(",", ":"))


def write(prefix: str, nodes: Sequence[Described]) -> dict[str, Any]:
    """The attributes `<prefix>.value` and `<prefix>.mime_type`; none without values."""
    known = [node for node in nodes if node.encoded is not None]
    if not known:
        return {}
    if len(known) == 1:
        text, is_json = _alone(known[0])
    else:
        text, is_json = dumps(_by_role(known)), True
    mime = "application/json" if is_json else "text/plain"
    return {f"{prefix}.value": text, f"{prefix}.mime_type": mime}


def values_of(
    text: str | None, mime: str | None, described: Sequence[Mapping[str, Any]]
) -> list[Encoded | None]:
    """The values that `write` was given, in the order of their descriptors.

    Args:
        text: The attribute `<prefix>.value`.
        mime: The attribute `<prefix>.mime_type`.
        described: Role and encoding of each; one without an encoding had no value.

    Raises:
        ValueError: If the text does not hold what the descriptors say.
    """
    known = [entry for entry in described if entry.get("encoding")]
    if text is None or not known:
        return [None] * len(described)
    if len(known) == 1:
        encoding = str(known[0]["encoding"])
        plain = json.loads(text) if mime == "application/json" else text
        found = iter([_encoded(encoding, plain)])
    else:
        found = iter(_from_roles(json.loads(text), known))
    return [next(found) if entry.get("encoding") else None for entry in described]


def descriptor(node: Described, *, cut_from: int | None = None) -> dict[str, Any]:
    """Everything a variable is besides its value, without what is empty."""
    variable = node.variable
    parts = {
        "id": variable.id, "role": node.role, "kind": variable.kind, "name": variable.name,
        "item": variable.item, "version": variable.version,
        "is_deletion": variable.is_deletion or None, "source": variable.source,
        "position": variable.position or None, "created_ns": variable.created_ns,
        "metadata": dict(variable.metadata) or None,
        "encoding": node.encoded[0] if node.encoded else None, "cut_from": cut_from,
    }  # fmt: skip
    return {key: value for key, value in parts.items() if value is not None}


def _alone(node: Described) -> tuple[str, bool]:
    assert node.encoded is not None
    encoding, payload = node.encoded
    if encoding == "bytes":
        return _as_text(node.encoded), False
    text = str(payload)
    if encoding == "text" and _is_utf8(text):
        return text, False
    return (text if encoding != "text" and _is_utf8(text) else dumps(_plain(node.encoded))), True


def _by_role(nodes: Sequence[Described]) -> dict[str, Any]:
    grouped: dict[str, list[Any]] = {}
    for node in nodes:
        assert node.encoded is not None
        grouped.setdefault(node.role, []).append(_plain(node.encoded))
    return {role: parts[0] if len(parts) == 1 else parts for role, parts in grouped.items()}


def _from_roles(data: Any, described: Sequence[Mapping[str, Any]]) -> list[Encoded]:
    if not isinstance(data, dict):
        raise ValueError(f"expected an object of roles; got {data!r:.60}")
    roles = [str(entry["role"]) for entry in described]
    places: dict[str, int] = {}
    found = []
    for entry, role in zip(described, roles, strict=True):
        place = places.get(role, 0)
        places[role] = place + 1
        try:
            plain = data[role] if roles.count(role) == 1 else data[role][place]
        except (KeyError, IndexError, TypeError):
            raise ValueError(f"expected a value for {role!r}, number {place + 1}") from None
        found.append(_encoded(str(entry["encoding"]), plain))
    return found


def _plain(encoded: Encoded) -> Any:
    """The value as JSON can hold it: tags for what JSON lacks, base64 for bytes."""
    encoding, payload = encoded
    if encoding == "text":
        return payload
    return _as_text(encoded) if encoding == "bytes" else json.loads(payload)


def _encoded(encoding: str, plain: Any) -> Encoded:
    if encoding in ("text", "bytes"):
        if not isinstance(plain, str):
            raise ValueError(f"expected text; got {plain!r:.60}")
        return encoding, base64.b64decode(plain) if encoding == "bytes" else plain
    if encoding not in ("json", "tagged"):
        raise ValueError(f"expected the encoding text, json, tagged or bytes; got {encoding!r}")
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    decode(encoding, to_bytes(text))  # tags that say nothing are refused here, not when it is read
    return encoding, text


def _as_text(encoded: Encoded) -> str:
    payload = encoded[1]
    return base64.b64encode(payload).decode("ascii") if isinstance(payload, bytes) else payload


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
