"""A prompt as the messages of a chat: lines `### system`, `### user`, `### assistant` part them.

In: a `Prompt` all of whose placeholders stand in its last message. Out: messages, filled. Values
are put into a message after the template was cut, so no text of a conversation can open one.
"""

from __future__ import annotations

import re

from lmcommon.errors import UserError
from lmcommon.llm.types import Message, Role
from lmcommon.prompt import Prompt

__all__ = ["ChatTemplate"]

_ROLE = re.compile(r"^### (system|user|assistant)\n", re.MULTILINE)


class ChatTemplate:
    """A prompt cut into messages.

    Args:
        prompt: Its last message must come from the user and hold all placeholders.
    """

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        pieces = _ROLE.split(prompt.text)
        roles: list[Role] = pieces[1::2]  # type: ignore[assignment]
        texts = [piece.strip("\n") for piece in pieces[2::2]]
        if not roles or pieces[0].strip() or roles[-1] != "user":
            raise UserError(
                f"prompt {prompt.name!r}: expected messages that start with '### system', "
                "'### user' or '### assistant', the last one from the user; got roles "
                f"{roles}"
            )
        self._head = tuple(
            Message(role, text) for role, text in zip(roles[:-1], texts[:-1], strict=True)
        )
        self._last = Prompt(prompt.name, texts[-1], prompt.fields)

    def fill(self, **values: str) -> tuple[Message, ...]:
        """The messages, with a value for each placeholder."""
        return (*self._head, Message("user", self._last.fill(**values)))
