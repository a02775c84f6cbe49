"""Scoring: attributions against labels, over any source of labelled cases."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.scoring.types import CaseRef, Label, Loaded, Source

__all__ = ["CaseRef", "Label", "Loaded", "Source"]

_HOMES = {"types": ("CaseRef", "Label", "Loaded", "Source")}
__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"memtrace.scoring.{home}" for home, names in _HOMES.items() for name in names},
)
