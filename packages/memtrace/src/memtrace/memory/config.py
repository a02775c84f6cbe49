"""Configuration of memory systems: one dataclass a system, each with `build(model)`.

`MEMORY_SCHEMAS` is the group `memory` of memtrace's verbs. `build` gives a `MemoryFactory`: every
conversation gets a memory of its own, while model and embedder are loaded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import Sampling
from lmcommon.prompt import Prompt
from memtrace.memory.base import MemorySystem
from memtrace.memory.specs import announced

if TYPE_CHECKING:
    from memtrace.memory.index import Index

__all__ = [
    "MEMORY_SCHEMAS", "LongContextConfig", "MemoryConfig", "MemoryFactory", "RagConfig",
]  # fmt: skip

MemoryFactory = Callable[[str], MemorySystem]
"""From a scope (a prefix of item ids, unique in a trace) to an empty memory."""

_RETRIEVERS = ("dense", "bm25", "hybrid")


@dataclass(kw_only=True)
class MemoryConfig:
    """What every memory system can be given."""

    max_answer_tokens: int = 24
    temperature: float = 0.0
    prompts: dict[str, str] = field(default_factory=dict)
    """Other wordings of the system's prompts, by name (`prompts.qa=...`); `@file` reads a file."""

    def __post_init__(self) -> None:
        _at_least(1, self, "max_answer_tokens")
        if not 0 <= self.temperature < inf:
            raise UserError(
                f"memory.temperature: expected a number of at least 0; got {self.temperature!r}"
            )

    @property
    def sampling(self) -> Sampling:
        """How answers are decoded: one line, greedy unless a temperature is set."""
        return Sampling(
            temperature=self.temperature, max_tokens=self.max_answer_tokens, stop=("\n",)
        )

    def prompt(self, default: Prompt) -> Prompt:
        """The configured wording of a prompt, or the default one.

        Raises:
            UserError: The wording lacks a placeholder of the default, or has another.
        """
        text = self.prompts.get(default.name)
        if text is None:
            return default
        if text.startswith("@"):
            path = Path(text[1:]).expanduser()
            if not path.is_file():
                raise UserError(f"memory.prompts.{default.name}: expected a file; got {path}")
            text = path.read_text(encoding="utf-8").strip("\n")
        return Prompt(default.name, text, default.fields)

    def check_prompts(self, system: MemorySystem) -> MemorySystem:
        """The system, if it knows every prompt that was given another wording.

        Raises:
            UserError: For a name the system does not have; says which it has.
        """
        if unknown := sorted(self.prompts.keys() - system.prompts.keys()):
            raise UserError(
                f"memory.prompts: {system.name} has the prompts {', '.join(system.prompts)}; "
                f"got {unknown}"
            )
        return system

    def build(self, model: ChatModel) -> MemoryFactory:
        """A factory of memories that answer with `model`."""
        raise TypeError(f"{type(self).__name__} must define build()")


@dataclass(kw_only=True)
class LongContextConfig(MemoryConfig):
    """The newest part of the history, as much as fits into a window."""

    budget_tokens: int = 2048
    """Approximate tokens of the window; older turns are trimmed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(1, self, "budget_tokens")

    def build(self, model: ChatModel) -> MemoryFactory:
        """A factory of `LongContext`."""
        from memtrace.memory.answering import default_prompt
        from memtrace.memory.long_context import LongContext

        def make(scope: str) -> MemorySystem:
            return LongContext(
                model, budget_tokens=self.budget_tokens, scope=scope, sampling=self.sampling,
                prompt=self.prompt(default_prompt()),
            )  # fmt: skip

        return announced(self, model, make)


@dataclass(kw_only=True)
class RagConfig(MemoryConfig):
    """Chunks found by meaning (dense), by words (bm25), or by both (hybrid)."""

    retriever: str = "dense"
    """dense, bm25 or hybrid."""
    embed: Any = None
    """Embedder of dense and hybrid retrieval: an option of the group `embed`."""
    top_k: int = 5
    chunk_turns: int = 3
    """Turns in a chunk, at most."""
    overlap_turns: int = 1
    """Turns that neighbouring chunks share."""
    chunk_tokens: int = 200
    context_tokens: int = 1024
    """Approximate tokens of the context; the worst hits are cut when they do not fit."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.retriever not in _RETRIEVERS:
            raise UserError(
                f"memory.retriever: expected one of {', '.join(_RETRIEVERS)}; "
                f"got {self.retriever!r}"
            )
        for key in ("top_k", "chunk_turns", "chunk_tokens", "context_tokens"):
            _at_least(1, self, key)
        if not 0 <= self.overlap_turns < self.chunk_turns:
            raise UserError(
                f"memory.overlap_turns: expected 0 to {self.chunk_turns - 1} (below chunk_turns); "
                f"got {self.overlap_turns!r}"
            )
        if self.retriever != "bm25" and self.embed is None:
            raise UserError(
                f"memory.embed: expected an embedder for retriever {self.retriever!r}; "
                "choose one with embed=bundled, or use memory=rag_bm25"
            )

    def build(self, model: ChatModel) -> MemoryFactory:
        """A factory of `Rag`; all its memories share one embedder."""
        from memtrace.memory.answering import default_prompt
        from memtrace.memory.index import Bm25Index, DenseIndex
        from memtrace.memory.rag import Rag

        embedder = None if self.retriever == "bm25" else self.embed.build()

        def indexes() -> list[Index]:
            dense: list[Index] = [] if embedder is None else [DenseIndex(embedder)]
            return dense if self.retriever == "dense" else [*dense, Bm25Index()]

        def make(scope: str) -> MemorySystem:
            return Rag(
                model, indexes(), top_k=self.top_k, chunk_turns=self.chunk_turns,
                overlap_turns=self.overlap_turns, chunk_tokens=self.chunk_tokens,
                context_tokens=self.context_tokens, scope=scope, sampling=self.sampling,
                name=f"rag_{self.retriever}", prompt=self.prompt(default_prompt()),
            )  # fmt: skip

        return announced(self, model, make)


def _at_least(least: int, config: object, key: str) -> None:
    value = getattr(config, key)
    if value < least:
        raise UserError(f"memory.{key}: expected at least {least}; got {value!r}")


class _Schemas(Mapping[str, type[Any]]):
    """Schemas by option. Those of packaged systems build on this module, so they are named as
    `module:class` and imported when they are asked for.
    """

    def __init__(self, schemas: Mapping[str, type[Any] | str]) -> None:
        self._schemas = schemas

    def __getitem__(self, option: str) -> type[Any]:
        found = self._schemas[option]
        if isinstance(found, str):
            module, _, name = found.partition(":")
            loaded: type[Any] = getattr(import_module(module), name)
            return loaded
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._schemas)

    def __len__(self) -> int:
        return len(self._schemas)


MEMORY_SCHEMAS: Mapping[str, type[Any]] = _Schemas({
    "long_context": LongContextConfig,
    "rag_dense": RagConfig,
    "rag_bm25": RagConfig,
    "rag_hybrid": RagConfig,
    "everos": "memtrace.memory.everos.config:EverosConfig",
})  # fmt: skip
"""Option of the group `memory` to its schema."""
