"""Rules for LangMem's model calls: record each statement, patch what it changes, remove on request.

They read the prompt as LangMem and trustcall write it: the session inside `<session_...>`, known
memories as `<instance id=...>`, tools as JSON lines.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from lmcommon.llm.types import ChatRequest
from memtrace.testing.rules import Rule, content_words

__all__ = ["langmem_rules"]

_SESSION = re.compile(r"<session_[^>]+>(.*?)</session_", re.DOTALL)
_INSTANCE = re.compile(r"<instance id=(\S+) schema_type=\"Memory\">\n(.*?)\n</instance>", re.DOTALL)
_LINE = re.compile(r"^(?:\[[^\]]*\] )?\w+: .+$", re.MULTILINE)
_FORGET = re.compile(r"\b(forget|no longer|never mind)\b", re.IGNORECASE)
_ALIKE = 0.6
"""Share of a statement's content words that a memory must hold to be about the same."""


def langmem_rules() -> tuple[Rule, ...]:
    """One rule: the call that turns a session into tool calls."""
    return (Rule("langmem", lambda r: _SESSION.search(_all(r)) is not None, _recorded),)


def _all(request: ChatRequest) -> str:
    return "\n".join(message.content for message in request.messages)


def _recorded(request: ChatRequest) -> str:
    text = _all(request)
    session = _SESSION.search(text)
    assert session is not None
    known = {key: ast.literal_eval(shown)["content"] for key, shown in _INSTANCE.findall(text)}
    calls: list[dict[str, Any]] = []
    for line in _LINE.findall(session[1]):
        if line.endswith("?"):
            continue
        same = _same(line, known)
        if _FORGET.search(line):
            if same and '"RemoveDoc"' in text:
                calls.append({"name": "RemoveDoc", "args": {"json_doc_id": same}})
                known.pop(same)
        elif same:
            calls.append(_patch(same, line))
            known.pop(same)
        else:
            calls.append({"name": "Memory", "args": {"content": line}})
    return json.dumps({"calls": calls}, ensure_ascii=False)


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


def _patch(key: str, line: str) -> dict[str, Any]:
    edit = {"op": "replace", "path": "/content", "value": line}
    args = {"json_doc_id": key, "planned_edits": "Newer words.", "patches": [edit]}
    return {"name": "PatchDoc", "args": args}
