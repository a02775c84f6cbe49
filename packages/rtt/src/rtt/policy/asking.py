"""How a policy is asked: a prompt or a conversation, through the chat template or as plain text.

In: a prompt, a tokenizer. Out: the text that the response goes on from. Rollouts, training,
baselines and the data sets of TRL and verl all come through here, so a policy sees the same tokens
everywhere. A template that knows no system message is given it at the head of the user's message
that follows, so that nothing of the task is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lmcommon.data.types import ChatMessage, RubricPrompt, transcript
from lmcommon.errors import UserError

__all__ = ["Asked", "asked", "chat_text", "fold_system", "has_system", "plain_text", "takes_system"]

Asked = str | Sequence[ChatMessage]
"""A message of the user, or a conversation up to where the response begins."""

_MARK = "a-system-message"


def asked(prompt: RubricPrompt) -> Asked:
    """What a policy is asked: the text of a plain prompt, the messages of a conversation."""
    return prompt.messages if prompt.metadata.get("messages") else prompt.prompt


def plain_text(given: Asked) -> str:
    """For a policy without a chat template: the text, or the transcript of a conversation."""
    return given if isinstance(given, str) else transcript(given)


def chat_text(tokenizer: Any, given: Asked) -> str:
    """The text of a chat policy, up to where the response begins.

    Raises:
        UserError: The template refuses these messages, with the system message or without.
    """
    from jinja2 import TemplateError

    messages = _messages(given)
    if has_system(messages) and not takes_system(tokenizer):
        messages = fold_system(messages)
    try:
        text: str = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
    except TemplateError as error:
        roles = ", ".join(one["role"] for one in messages)
        raise UserError(
            f"policy: expected a chat template that takes messages of {roles}; it says: {error}; "
            "set policy.chat=false to show the transcript as plain text, or leave the prompt out"
        ) from error
    return text


def has_system(messages: Sequence[ChatMessage]) -> bool:
    """Whether there is a system message."""
    return any(one["role"] == "system" for one in messages)


def takes_system(tokenizer: Any) -> bool:
    """Whether the chat template shows a system message, and neither refuses nor drops it."""
    from jinja2 import TemplateError

    probe = [{"role": "system", "content": _MARK}, {"role": "user", "content": "?"}]
    try:
        text = tokenizer.apply_chat_template(probe, tokenize=False, add_generation_prompt=True)
    except TemplateError:
        return False
    return _MARK in text


def fold_system(messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
    """The same conversation with each system message at the head of the user's next one."""
    folded: list[dict[str, str]] = []
    waiting: list[str] = []
    for one in messages:
        if one["role"] == "system":
            waiting.append(one["content"])
        elif one["role"] == "user":
            folded.append({"role": "user", "content": "\n\n".join([*waiting, one["content"]])})
            waiting = []
        else:
            folded.append(dict(one))
    if waiting:
        folded.append({"role": "user", "content": "\n\n".join(waiting)})
    return folded


def _messages(given: Asked) -> list[dict[str, str]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return [dict(one) for one in given]
