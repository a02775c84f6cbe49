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
from memtrace.memory.prompt_files import load_prompts
from memtrace.memory.specs import announced

if TYPE_CHECKING:
    from memtrace.memory.index import Index
    from memtrace.memory.reranking import Reranker
    from memtrace.memory.rewriting import Rewriter

__all__ = [
    "MEMORY_SCHEMAS", "LongContextConfig", "MemoryConfig", "MemoryFactory", "RagConfig",
]  # fmt: skip

MemoryFactory = Callable[[str], MemorySystem]
"""From a scope (a prefix of item ids, unique in a trace) to an empty memory."""

_RETRIEVERS = ("dense", "bm25", "hybrid")
_RERANKERS = ("none", "llm")
_TRIMS = ("drop", "summarise")


@dataclass(kw_only=True)
class MemoryConfig:
    """What every memory system can be given."""

    max_answer_tokens: int = 24
    temperature: float = 0.0
    prompts: dict[str, str] = field(default_factory=dict)
    """Other wordings of the system's prompts, by name (`prompts.qa=...`); `@file` reads a file."""
    prompts_from: str | None = None
    """A folder that memtrace-optimize wrote: all its prompts, unless `prompts` names another text.
    Read once, when the configuration is made."""

    def __post_init__(self) -> None:
        if self.prompts_from is not None:
            self.prompts = {**load_prompts(self.prompts_from), **self.prompts}
            self.prompts_from = None  # what was read is what a trace must tell
        _at_least(1, self, "max_answer_tokens")
        if not 0 <= self.temperature < inf:
            raise UserError(
                f"memory.temperature: expected a number of at least 0; got {self.temperature!r}"
            )

    @property
    def label(self) -> str:
        """What runs call this system: the name of its option."""
        names = (name for name, schema in MEMORY_SCHEMAS.items() if schema is type(self))
        return next(names, type(self).__name__)

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
    trim: str = "drop"
    """drop: trimmed turns are gone. summarise: the model condenses them into a running summary in
    front of the window (prompt `summary`)."""
    summary_tokens: int = 256
    """Approximate tokens of that summary, within the budget."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of(_TRIMS, self, "trim")
        for key in ("budget_tokens", "summary_tokens"):
            _at_least(1, self, key)
        if self.trim == "summarise" and self.budget_tokens < 2 * self.summary_tokens:
            raise UserError(
                f"memory.summary_tokens: expected at most half of budget_tokens "
                f"({self.budget_tokens}); got {self.summary_tokens!r}"
            )

    def build(self, model: ChatModel) -> MemoryFactory:
        """A factory of `LongContext`."""
        from memtrace.memory.answering import default_prompt
        from memtrace.memory.long_context import LongContext
        from memtrace.memory.summarising import Summariser, summary_prompt

        summariser = None
        if self.trim == "summarise":
            summariser = Summariser(
                model, max_tokens=self.summary_tokens, prompt=self.prompt(summary_prompt()),
                temperature=self.temperature,
            )  # fmt: skip

        def make(scope: str) -> MemorySystem:
            return LongContext(
                model, budget_tokens=self.budget_tokens, scope=scope, sampling=self.sampling,
                prompt=self.prompt(default_prompt()), summariser=summariser,
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
    rewrite: bool = False
    """The model words the query for retrieval (prompt `rewrite`)."""
    rerank: str = "none"
    """none: retrieval's order stands. llm: the model orders the candidates (prompt `rerank`)."""
    rerank_candidates: int = 20
    """How many chunks are retrieved for reranking; the best `top_k` of them are kept."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of(_RETRIEVERS, self, "retriever")
        _one_of(_RERANKERS, self, "rerank")
        for key in ("top_k", "chunk_turns", "chunk_tokens", "context_tokens"):
            _at_least(1, self, key)
        if self.rerank != "none":
            _at_least(self.top_k, self, "rerank_candidates")
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

    @property
    def label(self) -> str:
        """What runs call this system: rag_dense, rag_bm25 or rag_hybrid."""
        return f"rag_{self.retriever}"

    def build(self, model: ChatModel) -> MemoryFactory:
        """A factory of `Rag`; all its memories share one embedder."""
        from memtrace.memory.answering import default_prompt
        from memtrace.memory.index import Bm25Index, DenseIndex
        from memtrace.memory.rag import Rag

        embedder = None if self.retriever == "bm25" else self.embed.build()
        rewriter, reranker = self._rewriter(model), self._reranker(model)

        def indexes() -> list[Index]:
            dense: list[Index] = [] if embedder is None else [DenseIndex(embedder)]
            return dense if self.retriever == "dense" else [*dense, Bm25Index()]

        def make(scope: str) -> MemorySystem:
            return Rag(
                model, indexes(), top_k=self.top_k, chunk_turns=self.chunk_turns,
                overlap_turns=self.overlap_turns, chunk_tokens=self.chunk_tokens,
                context_tokens=self.context_tokens, scope=scope, sampling=self.sampling,
                name=f"rag_{self.retriever}", prompt=self.prompt(default_prompt()),
                rewriter=rewriter, reranker=reranker,
            )  # fmt: skip

        return announced(self, model, make)

    def _rewriter(self, model: ChatModel) -> Rewriter | None:
        if not self.rewrite:
            return None
        from memtrace.memory.rewriting import Rewriter, rewrite_prompt

        prompt = self.prompt(rewrite_prompt())
        return Rewriter(model, prompt=prompt, temperature=self.temperature)

    def _reranker(self, model: ChatModel) -> Reranker | None:
        if self.rerank == "none":
            return None
        from memtrace.memory.reranking import Reranker, rerank_prompt

        return Reranker(
            model, candidates=self.rerank_candidates, prompt=self.prompt(rerank_prompt()),
            temperature=self.temperature,
        )  # fmt: skip


def _one_of(known: tuple[str, ...], config: object, key: str) -> None:
    value = getattr(config, key)
    if value not in known:
        raise UserError(f"memory.{key}: expected one of {', '.join(known)}; got {value!r}")


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
    "langmem": "memtrace.memory.langmem.config:LangMemConfig",
    "mem0": "memtrace.memory.mem0.config:Mem0Config",
    "mem0_classic": "memtrace.memory.mem0.config:Mem0ClassicConfig",
    "everos": "memtrace.memory.everos.config:EverosConfig",
})  # fmt: skip
"""Option of the group `memory` to its schema."""
