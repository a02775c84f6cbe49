"""What travels between the process that starts a run and those that do the work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmcommon.data.types import Conversation
from lmcommon.llm.budget import Budget
from memtrace.memory.config import MemoryConfig

__all__ = ["Asked", "Died", "Event", "Finished", "Setup", "Task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a process needs to answer questions; small, and made of configurations only.

    Example: `Setup(llm=ScriptedConfig(), systems={"rag_bm25": RagConfig(retriever="bm25")})`
    """

    llm: Any
    """Configuration of the model that answers."""
    systems: Mapping[str, MemoryConfig]
    """By what the run calls them."""
    judge: str = "normalized"
    judge_llm: Any = None
    """Configuration of the judge's own model; None: the one that answers."""
    batch_size: int = 32
    seed: int = 0

    @property
    def budgets(self) -> dict[str, Budget]:
        """The limits that have to hold over all processes together, by model."""
        models = {"llm": self.llm, "judge_llm": self.judge_llm}
        limits = {name: one.budget.build() for name, one in models.items() if one is not None}
        return {name: limit for name, limit in limits.items() if limit != Budget()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One conversation for one system, with what is still open of it."""

    number: int
    """Its place in the order of the run."""
    system: str
    conversation: Conversation
    suffix: str
    """Tells the memories of attempts apart; see `Work`."""
    answered: frozenset[str]
    """Ids of questions that need not be asked again."""
    tried: int = 0
    """How many workers died over it in this attempt."""

    @property
    def part(self) -> str:
        """Name of the folder it is recorded in."""
        return f"{self.number:06d}" + (f".{self.tried}" if self.tried else "")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the task has its episode on disk."""

    task: Task


@dataclass(frozen=True, slots=True)
class Finished:
    """All questions of the task have."""

    task: Task


@dataclass(frozen=True, slots=True)
class Died:
    """The process that worked on the task is gone."""

    task: Task
    reason: str


Event = Asked | Finished | Died
