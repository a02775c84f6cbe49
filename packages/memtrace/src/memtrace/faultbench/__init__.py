"""FaultBench: memory pipelines with faults planted at known operations, each verified by replay."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.faultbench.building import Bench
    from memtrace.faultbench.drawing import Draw, NoDrawError
    from memtrace.faultbench.plugins import Plugins, installed
    from memtrace.faultbench.recipes import HELD_OUT, SETS, read_recipes, write_recipes
    from memtrace.faultbench.source import FaultBenchSource
    from memtrace.faultbench.types import (
        CleanRun,
        Control,
        Fault,
        FaultKind,
        Observed,
        Opportunity,
        Pipeline,
        Recipe,
        Staging,
    )
    from memtrace.faultbench.verifying import Verified, verified

__all__ = [
    "HELD_OUT", "SETS", "Bench", "CleanRun", "Control", "Draw", "Fault", "FaultBenchSource",
    "FaultKind", "NoDrawError", "Observed", "Opportunity", "Pipeline", "Plugins", "Recipe",
    "Staging", "Verified", "installed", "read_recipes", "verified", "write_recipes",
]  # fmt: skip

_HOMES = {
    "building": ("Bench",),
    "drawing": ("Draw", "NoDrawError"),
    "plugins": ("Plugins", "installed"),
    "recipes": ("HELD_OUT", "SETS", "read_recipes", "write_recipes"),
    "source": ("FaultBenchSource",),
    "types": (
        "CleanRun", "Control", "Fault", "FaultKind", "Observed", "Opportunity", "Pipeline",
        "Recipe", "Staging",
    ),
    "verifying": ("Verified", "verified"),
}  # fmt: skip
__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"memtrace.faultbench.{home}" for home, names in _HOMES.items() for name in names},
)
