"""Configuration of data sets: one dataclass a set, each with `build()` that returns its rows.

`CONVERSATION_SCHEMAS` and `PROMPT_SCHEMAS` are the options of the group `data` for verbs that
read conversations (memtrace) and prompts with rubrics (rtt); `DATA_SCHEMAS` is both.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from lmcommon.data.generated import SIZES, generate_conversations
from lmcommon.data.registry import CONVERSATIONS, PROMPTS
from lmcommon.data.types import Conversation, Question, RubricPrompt
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


def _check_count(key: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise UserError(f"data.{key}: expected a number of at least {least}; got {value!r}")


def _path(name: str, path: str, hub: str | None) -> str:
    """The spec of a set that must be given by the user."""
    if not path.strip():
        example = f"data.path={hub} (from the hub) or " if hub else ""
        raise UserError(
            f"data.path: expected where {name} is; got nothing; "
            f"give {example}data.path=FILE (.json, .jsonl, also .gz)"
        )
    return path


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
        _check_count("max_conversations", self.max_conversations, 1)
        _check_count("max_questions", self.max_questions, 0)

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
        _check_count("number", self.number, 1)
        _check_count("num_questions", self.num_questions, 0)
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
        return dataset.read(_path(self.name, self.path, dataset.hub))


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


@dataclass(kw_only=True)
class PromptConfig:
    """A set of prompts with rubrics."""

    name: ClassVar[str]

    path: str = ""
    """File, folder (of a set of several files) or hub id."""
    max_prompts: int | None = None
    sample_seed: int | None = None
    """Which prompts `max_prompts` keeps. null: the first; a number: drawn at random."""

    def __post_init__(self) -> None:
        _check_count("max_prompts", self.max_prompts, 1)

    def build(self) -> list[RubricPrompt]:
        """Read the rows.

        Raises:
            UserError: Nothing is there.
            DataError: A row is malformed.
        """
        dataset = PROMPTS[self.name]
        rows = dataset.read(_path(self.name, self.path, dataset.hub))
        if self.max_prompts is None or self.max_prompts >= len(rows):
            return rows
        if self.sample_seed is None:
            return rows[: self.max_prompts]
        places = random_for(self.sample_seed, "prompts").sample(range(len(rows)), self.max_prompts)
        return [rows[place] for place in sorted(places)]


@dataclass(kw_only=True)
class IfevalConfig(PromptConfig):
    """IFEval: 25 kinds of program-checked constraints."""

    name: ClassVar[str] = "ifeval"


@dataclass(kw_only=True)
class IfbenchConfig(PromptConfig):
    """IFBench: 58 kinds of program-checked constraints."""

    name: ClassVar[str] = "ifbench"


@dataclass(kw_only=True)
class MuldimifConfig(PromptConfig):
    """MulDimIF: constraints in prose, of 12 kinds."""

    name: ClassVar[str] = "muldimif"


@dataclass(kw_only=True)
class HirConfig(PromptConfig):
    """HIR-16K: the training rows of RTT, checked by program, by code of their own, by a judge."""

    name: ClassVar[str] = "hir"


@dataclass(kw_only=True)
class InfobenchConfig(PromptConfig):
    """InFoBench: yes/no requirements for a judge."""

    name: ClassVar[str] = "infobench"


@dataclass(kw_only=True)
class FollowbenchConfig(PromptConfig):
    """FollowBench: ladders of constraints that a judge must find, and forms for a program."""

    name: ClassVar[str] = "followbench"


@dataclass(kw_only=True)
class AdvancedifConfig(PromptConfig):
    """AdvancedIF: conversations with yes/no rubrics for a judge."""

    name: ClassVar[str] = "advancedif"


@dataclass(kw_only=True)
class HealthbenchConfig(PromptConfig):
    """HealthBench: weighted criteria, some of them negative, for a judge."""

    name: ClassVar[str] = "healthbench"


@dataclass(kw_only=True)
class WritingbenchConfig(PromptConfig):
    """WritingBench: criteria that a judge grades from 1 to 10."""

    name: ClassVar[str] = "writingbench"


CONVERSATION_SCHEMAS: dict[str, type[ConversationConfig]] = {
    "generated": GeneratedConfig,
    "locomo": LocomoConfig,
    "longmemeval": LongMemEvalConfig,
    "realmem": RealMemConfig,
}
PROMPT_SCHEMAS: dict[str, type[PromptConfig]] = {
    "advancedif": AdvancedifConfig,
    "followbench": FollowbenchConfig,
    "healthbench": HealthbenchConfig,
    "hir": HirConfig,
    "ifbench": IfbenchConfig,
    "ifeval": IfevalConfig,
    "infobench": InfobenchConfig,
    "muldimif": MuldimifConfig,
    "writingbench": WritingbenchConfig,
}
DATA_SCHEMAS: dict[str, type[ConversationConfig] | type[PromptConfig]] = {
    **CONVERSATION_SCHEMAS,
    **PROMPT_SCHEMAS,
}
