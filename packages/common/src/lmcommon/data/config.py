"""Configuration of data sets: one dataclass a set, each with `build()` that returns its rows.

`CONVERSATION_SCHEMAS` and `PROMPT_SCHEMAS` are the options of the group `data` for verbs that
read conversations (memtrace) and prompts with rubrics (rtt); `DATA_SCHEMAS` is both.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from lmcommon.data.checks import check_count, checked_path
from lmcommon.data.generated import SIZES, generate_conversations
from lmcommon.data.prompt_config import (
    PROMPT_SCHEMAS,
    AdvancedifConfig,
    FollowbenchConfig,
    HealthbenchConfig,
    HirConfig,
    IfbenchConfig,
    IfevalConfig,
    InfobenchConfig,
    MuldimifConfig,
    PromptConfig,
    WritingbenchConfig,
)
from lmcommon.data.registry import CONVERSATIONS
from lmcommon.data.types import Conversation, Question
from lmcommon.errors import UserError
from lmcommon.rng import random_for

__all__ = [
    "CONVERSATION_SCHEMAS",
    "DATA_SCHEMAS",
    "PROMPT_SCHEMAS",
    "AdvancedifConfig",
    "ConversationConfig",
    "FollowbenchConfig",
    "GeneratedConfig",
    "HealthbenchConfig",
    "HirConfig",
    "IfbenchConfig",
    "IfevalConfig",
    "InfobenchConfig",
    "LocomoConfig",
    "LongMemEvalConfig",
    "MuldimifConfig",
    "PromptConfig",
    "RealMemConfig",
    "WritingbenchConfig",
]


@dataclass(kw_only=True)
class ConversationConfig:
    """What every set of conversations can be asked for."""

    conversations: list[str] = field(default_factory=list)
    """Ids of the conversations to keep; empty: all."""
    max_conversations: int | None = None
    categories: list[str] = field(default_factory=list)
    """Categories of questions to keep; empty: all."""
    max_questions: int | None = None
    """Most questions of each conversation."""
    sample_seed: int | None = None
    """Which questions `max_questions` keeps. null: the first; a number: drawn at random."""

    def __post_init__(self) -> None:
        check_count("max_conversations", self.max_conversations, 1)
        check_count("max_questions", self.max_questions, 0)

    def build(self) -> list[Conversation]:
        """Read the rows and keep what is asked for.

        Raises:
            UserError: Nothing is there, or an id or a category does not occur.
            DataError: A row is malformed.
        """
        kept = _named(self.read(), self.conversations)[: self.max_conversations]
        known = {question.category for row in kept for question in row.questions}
        if unknown := sorted(set(self.categories) - known):
            raise UserError(
                f"data.categories: expected some of {', '.join(sorted(known))}; got {unknown}"
            )
        return [replace(row, questions=self._questions(row)) for row in kept]

    def read(self) -> list[Conversation]:
        """All rows of the set."""
        raise TypeError(f"{type(self).__name__} must define read()")

    def _questions(self, row: Conversation) -> tuple[Question, ...]:
        chosen = [
            (place, question)
            for place, question in enumerate(row.questions)
            if not self.categories or question.category in self.categories
        ]
        if self.max_questions is not None and self.max_questions < len(chosen):
            if self.sample_seed is not None:
                rng = random_for(self.sample_seed, "questions", row.id)
                chosen = sorted(rng.sample(chosen, self.max_questions), key=lambda pair: pair[0])
            chosen = chosen[: self.max_questions]
        return tuple(question for _, question in chosen)


def _named(rows: list[Conversation], ids: list[str]) -> list[Conversation]:
    if not ids:
        return rows
    by_id = {row.id: row for row in rows}
    if unknown := [one for one in ids if one not in by_id]:
        raise UserError(
            f"data.conversations: expected some of {', '.join(list(by_id)[:20])}; got {unknown}"
        )
    return [by_id[one] for one in ids]


@dataclass(kw_only=True)
class GeneratedConfig(ConversationConfig):
    """Our own generated conversations: no file, any number."""

    seed: int = 0
    number: int = 1
    """How many conversations."""
    size: str = "small"
    """tiny, small, medium or large."""
    num_questions: int | None = None
    """Questions asked in each; null: as many as fit the size."""

    def __post_init__(self) -> None:
        ConversationConfig.__post_init__(self)
        check_count("number", self.number, 1)
        check_count("num_questions", self.num_questions, 0)
        if self.size not in SIZES:
            raise UserError(f"data.size: expected one of {', '.join(SIZES)}; got {self.size!r}")

    def read(self) -> list[Conversation]:
        """Generate them."""
        return generate_conversations(
            self.seed, self.number, self.size, num_questions=self.num_questions
        )


@dataclass(kw_only=True)
class _ReadConversations(ConversationConfig):
    """A set of conversations that is read."""

    name: ClassVar[str]

    path: str = ""
    """File, folder (RealMem) or hub id."""

    def read(self) -> list[Conversation]:
        """Read them."""
        dataset = CONVERSATIONS[self.name]
        return dataset.read(checked_path(self.name, self.path, dataset.hub))


@dataclass(kw_only=True)
class LocomoConfig(_ReadConversations):
    """LoCoMo: `locomo10.json` or a cut of it."""

    name: ClassVar[str] = "locomo"


@dataclass(kw_only=True)
class LongMemEvalConfig(_ReadConversations):
    """LongMemEval, in the official or the re-laid layout: one question a conversation."""

    name: ClassVar[str] = "longmemeval"


@dataclass(kw_only=True)
class RealMemConfig(_ReadConversations):
    """RealMem: one file a persona, or the folder of them."""

    name: ClassVar[str] = "realmem"


CONVERSATION_SCHEMAS: dict[str, type[ConversationConfig]] = {
    "generated": GeneratedConfig,
    "locomo": LocomoConfig,
    "longmemeval": LongMemEvalConfig,
    "realmem": RealMemConfig,
}
DATA_SCHEMAS: dict[str, type[ConversationConfig] | type[PromptConfig]] = {
    **CONVERSATION_SCHEMAS,
    **PROMPT_SCHEMAS,
}
