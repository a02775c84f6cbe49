"""Rules for LangMem's model calls: record each statement, patch what it changes, remove on request.

They read the prompt as LangMem and trustcall write it: the session inside `<session_...>`, known
memories as `<instance id=...>`, tools as JSON lines.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from typing import Any

from lmcommon.llm.types import ChatRequest
from memtrace.testing.rules import Rule, content_words

__all__ = ["Record", "added", "langmem_rules", "patched", "removed"]

_SESSION = re.compile(r"<session_[^>]+>(.*?)</session_", re.DOTALL)
_INSTANCE = re.compile(r"<instance id=(\S+) schema_type=\"Memory\">\n(.*?)\n</instance>", re.DOTALL)
_LINE = re.compile(r"^(?:\[[^\]]*\] )?\w+: .+$", re.MULTILINE)
_FORGET = re.compile(r"\b(forget|no longer|never mind)\b", re.IGNORECASE)
_ALIKE = 0.6
"""Share of a statement's content words that a memory must hold to be about the same."""


Record = Callable[[list[str], dict[str, str], bool], list[dict[str, Any]]]
"""From the lines of a session, the memories shown by id, and whether memories can be removed, to
tool calls."""


def langmem_rules(record: Record | None = None) -> tuple[Rule, ...]:
    """One rule: the call that turns a session into tool calls.

    Args:
        record: Decides on the calls; None: by words in common.
    """
    decide = record or _recorded
    return (
        Rule(
            "langmem", lambda r: _SESSION.search(_all(r)) is not None,
            lambda r: json.dumps({"calls": decide(*_shown(r))}, ensure_ascii=False),
        ),
    )  # fmt: skip


def added(text: str) -> dict[str, Any]:
    """The call that records a memory."""
    return {"name": "Memory", "args": {"content": text}}


def patched(key: str, text: str) -> dict[str, Any]:
    """The call that gives a memory another text."""
    edit = {"op": "replace", "path": "/content", "value": text}
    args = {"json_doc_id": key, "planned_edits": "Newer words.", "patches": [edit]}
    return {"name": "PatchDoc", "args": args}


def removed(key: str) -> dict[str, Any]:
    """The call that removes a memory."""
    return {"name": "RemoveDoc", "args": {"json_doc_id": key}}


def _all(request: ChatRequest) -> str:
    return "\n".join(message.content for message in request.messages)


def _shown(request: ChatRequest) -> tuple[list[str], dict[str, str], bool]:
    text = _all(request)
    session = _SESSION.search(text)
    assert session is not None
    known = {key: ast.literal_eval(shown)["content"] for key, shown in _INSTANCE.findall(text)}
    return _LINE.findall(session[1]), known, '"RemoveDoc"' in text


def _recorded(lines: list[str], known: dict[str, str], can_remove: bool) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    for line in lines:
        if line.endswith("?"):
            continue
        same = _same(line, known)
        if _FORGET.search(line):
            if same and can_remove:
                calls.append(removed(same))
                known.pop(same)
        elif same:
            calls.append(patched(same, line))
            known.pop(same)
        else:
            calls.append(added(line))
    return calls


def _same(line: str, known: dict[str, str]) -> str | None:
    """The memory that is about the same thing, if there is one."""
    words = content_words(_said(line)) - content_words("forget no longer never mind")
    shares = {
        key: len(words & content_words(text)) / max(1, len(words)) for key, text in known.items()
    }
    best = max(shares, key=lambda key: shares[key], default=None)
    return best if best is not None and shares[best] >= _ALIKE else None


def _said(line: str) -> str:
    return line.partition(": ")[2]
