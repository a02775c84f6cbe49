"""Memory systems: Long-Context and RAG (dense, BM25, hybrid) behind one protocol."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.memory.base import MemorySystem
    from memtrace.memory.config import MEMORY_SCHEMAS, LongContextConfig, RagConfig
    from memtrace.memory.long_context import LongContext
    from memtrace.memory.rag import Rag
    from memtrace.memory.types import Answer, Hit, Query

__all__ = [
    "MEMORY_SCHEMAS", "Answer", "Hit", "LongContext", "LongContextConfig", "MemorySystem", "Query",
    "Rag", "RagConfig",
]  # fmt: skip

_HOMES = {
    "base": ("MemorySystem",),
    "config": ("MEMORY_SCHEMAS", "LongContextConfig", "RagConfig"),
    "long_context": ("LongContext",),
    "rag": ("Rag",),
    "types": ("Answer", "Hit", "Query"),
}
__getattr__, __dir__ = lazy_exports(
    __name__, {name: f"memtrace.memory.{home}" for home, names in _HOMES.items() for name in names}
)
