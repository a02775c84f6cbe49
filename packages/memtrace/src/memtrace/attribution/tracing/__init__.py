"""Tracing: a model explores the operations behind a wrong answer, within a budget."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.attribution.tracing.stage import TracingStage
    from memtrace.attribution.tracing.types import Finding, TracingSettings

__all__ = ["Finding", "TracingSettings", "TracingStage"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Finding": "memtrace.attribution.tracing.types",
        "TracingSettings": "memtrace.attribution.tracing.types",
        "TracingStage": "memtrace.attribution.tracing.stage",
    },
)
