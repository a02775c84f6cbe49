"""What Mem0 reads in a model's reply, and the reply that makes it read something else.

Mem0 parses replies inside long methods and says nothing of what it drops. The same steps, with the
package's own functions, are taken here on the same text, so that facts and decisions become values
of the trace; when a replay changes them, a reply is written that Mem0 reads as the change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from memtrace.memory.mem0.types import Found, Parsed

__all__ = [
    "additive_reply", "classic_reply", "parse_decisions", "parse_facts", "parse_memories",
    "planned_additions", "reply_of_decisions",
]  # fmt: skip


def _loaded(main: Any, reply: str) -> Any:
    """The JSON value of a reply, found as Mem0 finds it; None for an empty reply."""
    cleaned = main.remove_code_blocks(reply)
    if not cleaned or not cleaned.strip():
        return None
    try:
        return json.loads(cleaned, strict=False)
    except json.JSONDecodeError:
        return json.loads(main.extract_json(reply), strict=False)


def parse_facts(main: Any, reply: str) -> Parsed:
    """The facts of a classic extraction."""
    try:
        loaded = _loaded(main, reply)
        raw = [] if loaded is None else loaded["facts"]
        # Releases before 1.0.7 take the facts as they come.
        facts = list(getattr(main, "normalize_facts", list)(raw))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        return Parsed([], error=f"{type(error).__name__}: {error}")
    if isinstance(raw, list) and len(raw) > len(facts):
        return Parsed(facts, [f"{len(raw) - len(facts)} of {len(raw)} facts have no text"])
    return Parsed(facts)


def parse_memories(main: Any, reply: str) -> Parsed:
    """The memories of an additive extraction: objects with a text."""
    try:
        loaded = _loaded(main, reply)
        raw = [] if loaded is None else loaded.get("memory", [])
        listed = list(raw or [])
    except (ValueError, TypeError, AttributeError) as error:
        return Parsed([], error=f"{type(error).__name__}: {error}")
    kept: list[Any] = []
    dropped: list[str] = []
    for one in listed:
        if not isinstance(one, dict):
            return Parsed([], error=f"expected objects with a text; got {one!r}")
        if isinstance(one.get("text"), str) and one["text"]:
            kept.append(one)
        else:
            dropped.append(f"no text: {one!r}")
    return Parsed(kept, dropped)


def planned_additions(texts: Sequence[str], known: Collection[str]) -> Parsed:
    """What the additive line writes: every text whose digest it does not know.

    Args:
        texts: Extracted memories.
        known: Digests of the memories that its search found.
    """
    seen = set(known)
    rows, dropped = [], []
    for text in texts:
        digest = hashlib.md5(
            text.encode("utf-8", "surrogatepass"), usedforsecurity=False
        ).hexdigest()
        if digest in seen:
            dropped.append(f"duplicate: {text}")
            continue
        seen.add(digest)
        rows.append(_row("ADD", None, text))
    return Parsed(rows, dropped)


def parse_decisions(main: Any, reply: str, similar: Sequence[Found], prefix: str) -> Parsed:
    """What a classic update reply makes Mem0 write.

    Args:
        main: The module `mem0.memory.main`.
        reply: What the model said.
        similar: The memories it was shown, in the order of their numbers.
        prefix: What items of the trace put in front of Mem0's ids.
    """
    if not reply.strip():
        return Parsed([], error="the reply is empty")
    try:
        listed = list(_loaded(main, reply).get("memory", []))
    except (ValueError, TypeError, AttributeError) as error:
        return Parsed([], error=f"{type(error).__name__}: {error}")
    items = {str(number): f"{prefix}{one.id}" for number, one in enumerate(similar)}
    rows, dropped = [], []
    for one in listed:
        row, why = _decided(one, items)
        if row is not None:
            rows.append(row)
        else:
            dropped.append(why)
    return Parsed(rows, dropped)


def _decided(one: Any, items: Mapping[str, str]) -> tuple[dict[str, Any] | None, str]:
    """The write of one decision, or why Mem0 writes nothing."""
    if not isinstance(one, dict):
        return None, f"no object: {one!r}"
    text, event, number = one.get("text"), one.get("event"), one.get("id")
    if not text:
        return None, f"no text: {one!r}"
    if event == "NONE":
        return None, f"unchanged: {text}"
    if event not in ("ADD", "UPDATE", "DELETE"):
        return None, f"unknown event: {one!r}"
    if event != "DELETE" and not isinstance(text, str):
        return None, f"text is no string: {one!r}"
    if event == "ADD":
        return _row("ADD", None, text), ""
    if not isinstance(number, str) or number not in items:
        return None, f"unknown id {number!r}: {one!r}"
    return _row(event, items[number], str(text)), ""


def classic_reply(facts: Iterable[str]) -> str:
    """A reply in which classic Mem0 reads these facts."""
    return json.dumps({"facts": list(facts)}, ensure_ascii=False)


def additive_reply(texts: Iterable[str], read: Iterable[Mapping[str, Any]]) -> str:
    """A reply in which additive Mem0 reads these texts, as they were read where they were."""
    known = {one["text"]: one for one in read}
    listed = [dict(known.get(text, {"text": text})) for text in texts]
    return json.dumps({"memory": listed}, ensure_ascii=False)


def reply_of_decisions(rows: Iterable[Mapping[str, Any]], numbers: Mapping[str, str]) -> str:
    """A reply by which classic Mem0 does these writes.

    Args:
        rows: Writes; those of items without a number cannot be said.
        numbers: Of the items that the model was shown.
    """
    listed = []
    for place, row in enumerate(rows):
        number = f"new-{place}" if row["item"] is None else numbers[row["item"]]
        # Mem0 drops a deletion without a text.
        listed.append({"id": number, "text": row["text"] or "-", "event": row["event"]})
    return json.dumps({"memory": listed}, ensure_ascii=False)


def _row(event: str, item: str | None, text: str) -> dict[str, Any]:
    return {"event": event, "item": item, "text": text}
