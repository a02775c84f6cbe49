"""Nouns of FaultBench: recipes, pipelines, clean runs, kinds of fault and where they are planted.

A fault is a *defect* of the system under test (see `memtrace.execution.Execution`): a function over
what one operation passes on, applied at one place in every run, and invisible in the trace.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from memtrace.attribution.taxonomy import ErrorType
from memtrace.attribution.types import Verdict
from memtrace.execution.interventions import AtPoint
from memtrace.execution.places import Place

if TYPE_CHECKING:
    from lmcommon.data.types import Conversation, Question
    from lmcommon.judge.base import AnswerJudge
    from lmcommon.llm.base import ChatModel

__all__ = [
    "CleanRun", "Control", "Fault", "FaultKind", "Observed", "Opportunity", "Pipeline", "Recipe",
    "Split", "Staging",
]  # fmt: skip

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
    category: str = ""
    """Of the question that it asks, for tables; known once it is verified."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able row; `from_dict` reads it."""
        return {**asdict(self), "kinds": list(self.kinds)}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Recipe:
        """The recipe of a row."""
        return cls(**{**row, "kinds": tuple(row["kinds"])})

    @property
    def bundle(self) -> str:
        """Recipes of one bundle share a history and a clean run."""
        return f"{self.pipeline}/{self.size}/{self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A memory system with its settings, under a name.

    Example: `Pipeline(name="rag_bm25", build=lambda model: RagConfig(...).build(model))`
    """

    name: str
    build: Callable[[ChatModel], Callable[[str], Any]]
    """Makes a factory of memories from a model."""
    system: str = ""
    """Which of the systems it is (`long_context`, `rag`, `mem0`, ...), for tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What one operation of the clean run passed on at one of its points.

    Example: `Observed(operation="op-20", name="extract", kind="extraction",
    place=Place("mem0/c1", "add s1/D1:3/parse#0"), role="facts", value=["Ana: I left."])`
    """

    operation: str
    """Its id in the clean trace."""
    name: str
    kind: str
    place: Place
    role: str
    value: Any

    @property
    def question(self) -> str | None:
        """Id of the question it worked for; None: it worked while the history was taken in."""
        key, _, rest = self.place.path.partition("/")
        return key.removeprefix("ask ") if rest and key.startswith("ask ") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRun:
    """A pipeline over a history without any fault: what faults are planted into.

    Example: `CleanRun(pipeline="rag_bm25", conversation=history, points=(...), answers={"c1:q1":
    "Lisbon"})`
    """

    pipeline: str
    conversation: Conversation
    points: tuple[Observed, ...]
    """In the order of time."""
    answers: Mapping[str, str]
    """What was answered, by question id; questions whose model call failed are missing."""
    right: frozenset[str] = frozenset()
    """Ids of the questions that were answered right."""

    def passing(self, question: Question) -> Iterator[Observed]:
        """The points that this question's answer can depend on."""
        return (one for one in self.points if one.question in (None, question.id))


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

    def opportunities(self, run: CleanRun, question: Question) -> Iterator[Opportunity]:
        """Where it can be planted so that it may hit the answer of this question.

        Args:
            run: The unfaulted run.
            question: A question that it answers right.
        """
        ...

    def plant(self, opportunity: Opportunity, rng: random.Random) -> Fault:
        """The fault there. Its function must be pure, and do nothing to a value it does not fit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """What a control does to a case: what is asked, what is told, what misbehaves.

    Example: `Staging(question=replace(question, answer="Oslo"), verdict=Verdict.ANNOTATION,
    judged=False)`
    """

    question: Question
    """As it is asked, with the gold answer that is told."""
    verdict: Verdict
    """What is right to say of the case."""
    judged: bool
    """What the judge must say for the case to hold."""
    defects: tuple[AtPoint, ...] = ()
    judge: AnswerJudge | None = None
    """Who judges, in the recording and in replays; None: the usual judge."""
    is_right: bool = True
    """Whether the usual judge must find the answer right by the true gold answer."""
    shown: tuple[str, ...] = ()
    """Words that must stand in the prompt of the answer, or the answer would come from nowhere."""


class Control(Protocol):
    """A case in which no operation of the memory is to be blamed: a plug-in like a kind."""

    @property
    def name(self) -> str:
        """Unique among kinds and controls."""
        ...

    def stagings(self, run: CleanRun, question: Question, rng: random.Random) -> Iterator[Staging]:
        """Ways to stage it with this question, best first; none where it does not fit.

        Args:
            run: The unfaulted run.
            question: A question that it answers right.
            rng: For choices.
        """
        ...
