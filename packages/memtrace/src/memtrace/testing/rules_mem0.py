"""Rules that answer Mem0's prompts: they read what is sent, so a change upstream reaches the reply.

Extraction (both lines): every sentence of the new messages is a fact, with its speaker in front.
Update (classic): a fact that says "no longer" deletes the memory most like it, one that shares
half of its words with a memory replaces it, the same text changes nothing, anything else is added.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lmcommon.llm.types import ChatRequest
from memtrace.testing.rules import Rule, content_words

__all__ = ["mem0_rules"]

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_LINE = re.compile(r"^(?:user|assistant|system): (?:\[[^\]]*\] )?(?:(\w+): )?(.+)$")
_FENCED = re.compile(r"```\n\s*(.*?)\n\s*```", re.DOTALL)
_FACTS = "The new retrieved facts are mentioned in the triple backticks."
_MEMORY = "Below is the current content of my memory"
_ALIKE = 0.5
"""Share of the shorter text's words that makes two texts say the same thing."""


def mem0_rules() -> tuple[Rule, ...]:
    """The rules of both lines: extraction, update, additive extraction."""
    return (
        Rule("mem0_extraction", lambda r: r.messages[-1].content.startswith("Input:\n"), _facts),
        Rule("mem0_update", lambda r: _FACTS in r.messages[-1].content, _decisions),
        Rule("mem0_additive", lambda r: "## New Messages\n" in r.messages[-1].content, _memories),
    )


def _sentences(dialogue: str) -> list[str]:
    """The sentences of rendered messages, each with its speaker."""
    found = []
    for line in dialogue.splitlines():
        read = _LINE.match(line)
        if read is None:
            continue
        speaker, text = read.groups()
        for sentence in _SENTENCE.split(text.strip()):
            if content_words(sentence):
                found.append(f"{speaker}: {sentence}" if speaker else sentence)
    return found


def _facts(request: ChatRequest) -> str:
    return _json({"facts": _sentences(request.messages[-1].content)})


def _memories(request: ChatRequest) -> str:
    _, _, after = request.messages[-1].content.partition("## New Messages\n")
    said, _, _ = after.partition("\n## ")
    return _json({
        "memory": [
            {"id": str(number), "text": text, "attributed_to": "user"}
            for number, text in enumerate(_sentences(said))
        ]
    })  # fmt: skip


def _decisions(request: ChatRequest) -> str:
    before, _, after = request.messages[-1].content.partition(_FACTS)
    facts: list[str] = _literal(after)
    memories: list[dict[str, str]] = []
    if _MEMORY in before:
        memories = _literal(before.rpartition(_MEMORY)[2])
    return _json({"memory": [_decision(fact, memories, n) for n, fact in enumerate(facts)]})


def _decision(fact: str, memories: Sequence[Mapping[str, str]], number: int) -> dict[str, Any]:
    words = content_words(fact) - {"no", "longer"}
    best: Mapping[str, str] | None = None
    likeness = 0.0
    for memory in memories:
        held = content_words(memory["text"])
        shared = len(words & held) / max(1, min(len(words), len(held)))
        if shared > likeness:
            best, likeness = memory, shared
    if best is None or likeness < _ALIKE:
        return {"id": f"new-{number}", "text": fact, "event": "ADD"}
    if best["text"] == fact:
        return {"id": best["id"], "text": fact, "event": "NONE"}
    event = "DELETE" if "no longer" in fact else "UPDATE"
    text = best["text"] if event == "DELETE" else fact
    return {"id": best["id"], "text": text, "event": event, "old_memory": best["text"]}


def _literal(text: str) -> Any:
    """The list between the first fences, as Python wrote it."""
    found = _FENCED.search(text)
    return [] if found is None else ast.literal_eval(found.group(1))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
