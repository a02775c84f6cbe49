"""Memory systems that come as packages: run here, or in a process with an environment of its own.

Packages clash (the two lines of mem0 share an import name) or need another Python (everos). So a
system that is somebody else's package has a configuration that can build it in this process, and
`isolation` says where it runs. Both ways answer alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from memtrace.memory.config import MemoryConfig, MemoryFactory
from memtrace.memory.specs import announced

if TYPE_CHECKING:
    from lmcommon.embed import Embedder

__all__ = ["PackagedConfig"]

_ISOLATION = ("auto", "never", "always")


@dataclass(kw_only=True)
class PackagedConfig(MemoryConfig):
    """A memory system from a package."""

    environment: ClassVar[str] = ""
    """Name of its environment in `memtrace.memory.isolated.environments`."""

    embed: Any = None
    """Embedder of the system's store: an option of the group `embed`."""
    top_k: int = 10
    """Memory items shown to the model that answers."""
    isolation: str = "auto"
    """auto: here if the package can be imported, else in its own environment (memtrace-systems
    prepares it). never: here. always: in its own environment."""
    python: str | None = None
    """Interpreter to make that environment with; null looks for one."""
    timeout_s: float = 600.0
    """How long a worker in that environment may compute without a word before it is killed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.isolation not in _ISOLATION:
            raise UserError(
                f"memory.isolation: expected one of {', '.join(_ISOLATION)}; got {self.isolation!r}"
            )
        if self.top_k < 1:
            raise UserError(f"memory.top_k: expected at least 1; got {self.top_k!r}")
        if self.timeout_s <= 0:
            raise UserError(f"memory.timeout_s: expected more than 0; got {self.timeout_s!r}")
        if self.embed is None:
            raise UserError("memory.embed: expected an embedder; choose one with embed=bundled")

    def is_here(self) -> bool:
        """Whether the right package can be imported in this process. Imports nothing."""
        raise TypeError(f"{type(self).__name__} must define is_here()")

    def build_here(self, model: ChatModel, embedder: Embedder) -> MemoryFactory:
        """A factory of memories in this process.

        Args:
            model: Answers, extracts, decides.
            embedder: Makes the vectors of the system's store.
        """
        raise TypeError(f"{type(self).__name__} must define build_here()")

    @property
    def is_isolated(self) -> bool:
        """Whether its memories run in another process: a recording must then take several."""
        return self.isolation == "always" or (self.isolation == "auto" and not self.is_here())

    def build(self, model: ChatModel) -> MemoryFactory:
        """A factory of memories, wherever they run."""
        embedder = self.embed.build()
        if not self.is_isolated:
            return announced(self, model, self.build_here(model, embedder))
        from memtrace.memory.isolated import isolated_factory

        return announced(self, model, isolated_factory(self, model, embedder))
