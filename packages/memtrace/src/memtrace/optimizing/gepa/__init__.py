"""GEPA (the package `gepa`, an extra) as the loop: guided by attribution, or as it comes."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.optimizing.gepa.blind import blind_gepa
    from memtrace.optimizing.gepa.guided import guided_gepa

__all__ = ["blind_gepa", "guided_gepa"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "blind_gepa": "memtrace.optimizing.gepa.blind",
        "guided_gepa": "memtrace.optimizing.gepa.guided",
    },
)
