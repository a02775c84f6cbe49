"""Tasks: prompts with program-checked rubrics, split into training and held-out prompts."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.tasks.words import WordsTask

__all__ = ["WordsTask"]

__getattr__, __dir__ = lazy_exports(__name__, {"WordsTask": "rtt.tasks.words"})
