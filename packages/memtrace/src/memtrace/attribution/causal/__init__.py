"""The causal stage: suspects are repaired, the run is replayed, and the answer decides."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.attribution.causal.experiments import Experiment, Experiments
    from memtrace.attribution.causal.repairs import Repair
    from memtrace.attribution.causal.stage import CausalStage

__all__ = ["CausalStage", "Experiment", "Experiments", "Repair"]

_HOMES = {
    "experiments": ("Experiment", "Experiments"),
    "repairs": ("Repair",),
    "stage": ("CausalStage",),
}
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        name: f"memtrace.attribution.causal.{home}"
        for home, names in _HOMES.items()
        for name in names
    },
)
