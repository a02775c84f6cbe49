"""The reflection model: plays the language model that rewrites prompts.

It sees the request and nothing else, and understands English as far as the prompted model does.
Where an example shows what came in, what went out and what was wanted, it knows what to change;
where it does not, it does something plausible. `reading` says which requests it knows.
"""

from __future__ import annotations

import hashlib
import random

from lmcommon.llm.types import ChatRequest
from memtrace.faultbench.prompting.reflecting.editing import Editor
from memtrace.faultbench.prompting.reflecting.feedback import feedback_on, merged
from memtrace.faultbench.prompting.reflecting.reading import request_of
from memtrace.faultbench.prompting.reflecting.types import Request
from memtrace.testing.rules import Rule, RuleModel

__all__ = ["VERSION", "reflection_model"]

VERSION = "reflection-1"
"""Changes whenever a reply to some request changes: recorded runs name it."""


def reflection_model(*, name: str = VERSION, remembers: bool = False) -> RuleModel:
    """A deterministic model that rewrites prompts, and gives and merges feedback on them.

    Args:
        name: Part of its identity.
        remembers: Whether it keeps the requests it was sent.
    """
    rule = Rule("reflect", lambda request: request_of(request) is not None, _reflected)
    return RuleModel((rule,), name=name, remembers=remembers)


def _reflected(request: ChatRequest) -> str:
    asked = request_of(request)
    assert asked is not None
    rng = random.Random(hashlib.sha256(asked.text.encode()).digest())
    if asked.task == "feedback":
        return feedback_on(asked, rng)
    if asked.task == "aggregate":
        return merged(asked)
    text = Editor(asked, rng).rewritten()
    return _framed(asked, text)


def _framed(asked: Request, text: str) -> str:
    if asked.is_tagged:
        return f"Here is the new text.\n<prompt>\n{text}\n</prompt>"
    return f"Here is the new text.\n```\n{text}\n```"
