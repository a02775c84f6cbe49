"""The real EverOS engine (package `everos`) as a memory system, and attached to a user's own app.

In: sessions and questions. Out: what EverOS makes of them, every step of it an operation of the
trace: buffer, boundary, memcell, episode, atomic facts, clusters, profile, index; recall, rank,
sufficiency, further queries, context, answer.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.memory.everos.attaching import attach_everos
    from memtrace.memory.everos.config import EverosConfig
    from memtrace.memory.everos.memory import EverosMemory

__all__ = ["EverosConfig", "EverosMemory", "attach_everos"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "EverosConfig": "memtrace.memory.everos.config",
        "EverosMemory": "memtrace.memory.everos.memory",
        "attach_everos": "memtrace.memory.everos.attaching",
    },
)
