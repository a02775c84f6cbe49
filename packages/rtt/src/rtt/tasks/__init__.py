"""Tasks: prompts with program-checked rubrics, split into training and held-out prompts."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.tasks.base import SketchingTask, Split, Task
    from rtt.tasks.rubrics import RubricsTask
    from rtt.tasks.words import WordsTask

__all__ = ["RubricsTask", "SketchingTask", "Split", "Task", "WordsTask"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "RubricsTask": "rtt.tasks.rubrics",
        "SketchingTask": "rtt.tasks.base",
        "Split": "rtt.tasks.base",
        "Task": "rtt.tasks.base",
        "WordsTask": "rtt.tasks.words",
    },
)
