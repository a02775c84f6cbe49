"""The closed loop: attribution says which prompt is guilty, a model rewrites it, replay decides."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.optimizing.blaming import Blamer
    from memtrace.optimizing.evaluator import Evaluator
    from memtrace.optimizing.examples import split
    from memtrace.optimizing.gate import Gate
    from memtrace.optimizing.greedy import GreedySettings
    from memtrace.optimizing.proposing import Proposer
    from memtrace.optimizing.types import Optimization, Splits, Version

__all__ = [
    "Blamer", "Evaluator", "Gate", "GreedySettings", "Optimization", "Proposer", "Splits",
    "Version", "split",
]  # fmt: skip

_HOMES = {
    "blaming": ("Blamer",),
    "evaluator": ("Evaluator",),
    "examples": ("split",),
    "gate": ("Gate",),
    "proposing": ("Proposer",),
    "types": ("Optimization", "Splits", "Version"),
}
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **{name: f"memtrace.optimizing.{home}" for home, names in _HOMES.items() for name in names},
        "GreedySettings": "memtrace.optimizing.greedy",
    },
)
