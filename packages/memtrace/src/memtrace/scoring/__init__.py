"""Scoring: attributions against labels, over any source of labelled cases."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.scoring.comparing import Comparison, compare
    from memtrace.scoring.metrics import COSTS, MEANS, RATES, WORDS
    from memtrace.scoring.outcomes import Outcome, outcome_of
    from memtrace.scoring.scores import Mean, Score, Spread, confusion, score, score_by
    from memtrace.scoring.types import CaseRef, Label, Loaded, Source

__all__ = [
    "COSTS", "MEANS", "RATES", "WORDS", "CaseRef", "Comparison", "Label", "Loaded", "Mean",
    "Outcome", "Score", "Source", "Spread", "compare", "confusion", "outcome_of", "score",
    "score_by",
]  # fmt: skip

_HOMES = {
    "comparing": ("Comparison", "compare"),
    "metrics": ("COSTS", "MEANS", "RATES", "WORDS"),
    "outcomes": ("Outcome", "outcome_of"),
    "scores": ("Mean", "Score", "Spread", "confusion", "score", "score_by"),
    "types": ("CaseRef", "Label", "Loaded", "Source"),
}
__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"memtrace.scoring.{home}" for home, names in _HOMES.items() for name in names},
)
