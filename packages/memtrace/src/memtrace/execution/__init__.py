"""Execution: where running code is, in names that stay the same from run to run.

What a replay needs of the code that runs: places (`within`, `next_place`, `next_id`), operations
that can be intervened on (`Stage`), model calls that may be answered by an earlier run
(`complete`), and the object that decides both (`Execution`).
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.execution.calls import Completed, TracedModel, complete
    from memtrace.execution.execution import Execution, Ledger, current_execution, execute
    from memtrace.execution.interventions import (
        Drop,
        Insert,
        Intervention,
        Oracle,
        Reorder,
        Replace,
        Resample,
        SetParameter,
        SwapModel,
        SwapPrompt,
    )
    from memtrace.execution.places import (
        Place,
        Scope,
        next_id,
        next_place,
        now,
        scope_here,
        within,
    )
    from memtrace.execution.replies import RecordedReplies
    from memtrace.execution.stage import Stage

__all__ = [
    "Completed", "Drop", "Execution", "Insert", "Intervention", "Ledger", "Oracle", "Place",
    "RecordedReplies", "Reorder", "Replace", "Resample", "Scope", "SetParameter", "Stage",
    "SwapModel", "SwapPrompt", "TracedModel", "complete", "current_execution", "execute",
    "next_id", "next_place", "now", "scope_here", "within",
]  # fmt: skip

_HOMES = {
    "calls": ("Completed", "TracedModel", "complete"),
    "execution": ("Execution", "Ledger", "current_execution", "execute"),
    "interventions": (
        "Drop", "Insert", "Intervention", "Oracle", "Reorder", "Replace", "Resample",
        "SetParameter", "SwapModel", "SwapPrompt",
    ),
    "places": ("Place", "Scope", "next_id", "next_place", "now", "scope_here", "within"),
    "replies": ("RecordedReplies",),
    "stage": ("Stage",),
}  # fmt: skip
__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"memtrace.execution.{home}" for home, names in _HOMES.items() for name in names},
)
