"""Nouns of the report: questions with what came of them, and the sections made of them.

In: nothing. Out: frozen records. A share is a `Rate`, which has its interval; what is unscored is
counted apart and is in no share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from memtrace.attribution.types import Rate
from memtrace.scoring.analysis import Cell, Failure
from memtrace.show.cases import FactView

__all__ = [
    "Advice", "Asked", "Example", "Listed", "Lost", "Report", "Section", "Spending", "State",
    "Statement", "Studied", "Summary", "TypeRow", "WorstOperation",
]  # fmt: skip

State = Literal["right", "wrong", "unscored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A fact that was lost on its way.

    Example: `Lost(value="Lisbon", operation="op-9", name="rerank", loss="...", rank=7, limit=5)`
    """

    value: str
    operation: str
    name: str
    loss: str
    rank: int | None = None
    """Where the fact stood in the ranking that the operation cut; None: the trace does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with what came of it, and what was blamed for a wrong answer.

    Example: `Asked(id="rag/c1/q3/var-9", system="rag", category="update", state="wrong", ...)`
    """

    id: str
    """The case id: what `memtrace-attribute cases=[...]` takes."""
    system: str
    category: str
    question: str
    gold: str | None
    prediction: str
    state: State
    why: str = ""
    """What the judge said, or why there is no verdict."""
    answer: str | None = None
    """Variable id of the answer."""
    trace: Path | None = None
    """None: the trace is not there."""
    method: str = ""
    """What attributed it."""
    attribution: Mapping[str, Any] | None = None
    """`Attribution.to_dict()` without its paths."""
    failure: Failure | None = None
    """What the attribution says; None: there is none, or it found no failure."""
    obstacle: str = ""
    """Why a wrong answer has no attribution."""
    lost: tuple[Lost, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the blamed operation."""
    prompt: str | None = None
    """Name of the prompt that the blamed operation used."""

    @property
    def kind(self) -> str:
        """Kind of the blamed operation; empty where none is blamed."""
        body = self.attribution or {}
        found = (s for s in body.get("suspects", ()) if s["operation"] == body.get("operation"))
        return str(next(found, {"kind": ""})["kind"])

    @property
    def confidence(self) -> float:
        """Of the attribution."""
        return float((self.attribution or {}).get("confidence") or 0.0)

    @property
    def loss(self) -> str:
        """How the fact was lost, in the words of `LossKind`."""
        return str((self.attribution or {}).get("loss") or "")

    @property
    def is_proved(self) -> bool:
        """Whether the blame was proved by replay."""
        return self.failure is not None and self.failure.proved


@dataclass(frozen=True, slots=True)
class Spending:
    """What operations came to. Adds up with `+`. Example: `Spending(count=8, calls=8, ms=410.5)`"""

    count: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    ms: float = 0.0
    """Wall time, with that of the operations inside."""
    errors: int = 0
    model_ms: float = 0.0
    """What the model calls report, a batch once."""

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            self.count + other.count, self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens, self.cost_usd + other.cost_usd,
            self.ms + other.ms, self.errors + other.errors, self.model_ms + other.model_ms,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Studied:
    """A memory system on a data set: everything that finished runs hold of it.

    Example: `Studied(system="rag_bm25", data="locomo", model="m", runs=("runs/a",), asked=(...,))`
    """

    system: str
    data: str
    model: str
    runs: tuple[str, ...]
    traces: tuple[Path, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    seeds: tuple[str, ...] = ()
    asked: tuple[Asked, ...] = ()
    costs: Mapping[str, Spending] = field(default_factory=dict)
    """By the name of the operation, as the traces tell."""
    attributing: Spending = Spending()
    """What the attributions came to; `count` is their replays."""
    is_whole: bool = True
    """Whether right answers are known too; else only failures were handed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRow:
    """A type of question. Example: `TypeRow(category="update", right=Rate(...), unscored=1)`"""

    category: str
    right: Rate
    unscored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A case worked out: the fact's path, what was repaired, how to open it."""

    asked: Asked
    facts: tuple[FactView, ...] = ()
    obstacle: str = ""
    """Why no path is shown."""
    repairs: tuple[tuple[str, str, str], ...] = ()
    """What was repaired, how often that made the answer right, what was answered."""
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstOperation:
    """An operation that was blamed.

    Example: `WorstOperation(name="retrieve", failures=Rate(...), proved=3, ...)`
    """

    name: str
    failures: Rate
    """Of the failures in which the system is at fault or may be."""
    proved: int
    error_types: tuple[str, ...]
    facts_lost: int | None
    """Facts that ended here, in all failures; None: no trace tells."""
    spent: Spending | None
    """None: the traces are not there."""
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A case that is only named. Example: `Listed(case="rag/c1/q3", what="unscored", why="...")`"""

    case: str
    question: str
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to look at, by a stated rule.

    Example: `Advice(rule="not retrieved", todo="...", because="...", cases=("rag/c1/q3",))`
    """

    rule: str
    todo: str
    because: str
    """What was counted or measured, and nothing that was not."""
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of a model with the cases it stands on. Example: `Statement("...", ("a/q1",))`"""

    text: str
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a model wrote. Example: `Summary(model="m", statements=(...,), uncited=1)`"""

    model: str
    statements: tuple[Statement, ...] = ()
    uncited: int = 0
    """Statements that were dropped since they name no case."""
    unknown: int = 0
    """Statements that were refused since they name a case that is not there."""
    failure: str = ""
    """Why there is no summary."""
    spent: Spending = Spending()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One system on one data set, counted."""

    studied: Studied
    right: Rate
    wrong: Rate
    unscored: int
    types: tuple[TypeRow, ...]
    cells: tuple[Cell, ...]
    """WorstOperation and error type, of the failures that may be the system's."""
    cells_by_type: tuple[Cell, ...]
    """The same by type of question."""
    operations: tuple[WorstOperation, ...]
    invalid: tuple[Listed, ...]
    """Annotation and judge errors: not held against the system."""
    unexplained: tuple[Listed, ...]
    """Wrong answers for which nothing is blamed."""
    unscored_cases: tuple[Listed, ...]
    advice: tuple[Advice, ...]
    spent: Spending
    methods: Mapping[str, int]
    """What attributed how many cases."""
    summary: Summary | None = None

    @property
    def title(self) -> str:
        """System and data set."""
        return f"{self.studied.system} on {self.studied.data}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole report. Example: `Report(title="rag_bm25 on locomo", sections=(Section(...),))`"""

    title: str
    sections: tuple[Section, ...]
