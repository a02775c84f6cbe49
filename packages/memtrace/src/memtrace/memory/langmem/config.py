"""Configuration of LangMem. Imports nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lmcommon.errors import UserError
from memtrace.memory.packaged import PackagedConfig

if TYPE_CHECKING:
    from lmcommon.embed import Embedder
    from lmcommon.llm.base import ChatModel
    from memtrace.memory.base import MemorySystem
    from memtrace.memory.config import MemoryFactory

__all__ = ["LangMemConfig"]


@dataclass(kw_only=True)
class LangMemConfig(PackagedConfig):
    """Memories that a model records, patches and removes by tool calls (LangMem)."""

    environment: ClassVar[str] = "langmem"

    query_limit: int = 5
    """Memories shown to the model that writes; LangMem searches once for every four."""
    enable_deletes: bool = True
    """Whether the model may remove memories."""
    max_extract_tokens: int = 1024
    """Tokens of a reply that lists tool calls, at most."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.query_limit < 4:  # the package divides by four, and below that never searches
            raise UserError(f"memory.query_limit: expected at least 4; got {self.query_limit!r}")
        if self.max_extract_tokens < 1:
            raise UserError(
                f"memory.max_extract_tokens: expected at least 1; got {self.max_extract_tokens!r}"
            )

    def is_here(self) -> bool:
        """Whether the right version of `langmem` is installed in this process. Imports nothing."""
        from memtrace.memory.isolated.environments import ENVIRONMENTS, installed_here

        return installed_here(ENVIRONMENTS[self.environment]) is not None

    def build_here(self, model: ChatModel, embedder: Embedder) -> MemoryFactory:
        """A factory of `LangMemMemory`.

        Raises:
            UserError: The package is not here.
        """
        if not self.is_here():
            raise UserError(
                "memory 'langmem': expected the package langmem in this environment; install it, "
                "or use isolation=auto"
            )
        from memtrace.memory.answering import default_prompt
        from memtrace.memory.langmem.system import (
            LangMemMemory,
            instructions_prompt,
            tools_prompt,
        )

        def make(scope: str) -> MemorySystem:
            return LangMemMemory(
                model, embedder, scope=scope, top_k=self.top_k, query_limit=self.query_limit,
                enable_deletes=self.enable_deletes, max_extract_tokens=self.max_extract_tokens,
                sampling=self.sampling, prompt=self.prompt(default_prompt()),
                instructions=self.prompt(instructions_prompt()),
                tools=self.prompt(tools_prompt()),
            )  # fmt: skip

        return make
