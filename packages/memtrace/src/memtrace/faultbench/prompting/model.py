"""The prompted model: a deterministic model that does what its prompts say, well or badly.

It finds the job of a request by the form of its data, as the simulated model does, takes all the
text around the data for instructions, and goes by them. Without a word about the form of the reply
it chats, and a program that wants numbers or JSON cannot read that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from lmcommon.llm.types import ChatRequest
from memtrace.faultbench.prompting.noting import kept_facts, kept_passages, limited
from memtrace.faultbench.prompting.querying import query_under, scores_under
from memtrace.faultbench.prompting.replying import reply_under
from memtrace.faultbench.prompting.types import Brief, Job
from memtrace.faultbench.prompting.understanding import brief_of
from memtrace.faultbench.prompting.updating import decided
from memtrace.faultbench.simulated.everos import everos_understanding
from memtrace.faultbench.simulated.judging import judge_rule
from memtrace.faultbench.simulated.model import simulated_model
from memtrace.testing.rules import Rule, RuleModel
from memtrace.testing.rules_everos import everos_rules
from memtrace.testing.rules_langmem import langmem_rules
from memtrace.testing.rules_mem0 import mem0_rules, spoken
from memtrace.testing.rules_rag import newest, rag_rules

__all__ = ["VERSION", "prompted_model"]

VERSION = "prompted-1"
"""Changes whenever a reply to some prompt changes: recorded runs name it."""

_SHORT = 6
"""Words of a shown answer, at most, that show by example that answers are short."""
_CUSTOM = re.compile(r"^## Custom Instructions\n(.*?)(?=\n\n#|\Z)", re.MULTILINE | re.DOTALL)
_DATA = re.compile(
    r"^(?:Earlier notes:|Passages:|Question to rewrite:|Input:)|^## Summary\n|"
    r"^\s*(?:Below is the current content of my memory|Current memory is empty)",
    re.MULTILINE,
)
_NOTE = re.compile(r"^(?:\[|[A-Z][\w-]*(?: said)?: )")
_QUESTION = "Question:"


def prompted_model(
    more: Sequence[Rule] = (), *, name: str = VERSION, remembers: bool = False
) -> RuleModel:
    """A model whose behaviour depends on the instructions in its prompts.

    With the prompts that come with memtrace and with Mem0 it replies as `simulated_model` does;
    requests whose instructions it does not read (judges, LangMem, EverOS) get that model's replies.

    Args:
        more: Rules for other prompts, tried first.
        name: Part of its identity: with other rules it needs another name.
        remembers: Whether it keeps the requests it was sent.
    """
    rules = (
        _under("mem0_extraction", "notes", _extraction, _noted),
        _under("mem0_update", "update", _decisions),
        _under("mem0_additive", "notes", _extraction, _noted),
        _under("summary", "notes", _summaries),
        _under("rerank", "rerank", _orders, _ordered),
        _under("rewrite", "rewrite", _queries, _queried),
        Rule("qa", _is_question, _answered),
    )
    return simulated_model((*more, *rules), name=name, remembers=remembers)


Make = Callable[[Brief], Sequence[Rule]]


def _under(
    name: str, job: Job, make: Make, chat: Callable[[Brief, str], str] | None = None
) -> Rule:
    """A rule of the name whose reply depends on what the prompt asks, and whether it chats."""

    def reply(request: ChatRequest) -> str:
        brief = _brief(request, job)
        text = _named(make(brief), name).reply(request)
        return chat(brief, text) if chat else text

    return Rule(name, _named((*mem0_rules(), *rag_rules()), name).matches, reply)


def _named(rules: Sequence[Rule], name: str) -> Rule:
    return next(rule for rule in rules if rule.name == name)


def _brief(request: ChatRequest, job: Job) -> Brief:
    """What the text around the data asks."""
    told = [one.content for one in request.messages if one.role == "system"]
    last = request.messages[-1].content
    if job == "qa":
        told += _around_question(last)
    elif found := _DATA.search(last):
        told.append(last[: found.start()])
    told += _CUSTOM.findall(last)
    return brief_of("\n".join(filter(None, told)), job)


def _around_question(message: str) -> list[str]:
    """What stands before the first note, and behind the question."""
    before, _, after = message.rpartition(_QUESTION)
    lines = before.splitlines()
    first = next((n for n, line in enumerate(lines) if _NOTE.match(line)), 0)
    return [*lines[:first], after.strip().partition("\n")[2]]


def _extraction(brief: Brief) -> tuple[Rule, ...]:
    def extract(dialogue: str) -> list[str]:
        facts = [
            f"{speaker}: {passage}" if speaker else passage
            for speaker, text in spoken(dialogue)
            for passage in kept_passages(text, brief)
        ]
        return limited(facts, brief)

    return mem0_rules(extract)


def _decisions(brief: Brief) -> tuple[Rule, ...]:
    def decide(facts: Sequence[str], memories: Sequence[Any]) -> list[dict[str, Any]]:
        return decided(facts, memories, brief)

    return mem0_rules(None, decide)


def _summaries(brief: Brief) -> tuple[Rule, ...]:
    def keep(lines: list[str], max_tokens: int) -> list[str]:
        facts = limited(kept_facts(lines, brief, dated=True), brief)
        return newest(facts, max_tokens) or ["Nothing of note."]

    return rag_rules(keep)


def _orders(brief: Brief) -> tuple[Rule, ...]:
    return rag_rules(score=lambda question, passages: scores_under(question, passages, brief))


def _queries(brief: Brief) -> tuple[Rule, ...]:
    return rag_rules(rewrite=lambda question: query_under(question, brief))


def _noted(brief: Brief, reply: str) -> str:
    is_asked = brief.is_worked or brief.asked.get("reply") == "json"
    return reply if is_asked else f"Here is what I noted from the messages: {reply[1:-1]}"


def _ordered(brief: Brief, reply: str) -> str:
    is_asked = brief.is_worked or brief.asked.get("reply") == "numbers"
    return reply if is_asked else f"I would begin with passage {reply.replace(', ', ', then ')}."


def _queried(brief: Brief, reply: str) -> str:
    is_asked = brief.is_worked or brief.asked.get("reply") == "bare"
    return reply if is_asked else f"Sure, here is a query that you could use: {reply}"


_OTHERS = (judge_rule(), *langmem_rules(), *everos_rules(everos_understanding()))


def _is_question(request: ChatRequest) -> bool:
    is_asked = _QUESTION in request.messages[-1].content
    return is_asked and not any(rule.matches(request) for rule in _OTHERS)


def _answered(request: ChatRequest) -> str:
    """The question is the line after its mark; all the rest of the message is context."""
    before, _, after = request.messages[-1].content.rpartition(_QUESTION)
    question, _, rest = after.strip().partition("\n")
    brief = _brief(request, "qa")
    shown = [one.content for one in request.messages if one.role == "assistant"]
    if shown and "form" not in brief.asked and len(shown[-1].split()) <= _SHORT:
        brief = Brief(job="qa", asked={**brief.asked, "form": "short"}, is_worked=brief.is_worked)
    return reply_under(f"{before}\n{rest}", question.strip(), brief)
