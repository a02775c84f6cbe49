"""Rules that answer Mem0's prompts: they read what is sent, so a change upstream reaches the reply.

Extraction (both lines): every sentence of the new messages is a fact, with its speaker in front.
Update (classic): a fact that says "no longer" deletes the memory most like it, one that shares
half of its words with a memory replaces it, the same text changes nothing, anything else is added.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmcommon.llm.types import ChatRequest
from memtrace.testing.rules import Rule, content_words

__all__ = ["Decide", "Extract", "mem0_rules", "spoken"]

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_LINE = re.compile(r"^(?:user|assistant|system): (?:\[[^\]]*\] )?(?:(\w+): )?(.+)$")
_FENCED = re.compile(r"```\n\s*(.*?)\n\s*```", re.DOTALL)
_FACTS = "The new retrieved facts are mentioned in the triple backticks."
_MEMORY = "Below is the current content of my memory"
_ALIKE = 0.5
"""Share of the shorter text's words that makes two texts say the same thing."""


Extract = Callable[[str], list[str]]
"""From rendered messages to facts."""
Decide = Callable[[Sequence[str], Sequence[Mapping[str, str]]], list[dict[str, Any]]]
"""From new facts and the memories shown (`id`, `text`) to events."""


def mem0_rules(extract: Extract | None = None, decide: Decide | None = None) -> tuple[Rule, ...]:
    """The rules of both lines: extraction, update, additive extraction.

    Args:
        extract: Finds the facts in rendered messages; None: every sentence.
        decide: Decides on the events; None: by words in common.
    """
    extract, decide = extract or _sentences, decide or _events
    return (
        Rule(
            "mem0_extraction", lambda r: r.messages[-1].content.startswith("Input:\n"),
            lambda r: _json({"facts": extract(r.messages[-1].content)}),
        ),
        Rule(
            "mem0_update", lambda r: _FACTS in r.messages[-1].content,
            lambda r: _json({"memory": decide(*_shown(r))}),
        ),
        Rule(
            "mem0_additive", lambda r: "## New Messages\n" in r.messages[-1].content,
            lambda r: _memories(extract(_new_messages(r))),
        ),
    )  # fmt: skip


def spoken(dialogue: str) -> list[tuple[str, str]]:
    """Speaker (or nothing) and text of each rendered message."""
    read = (_LINE.match(line) for line in dialogue.splitlines())
    return [(found[1] or "", found[2].strip()) for found in read if found]


def _sentences(dialogue: str) -> list[str]:
    """The sentences of rendered messages, each with its speaker."""
    return [
        f"{speaker}: {sentence}" if speaker else sentence
        for speaker, text in spoken(dialogue)
        for sentence in _SENTENCE.split(text)
        if content_words(sentence)
    ]


def _new_messages(request: ChatRequest) -> str:
    _, _, after = request.messages[-1].content.partition("## New Messages\n")
    return after.partition("\n## ")[0]


def _memories(facts: Sequence[str]) -> str:
    return _json({
        "memory": [
            {"id": str(number), "text": text, "attributed_to": "user"}
            for number, text in enumerate(facts)
        ]
    })  # fmt: skip


def _shown(request: ChatRequest) -> tuple[list[str], list[dict[str, str]]]:
    """The new facts, and the memories they are to be compared with."""
    before, _, after = request.messages[-1].content.partition(_FACTS)
    memories = _literal(before.rpartition(_MEMORY)[2]) if _MEMORY in before else []
    return _literal(after), memories


def _events(facts: Sequence[str], memories: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    return [_decision(fact, memories, number) for number, fact in enumerate(facts)]


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
