"""Requests in every form that the reflection model reads, and what it replies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lmcommon.llm.types import ChatRequest, Message, Role, Sampling
from memtrace.faultbench.prompting import reflection_model

__all__ = ["SUMMARY", "asked", "example", "gepa", "proposed", "said", "tagged"]

SUMMARY = """### system
You keep notes of a conversation. {} Write plain sentences, nothing else.
### user
Earlier notes:
{{summary}}

Older messages:
{{dropped}}"""

_GEPA = """I provided an assistant with the following instructions to perform a task for me:
```
{current}
```

The following are examples of different task inputs provided to the assistant along with the \
assistant's response for each of them, and some feedback on how the assistant's response could be \
better:
```
{examples}
```

Your task is to write a new instruction for the assistant.

Read the inputs carefully and identify the input format and infer detailed task description about \
the task I wish to solve with the assistant.

Provide the new instructions within ``` blocks."""
_MODEL = reflection_model()
_FENCED = re.compile(r"```\n(.*)\n```", re.DOTALL)
_TAGGED = re.compile(r"<prompt>\n(.*)\n</prompt>", re.DOTALL)


def said(*messages: tuple[Role, str]) -> str:
    """The reply to some messages."""
    request = asked(*messages)
    response = _MODEL.generate([request])[0]
    assert response.ok, response.failure
    return response.text


def asked(*messages: tuple[Role, str]) -> ChatRequest:
    """The request itself."""
    return ChatRequest(
        messages=tuple(Message(role, text) for role, text in messages),
        sampling=Sampling(max_tokens=4000),
    )


def example(number: int, sections: Mapping[str, str]) -> str:
    """One example, its sections under headings."""
    told = "".join(f"## {heading}\n{text}\n\n" for heading, text in sections.items())
    return f"# Example {number}\n{told}"


def gepa(current: str, examples: Sequence[Mapping[str, str]]) -> str:
    """What GEPA's own template asks."""
    shown = "\n\n".join(example(number, one) for number, one in enumerate(examples, 1))
    return _GEPA.format(current=current, examples=shown)


def tagged(current: str, examples: Sequence[Mapping[str, str]], rules: str) -> str:
    """The same with the prompt between tags, and rules."""
    shown = "\n\n".join(example(number, one) for number, one in enumerate(examples, 1))
    return f"Improve this prompt.\n\n<prompt>\n{current}\n</prompt>\n\n{rules}\n\n{shown}"


def proposed(reply: str) -> str:
    """The new text in a reply."""
    found = _TAGGED.search(reply) or _FENCED.search(reply)
    assert found is not None, reply
    return found[1]
