"""LangMem (PyPI `langmem`) as a memory system: its memory manager over LangGraph's own store."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.memory.langmem.config import LangMemConfig
    from memtrace.memory.langmem.system import LangMemMemory

__all__ = ["LangMemConfig", "LangMemMemory"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "LangMemConfig": "memtrace.memory.langmem.config",
        "LangMemMemory": "memtrace.memory.langmem.system",
    },
)
