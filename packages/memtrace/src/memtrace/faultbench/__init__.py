"""FaultBench: memory pipelines with faults planted at known operations, each verified by replay."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.faultbench.types import Fault, FaultKind, Opportunity, Pipeline, Recipe

__all__ = ["Fault", "FaultKind", "Opportunity", "Pipeline", "Recipe"]

_HOMES = {"types": ("Fault", "FaultKind", "Opportunity", "Pipeline", "Recipe")}
__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"memtrace.faultbench.{home}" for home, names in _HOMES.items() for name in names},
)
