"""Typed rows: conversations with questions (memtrace) and prompts with rubrics (rtt).

Every reader in `lmcommon.data` returns these. What a file says badly but recoverably is kept and
noted in `warnings`; what cannot be read is a `DataError` with file, row and field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lmcommon.judge.types import Rubric

__all__ = [
    "ChatMessage", "Conversation", "Question", "RubricPrompt", "Session", "Turn", "transcript",
]  # fmt: skip

ChatMessage = Mapping[str, str]
"""One message as chat templates read it: `{"role": "system" | "user" | "assistant", "content"}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message. Example: `Turn(id="D1:3", speaker="Ana", text="I moved to Oslo.")`."""

    id: str
    """Unique in its conversation; evidence points here."""
    speaker: str
    text: str
    caption: str | None = None
    """Description of a shared picture: some questions can only be answered from it."""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """Text plus caption: what a text-only memory system should ingest."""
        if self.caption is None:
            return self.text
        return f"{self.text} [shares a picture: {self.caption}]".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Turns of one sitting, in order."""

    id: str
    turns: tuple[Turn, ...]
    time: datetime | None = None
    """When it took place, without zone, as the data set gives it."""
    time_text: str = ""
    """The data set's own wording of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question about the conversation with its gold answer."""

    id: str
    text: str
    answer: str | None
    """Gold answer; None when the right behaviour is to abstain."""
    evidence: tuple[str, ...] = ()
    """Ids of the turns (or of the sessions, see `evidence_unit`) that hold the answer."""
    evidence_unit: str = "turn"
    category: str = ""
    time: datetime | None = None
    """When the question is asked; None: after the last session."""
    asked_in: str | None = None
    """Turn id before which it is asked: a system may see only what came earlier."""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_answerable(self) -> bool:
        """Whether there is an answer in the conversation."""
        return self.answer is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A history of sessions, and the questions asked about it."""

    id: str
    sessions: tuple[Session, ...]
    questions: tuple[Question, ...] = ()
    source: str = ""
    warnings: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns, in order."""
        return tuple(turn for session in self.sessions for turn in session.turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricPrompt:
    """A task with its rubric: the input of rtt.

    Example:
        `RubricPrompt(id="7", prompt="Name a river.", rubric=Rubric((...,)))`. One that goes on with
        a conversation has `metadata={"messages": [{"role": "system", "content": "Hurry."}, ...]}`
        and its `transcript` as the prompt.
    """

    id: str
    prompt: str
    """The whole task as text, constraints included: what a judge is shown, and what a policy
    without a chat template is. Of a conversation: its transcript."""
    rubric: Rubric
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def messages(self) -> list[dict[str, str]]:
        """What a chat template is given, up to where the response begins.

        `metadata["messages"]` where the prompt is a conversation; else one message of the user.
        """
        given = self.metadata.get("messages")
        if not given:
            return [{"role": "user", "content": self.prompt}]
        return [{"role": one["role"], "content": one["content"]} for one in given]


def transcript(messages: Sequence[ChatMessage]) -> str:
    r"""A conversation as text for a reader: each message below the name of its role.

    A single message of the user is its content alone, so a plain prompt is its own transcript.

    Example:
        `transcript([{"role": "system", "content": "Hurry."}, {"role": "user", "content": "Hi"}])`
        is `"[system]\nHurry.\n\n[user]\nHi"`.
    """
    if len(messages) == 1 and messages[0]["role"] == "user":
        return messages[0]["content"]
    return "\n\n".join(f"[{one['role']}]\n{one['content']}" for one in messages)
