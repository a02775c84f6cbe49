"""Attribution: which operation is to blame for a wrong answer, and how the fact was lost."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.attribution.attributing import STAGES, attribute
    from memtrace.attribution.facts import CriticalFact, Witness, critical_facts
    from memtrace.attribution.reader import TraceReader
    from memtrace.attribution.taxonomy import DEFINITIONS, ErrorType, LossKind
    from memtrace.attribution.types import Attribution, FactPath, FactStep, Suspect

__all__ = [
    "DEFINITIONS", "STAGES", "Attribution", "CriticalFact", "ErrorType", "FactPath", "FactStep",
    "LossKind", "Suspect", "TraceReader", "Witness", "attribute", "critical_facts",
]  # fmt: skip

_HOMES = {
    "attributing": ("STAGES", "attribute"),
    "facts": ("CriticalFact", "Witness", "critical_facts"),
    "reader": ("TraceReader",),
    "taxonomy": ("DEFINITIONS", "ErrorType", "LossKind"),
    "types": ("Attribution", "FactPath", "FactStep", "Suspect"),
}
__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"memtrace.attribution.{home}" for home, names in _HOMES.items() for name in names},
)
