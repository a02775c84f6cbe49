"""Configuration of Mem0: `memory=mem0` (the additive line, 2.x) and `memory=mem0_classic` (1.x)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lmcommon.errors import UserError
from lmcommon.extras import is_available
from lmcommon.llm.base import ChatModel
from memtrace.memory.base import MemorySystem
from memtrace.memory.config import MemoryFactory
from memtrace.memory.packaged import PackagedConfig

if TYPE_CHECKING:
    from lmcommon.embed import Embedder

__all__ = ["Mem0ClassicConfig", "Mem0Config"]


@dataclass(kw_only=True)
class Mem0Config(PackagedConfig):
    """Mem0 2.x: one extraction call a message, memories are only ever added."""

    environment: ClassVar[str] = "mem0"
    line: ClassVar[str] = "additive"

    threshold: float = 0.1
    """The least similarity of a memory that is found (the classic line has none)."""
    entities: bool = False
    """Link memories by the names in them, found by simple rules (additive line only)."""
    max_memory_tokens: int = 2000
    """Longest reply of the calls that extract and decide."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_memory_tokens < 1:
            raise UserError(
                f"memory.max_memory_tokens: expected at least 1; got {self.max_memory_tokens!r}"
            )
        if not 0 <= self.threshold <= 1:
            raise UserError(f"memory.threshold: expected 0 to 1; got {self.threshold!r}")

    def is_here(self) -> bool:
        """Whether the right line and its store can be imported here. Imports nothing."""
        from memtrace.memory.mem0.releases import installed_line

        return (
            is_available("mem0") and is_available("qdrant_client")
            and installed_line() == self.line
        )  # fmt: skip

    def build_here(self, model: ChatModel, embedder: Embedder) -> MemoryFactory:
        """A factory of `Mem0Memory`; all its memories share one embedder.

        Raises:
            UserError: The package is absent or of the other line.
        """
        if not self.is_here():
            raise UserError(
                f"memory {self.environment!r}: expected mem0ai of the {self.line} line and "
                "qdrant-client in this environment; install them, or use isolation=auto"
            )
        from memtrace.memory.mem0.building import mem0_main
        from memtrace.memory.mem0.defaults import default_prompts
        from memtrace.memory.mem0.system import Mem0Memory

        mem0_main()  # before anything of the package is imported: it reads the environment
        defaults = default_prompts("additive" if self.line == "additive" else "classic")
        prompts = {name: self.prompt(default) for name, default in defaults.items()}

        def make(scope: str) -> MemorySystem:
            return Mem0Memory(
                model, embedder, top_k=self.top_k, threshold=self.threshold,
                entities=self.entities, max_memory_tokens=self.max_memory_tokens, scope=scope,
                prompts=prompts, sampling=self.sampling,
            )  # fmt: skip

        return make


@dataclass(kw_only=True)
class Mem0ClassicConfig(Mem0Config):
    """Mem0 1.x: facts are extracted, a second call decides to add, update or delete."""

    environment: ClassVar[str] = "mem0_classic"
    line: ClassVar[str] = "classic"
