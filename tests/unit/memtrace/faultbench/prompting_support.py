"""Requests as the pipelines send them, for any instructions."""

from __future__ import annotations

from lmcommon.llm.types import ChatRequest, Message, Sampling
from memtrace.faultbench.prompting import prompted_model

__all__ = ["MEMORIES", "asked", "reply"]

MEMORIES = """Below is the current content of my memory which I have collected till now.

    ```
    {memories!r}
    ```

    The new retrieved facts are mentioned in the triple backticks. You have to analyze.

    ```
    {facts!r}
    ```
"""
_MODEL = prompted_model()


def asked(system: str, user: str, *shown: tuple[str, str]) -> ChatRequest:
    """A request: a system message, exchanges that were shown, the last message."""
    messages = [Message("system", system)] if system else []
    for said, replied in shown:
        messages += [Message("user", said), Message("assistant", replied)]
    return ChatRequest(
        messages=(*messages, Message("user", user)), sampling=Sampling(max_tokens=400)
    )


def reply(system: str, user: str, *shown: tuple[str, str]) -> str:
    """What the prompted model replies."""
    response = _MODEL.generate([asked(system, user, *shown)])[0]
    assert response.ok, response.failure
    return response.text
