"""Evaluation: a memory system over a conversation's questions, judged, as episodes."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.evaluate.evaluating import evaluate
    from memtrace.evaluate.stages import Stage, schedule
    from memtrace.evaluate.types import Episode

__all__ = ["Episode", "Stage", "evaluate", "schedule"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Episode": "memtrace.evaluate.types",
        "Stage": "memtrace.evaluate.stages",
        "evaluate": "memtrace.evaluate.evaluating",
        "schedule": "memtrace.evaluate.stages",
    },
)
