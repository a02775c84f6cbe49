"""Nouns of scoring: cases to attribute, what is known to be at fault in them, where they come from.

FaultBench, MemTraceBench, Who&When and plain trace files are all a `Source`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from memtrace.attribution.case import Question
from memtrace.attribution.laboratory import Laboratory
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.taxonomy import ErrorType
from memtrace.attribution.types import Verdict

__all__ = ["CaseRef", "Label", "Loaded", "Source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is known to be at fault in a case. Attribution never sees it.

    Example: `Label(operations=("op-20",), error_types=(ErrorType.EXTRACTION,), kinds=("drop",))`
    """

    operations: tuple[str, ...] = ()
    """Ids in the case's trace, in the order of time; empty where no operation is at fault."""
    error_types: tuple[ErrorType, ...] = ()
    """One for each operation; without operations the one that is right (Annotation, Judge)."""
    verdict: Verdict = Verdict.MEMORY
    kinds: tuple[str, ...] = ()
    """Kinds of the planted faults, or of the control."""
    names: tuple[str, ...] = ()
    """Names of the operations at fault (agents), where whoever labelled said them; else they are
    read in the trace."""

    @property
    def is_control(self) -> bool:
        """Whether blaming any operation of the memory would be wrong."""
        return self.verdict is not Verdict.MEMORY

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "operations": list(self.operations), "error_types": list(self.error_types),
            "verdict": self.verdict, "kinds": list(self.kinds), "names": list(self.names),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Label:
        """The label that `to_dict` wrote."""
        return cls(
            operations=tuple(row["operations"]), verdict=Verdict(row["verdict"]),
            error_types=tuple(map(ErrorType, row["error_types"])), kinds=tuple(row["kinds"]),
            names=tuple(row.get("names", ())),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRef:
    """The name of a case, and what tables are grouped by. Small and picklable.

    Example: `CaseRef(id="v1/rag_bm25/0017", bundle="rag_bm25/h3", groups={"pipeline": "rag_bm25"})`
    """

    id: str
    bundle: str = ""
    """Cases of one bundle share a trace: they are best loaded one after the other."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """`pipeline`, `category`, `size`, `split`, `dataset`, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A case ready to be attributed."""

    ref: CaseRef
    reader: TraceReader
    question: Question
    label: Label | None = None
    laboratory: Laboratory | None = None
    """None: the run cannot be replayed (imported traces)."""
    obstacle: str = ""
    """Why there is no laboratory, where that is known."""
    scope: str | None = None
    """The memory that answered, for replays."""
    question_id: str | None = None


class Source(Protocol):
    """Labelled cases. Picklable, so that worker processes can load cases by their reference."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def refs(self) -> Sequence[CaseRef]:
        """All cases, bundle by bundle."""
        ...

    def load(self, ref: CaseRef) -> AbstractContextManager[Loaded]:
        """Build or open one case; what was built is gone after the block."""
        ...
