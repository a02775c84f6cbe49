"""A model made of rules: deterministic, instant, and it really reads what it is sent.

Each rule knows one sort of prompt by its wording and answers from the text in it, so that a change
anywhere upstream reaches the reply. It makes real memory systems run without a language model, in
tests and dry runs. The rules of a system lie beside this file (`rules_mem0`, `rules_everos`, ...).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest, ModelFailure

__all__ = ["Rule", "RuleModel", "answer_rule", "content_words", "rule_model"]

_WORD = re.compile(r"[A-Za-z0-9]+")
_EMPTY = frozenset(
    _WORD.findall(
        "a an and are as at be by did do does for from had has have he her his how i in is it its "
        "many me much my of on or our she so that the their they this to was we were what when "
        "where which who why will with you your"
    )
)


@dataclass(frozen=True, slots=True)
class Rule:
    """How one sort of prompt is recognised and answered.

    Example: `Rule("upper", lambda r: "SHOUT" in r.messages[0].content, lambda r: "HI")`
    """

    name: str
    matches: Callable[[ChatRequest], bool]
    reply: Callable[[ChatRequest], str]


class RuleModel(ScriptedModel):
    """Answers with the first rule that matches; a prompt no rule knows is a failed call.

    Args:
        rules: In the order they are tried; `answer_rule` comes last by itself.
        name: Part of the identity: models of different rules need different names.
        remembers: As in `ScriptedModel`.
    """

    def __init__(
        self, rules: Sequence[Rule] = (), *, name: str = "rules", remembers: bool = True
    ) -> None:
        self._rules = (*rules, answer_rule())
        super().__init__(self._by_rule, name=name, remembers=remembers)

    def _by_rule(self, request: ChatRequest) -> str | ModelFailure:
        for rule in self._rules:
            if rule.matches(request):
                return rule.reply(request)
        shown = request.messages[-1].content[:200]
        return ModelFailure(kind="internal", message=f"no rule knows this prompt: {shown!r}")


def rule_model() -> RuleModel:
    """The model that knows the prompts of every memory system that comes with memtrace."""
    from memtrace.testing.rules_everos import everos_rules  # they are written with those here
    from memtrace.testing.rules_langmem import langmem_rules
    from memtrace.testing.rules_mem0 import mem0_rules
    from memtrace.testing.rules_rag import rag_rules

    rules = (*mem0_rules(), *everos_rules(), *langmem_rules(), *rag_rules())
    return RuleModel(rules, name="all-rules")


def answer_rule() -> Rule:
    """The question-answering prompt: says the line of the context most like the question."""
    return Rule("answer", lambda r: "Question:" in r.messages[-1].content, _answered)


def content_words(text: str) -> frozenset[str]:
    """The words of a text that say something, in lower case."""
    return frozenset(word for word in map(str.lower, _WORD.findall(text)) if word not in _EMPTY)


def _answered(request: ChatRequest) -> str:
    before, _, after = request.messages[-1].content.rpartition("Question:")
    wanted = content_words(after)
    best, score = "I do not know.", 0
    for line in before.splitlines():
        shared = len(wanted & content_words(line))
        if shared > score:
            best, score = line.strip(), shared
    return best
