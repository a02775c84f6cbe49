"""Sources of cases: recorded runs, MemTraceBench, annotated cases, logs of agents."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.scoring.sources.cases import CasesSource
    from memtrace.scoring.sources.memtracebench import MemTraceBenchSource
    from memtrace.scoring.sources.traces import TraceSource
    from memtrace.scoring.sources.who_and_when import WhoAndWhenSource

__all__ = ["CasesSource", "MemTraceBenchSource", "TraceSource", "WhoAndWhenSource"]

_HOMES = {
    "CasesSource": "cases", "MemTraceBenchSource": "memtracebench", "TraceSource": "traces",
    "WhoAndWhenSource": "who_and_when",
}  # fmt: skip
__getattr__, __dir__ = lazy_exports(
    __name__, {name: f"memtrace.scoring.sources.{home}" for name, home in _HOMES.items()}
)
