"""Configuration of the EverOS engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from memtrace.memory.base import MemorySystem
from memtrace.memory.config import MemoryFactory
from memtrace.memory.everos.settings import ADD_BY, OWNERS, RETRIEVALS, EverosSettings
from memtrace.memory.packaged import PackagedConfig

if TYPE_CHECKING:
    from lmcommon.embed import Embedder

__all__ = ["EverosConfig"]


@dataclass(kw_only=True)
class EverosConfig(PackagedConfig):
    """The real EverOS engine: episodes, atomic facts, a profile."""

    environment: ClassVar[str] = "everos"

    retrieval: str = "hybrid"
    """keyword, vector, hybrid, or agentic (the model judges whether what was found is enough and
    asks further queries)."""
    add_by: str = "message"
    """message: each turn is told as it comes, and EverOS looks for a boundary each time.
    session: all turns of a session at once."""
    owner: str = "conversation"
    """conversation: one memory for all who speak in it. speaker: one each, searched together."""
    defer_extraction: bool = False
    """Only buffer turns, and look for boundaries once, at the end of a session."""
    include_profile: bool = True
    """Show the profile to the model that answers."""
    context_tokens: int = 2048
    """Approximate tokens of the context; the worst hits are cut when they do not fit."""
    max_extraction_tokens: int = 4096
    """Tokens of a reply to one of EverOS's own prompts, at most."""
    cluster_threshold: float = 0.65
    """Cosine from which on an episode joins a cluster."""
    cluster_days: float = 7.0
    """Days over which a cluster may stretch."""
    boundary_tokens: int = 65536
    """Approximate tokens of a buffer from which on it is cut without asking the model."""
    boundary_messages: int = 500
    """Messages of a buffer from which on it is cut without asking the model."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of("retrieval", self.retrieval, RETRIEVALS)
        _one_of("add_by", self.add_by, ADD_BY)
        _one_of("owner", self.owner, OWNERS)
        for key in ("context_tokens", "max_extraction_tokens", "boundary_tokens"):
            if getattr(self, key) < 1:
                raise UserError(f"memory.{key}: expected at least 1; got {getattr(self, key)!r}")
        if self.boundary_messages < 2:
            raise UserError(
                f"memory.boundary_messages: expected at least 2; got {self.boundary_messages!r}"
            )
        if not 1 <= self.top_k <= 100:
            raise UserError(f"memory.top_k: everos takes 1 to 100; got {self.top_k!r}")
        if not -1 <= self.cluster_threshold <= 1 or self.cluster_days <= 0:
            raise UserError(
                "memory.cluster_threshold, memory.cluster_days: expected a cosine and a number "
                f"above 0; got {self.cluster_threshold!r}, {self.cluster_days!r}"
            )

    @property
    def settings(self) -> EverosSettings:
        """The numbers of one memory."""
        names = EverosSettings.__dataclass_fields__
        return EverosSettings(**{name: getattr(self, name) for name in names})

    def is_here(self) -> bool:
        """Whether the right version of everos is installed in this process. Imports nothing."""
        from memtrace.memory.isolated.environments import ENVIRONMENTS, installed_here

        return installed_here(ENVIRONMENTS[self.environment]) is not None

    def build_here(self, model: ChatModel, embedder: Embedder) -> MemoryFactory:
        """A factory of memories in this process, which take turns in it."""
        from memtrace.memory.answering import default_prompt
        from memtrace.memory.everos.memory import EverosMemory
        from memtrace.memory.everos.prompts import defaults

        prompts = {**defaults(), "qa": default_prompt()}
        worded = {name: self.prompt(prompt) for name, prompt in prompts.items()}

        def make(scope: str) -> MemorySystem:
            return EverosMemory(
                model, embedder, settings=self.settings, scope=scope, prompts=worded,
                sampling=self.sampling,
            )  # fmt: skip

        return make


def _one_of(key: str, value: str, options: Sequence[str]) -> None:
    if value not in options:
        raise UserError(f"memory.{key}: expected one of {', '.join(options)}; got {value!r}")
