"""Mem0: the real package `mem0ai`, both lines, traced from outside.

`Mem0Memory` is the memory system that memtrace feeds and questions; `attach` traces a user's own
`mem0.Memory`. Both rest on `Tracer`.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.memory.mem0.config import Mem0ClassicConfig, Mem0Config
    from memtrace.memory.mem0.system import Mem0Memory
    from memtrace.memory.mem0.tracer import Tracer

__all__ = ["Mem0ClassicConfig", "Mem0Config", "Mem0Memory", "Tracer"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(("Mem0ClassicConfig", "Mem0Config"), "memtrace.memory.mem0.config"),
        "Mem0Memory": "memtrace.memory.mem0.system",
        "Tracer": "memtrace.memory.mem0.tracer",
    },
)
