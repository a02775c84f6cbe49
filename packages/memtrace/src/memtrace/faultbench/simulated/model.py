"""The simulated model: one rule a prompt, each answering from the text in that prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lmcommon.llm.types import ChatRequest
from memtrace.faultbench.simulated.answering import answered
from memtrace.faultbench.simulated.everos import everos_understanding
from memtrace.faultbench.simulated.judging import judge_rule
from memtrace.faultbench.simulated.remembering import changes_for, facts_in, passages
from memtrace.faultbench.simulated.searching import helpfulness, query_for
from memtrace.testing.rules import Rule, RuleModel
from memtrace.testing.rules_everos import everos_rules
from memtrace.testing.rules_langmem import added, langmem_rules, patched, removed
from memtrace.testing.rules_mem0 import mem0_rules, spoken
from memtrace.testing.rules_rag import newest, rag_rules

__all__ = ["VERSION", "simulated_model"]

VERSION = "simulated-1"
"""Changes whenever a reply to some prompt changes: recorded benches name it."""


def simulated_model(
    more: Sequence[Rule] = (), *, name: str = VERSION, remembers: bool = False
) -> RuleModel:
    """A deterministic model that reads what it is sent, for every pipeline of memtrace.

    It understands the language of the generated conversations, as any language model understands
    English, and knows nothing else: no ledger, no seed, no gold answer. A prompt that it does not
    know is a failed call.

    Args:
        more: Rules for other prompts, tried first.
        name: Part of its identity: with other rules it needs another name.
        remembers: Whether it keeps the requests it was sent.
    """
    rules = (
        *more,
        *mem0_rules(_extracted, _decided),
        *langmem_rules(_recorded),
        *everos_rules(everos_understanding()),
        *rag_rules(_summarised, helpfulness, query_for),
        judge_rule(),
        Rule("answer", lambda r: "Question:" in r.messages[-1].content, _answer),
    )
    return RuleModel(rules, name=name, remembers=remembers)


def _answer(request: ChatRequest) -> str:
    """The question is the line after its mark; all the rest of the message is context."""
    before, _, after = request.messages[-1].content.rpartition("Question:")
    question, _, rest = after.strip().partition("\n")
    return answered(f"{before}\n{rest}", question.strip())


def _extracted(dialogue: str) -> list[str]:
    """Mem0: the facts of new messages."""
    return [
        f"{speaker}: {passage}" if speaker else passage
        for speaker, text in spoken(dialogue)
        for passage in passages(text)
    ]


def _decided(facts: Sequence[str], memories: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Mem0: what new facts do to the memories shown."""
    known = {memory["id"]: memory["text"] for memory in memories}
    events: list[dict[str, Any]] = []
    for number, fact in enumerate(facts):
        for change in changes_for(fact, known):
            row = {"id": change.id or f"new-{number}", "text": change.text, "event": change.event}
            if change.event in ("UPDATE", "DELETE"):
                row["old_memory"] = known.pop(change.id)
            events.append(row)
    return events


def _recorded(lines: list[str], known: dict[str, str], can_remove: bool) -> list[dict[str, Any]]:
    """LangMem: tool calls for the lines of a session."""
    known, calls = dict(known), list[dict[str, Any]]()
    for fact in facts_in("\n".join(lines), dated=True):
        for change in changes_for(fact, known):
            if change.event == "ADD":
                calls.append(added(change.text))
            elif change.event == "UPDATE":
                calls.append(patched(change.id, change.text))
                known.pop(change.id)
            elif change.event == "DELETE" and can_remove:
                calls.append(removed(change.id))
                known.pop(change.id)
    return calls


def _summarised(lines: list[str], max_tokens: int) -> list[str]:
    """Long-Context: earlier notes and older messages in short, the newest facts if not all fit."""
    return newest(facts_in("\n".join(lines), dated=True), max_tokens) or ["Nothing of note."]
