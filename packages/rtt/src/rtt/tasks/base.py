"""What a trainer asks of a task."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Literal, Protocol, runtime_checkable

from lmcommon.data.types import RubricPrompt

__all__ = ["SketchingTask", "Split", "Task"]

Split = Literal["train", "heldout"]


@runtime_checkable
class Task(Protocol):
    """Prompts with rubrics.

    Example:
        `WordsTask()`, or the rows of a file.
    """

    @property
    def max_tokens(self) -> int:
        """Tokens of a response at most."""
        ...

    def prompts(self, split: Split, seed: int) -> Iterator[RubricPrompt]:
        """Prompts of one split; the same seed gives the same stream.

        Training prompts may be endless. A held-out stream of a finite set ends with the set.
        """
        ...


@runtime_checkable
class SketchingTask(Task, Protocol):
    """A task that can also write partly right responses, for a supervised warm start."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every word that a prompt or a response can hold."""
        ...

    def sketch(self, prompt: RubricPrompt, random: Random, *, care: float) -> str:
        """A response that tries to meet each criterion with probability `care`."""
        ...
