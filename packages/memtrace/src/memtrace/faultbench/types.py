"""Nouns of FaultBench: recipes, pipelines, kinds of fault, and where a fault can be planted.

A fault is a *defect* of the system under test (see `memtrace.execution.Execution`): a function over
what one operation passes on, applied at one place in every run, and invisible in the trace.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from memtrace.attribution.taxonomy import ErrorType
from memtrace.execution.interventions import AtPoint
from memtrace.execution.places import Place

if TYPE_CHECKING:
    from lmcommon.data.types import Conversation, Question
    from lmcommon.llm.base import ChatModel
    from memtrace.attribution.reader import TraceReader

__all__ = ["Fault", "FaultKind", "Opportunity", "Pipeline", "Recipe", "Split"]

Split = Literal["dev", "report", "held_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A case in a few words: everything else follows from the seed.

    Example:
        `Recipe(id="v1-0017", pipeline="rag_bm25", seed=71, size="tiny", kinds=("topk_cut",))`
    """

    id: str
    pipeline: str
    seed: int
    """Decides the history, the question and where the faults are planted."""
    size: str = "tiny"
    kinds: tuple[str, ...] = ()
    """Fault kinds (one, two or three), or one control."""
    split: Split = "report"
    tries: int = 0
    """Which draw of the seed held when it was verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A memory system with its settings, under a name.

    Example: `Pipeline(name="rag_bm25", build=lambda model: RagBm25Config(top_k=3).build(model))`
    """

    name: str
    build: Callable[[ChatModel], Callable[[str], Any]]
    """Makes a factory of memories from a model."""
    system: str = ""
    """Which of the systems it is (`long_context`, `rag`, `mem0`, ...), for tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """Where a fault of some kind can be planted in a recorded clean run.

    `operation`, `place` and `role` name the point; `about` is for the kind's own use.
    """

    operation: str
    place: Place
    role: str
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault at its place.

    Example: `Fault(kind="drop_fact", defect=Oracle(at=place, role="facts", function=lose))`
    """

    kind: str
    defect: AtPoint
    """With a place and a role."""
    error_type: ErrorType
    in_words: str = ""
    """What it does, for the docs and the evidence of a case; never shown to attribution."""


class FaultKind(Protocol):
    """One sort of fault: a plug-in (entry point group `memtrace.fault_kinds`)."""

    @property
    def name(self) -> str:
        """Unique, in lower case with underscores."""
        ...

    def opportunities(
        self, clean: TraceReader, conversation: Conversation, question: Question, answer: str
    ) -> Iterator[Opportunity]:
        """Where it can be planted so that it may hit the answer of this question.

        Args:
            clean: The trace of the unfaulted run.
            conversation: The history.
            question: The question, which the clean run answers right.
            answer: Variable id of that answer.
        """
        ...

    def plant(self, opportunity: Opportunity, rng: random.Random) -> Fault:
        """The fault there. Its function must be pure, and do nothing to a value it does not fit."""
        ...
