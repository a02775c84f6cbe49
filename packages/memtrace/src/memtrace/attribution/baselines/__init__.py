"""Baselines of attribution: what any method must beat on the same cases."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.attribution.baselines.fixed import (
        AlwaysResponseStage,
        AlwaysRetrievalStage,
        LastOperationStage,
        RandomStage,
    )
    from memtrace.attribution.baselines.flat_log import FlatLogStage
    from memtrace.attribution.baselines.whole_trace import WholeTraceStage

__all__ = [
    "AlwaysResponseStage",
    "AlwaysRetrievalStage",
    "FlatLogStage",
    "LastOperationStage",
    "RandomStage",
    "WholeTraceStage",
]

_FIXED = ("AlwaysResponseStage", "AlwaysRetrievalStage", "LastOperationStage", "RandomStage")
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(_FIXED, "memtrace.attribution.baselines.fixed"),
        "FlatLogStage": "memtrace.attribution.baselines.flat_log",
        "WholeTraceStage": "memtrace.attribution.baselines.whole_trace",
    },
)
