"""Attribution: which operation is to blame for a wrong answer, and how the fact was lost."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.attribution.attributing import STAGES, AttributionStage, attribute, examine
    from memtrace.attribution.case import Case, Question
    from memtrace.attribution.causal import CausalStage
    from memtrace.attribution.facts import CriticalFact, Witness, critical_facts
    from memtrace.attribution.investigating import investigate
    from memtrace.attribution.paraphrasing import Paraphrases
    from memtrace.attribution.reader import TraceReader
    from memtrace.attribution.second_opinion import EvidenceJudge, Judges
    from memtrace.attribution.suspecting import SurvivalStage
    from memtrace.attribution.taxonomy import DEFINITIONS, ErrorType, LossKind
    from memtrace.attribution.types import (
        Attribution,
        Cost,
        DecisiveSet,
        FactPath,
        FactStep,
        Rate,
        Suspect,
        Trial,
        Verdict,
        rate,
    )
    from memtrace.attribution.validity import ValidityStage

__all__ = [
    "DEFINITIONS", "STAGES", "Attribution", "AttributionStage", "Case", "CausalStage", "Cost",
    "CriticalFact", "DecisiveSet", "ErrorType", "EvidenceJudge", "FactPath", "FactStep", "Judges",
    "LossKind", "Paraphrases", "Question", "Rate", "SurvivalStage", "Suspect", "TraceReader",
    "Trial", "ValidityStage", "Verdict", "Witness", "attribute", "critical_facts", "examine",
    "investigate", "rate",
]  # fmt: skip

_HOMES = {
    "attributing": ("STAGES", "AttributionStage", "attribute", "examine"),
    "case": ("Case", "Question"),
    "causal": ("CausalStage",),
    "facts": ("CriticalFact", "Witness", "critical_facts"),
    "investigating": ("investigate",),
    "paraphrasing": ("Paraphrases",),
    "reader": ("TraceReader",),
    "second_opinion": ("EvidenceJudge", "Judges"),
    "suspecting": ("SurvivalStage",),
    "taxonomy": ("DEFINITIONS", "ErrorType", "LossKind"),
    "types": (
        "Attribution", "Cost", "DecisiveSet", "FactPath", "FactStep", "Rate", "Suspect", "Trial",
        "Verdict", "rate",
    ),
    "validity": ("ValidityStage",),
}  # fmt: skip
__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"memtrace.attribution.{home}" for home, names in _HOMES.items() for name in names},
)
