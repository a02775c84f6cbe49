"""One case attributed by one method, with what is known to be at fault: what the scorer reads.

In: a loaded case and its attribution. Out: an `Outcome`, whose row in `attributions.jsonl` is all
that is needed to score a finished run again: the trace is looked at here, once, for distances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memtrace.attribution.reader import TraceReader
from memtrace.attribution.taxonomy import ErrorType, LossKind
from memtrace.attribution.types import Attribution, Verdict
from memtrace.scoring.distances import nearest
from memtrace.scoring.types import CaseRef, Label, Loaded

__all__ = ["Outcome", "outcome_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a method said of a case, beside the label.

    Example:
        `Outcome(case="v1/17", method="full", label=Label(operations=("op-20",)),
        attribution={"verdict": "memory error", "operations": ["op-20"], ...})`
    """

    case: str
    method: str
    groups: Mapping[str, str] = field(default_factory=dict)
    label: Label | None = None
    attribution: Mapping[str, Any] | None = None
    """`Attribution.to_dict()`; None: the attempt failed and is unscored."""
    failure: str | None = None
    """Why there is no attribution."""
    distance: int | None = None
    """Operations along the lineage from the first blamed operation to the nearest one at fault; 0:
    it is one of them; None: not within reach, or nothing was blamed."""
    names: tuple[str, ...] = ()
    """Names of the operations at fault."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """More to keep: stages that ran, evidence that was told, seconds."""

    @property
    def key(self) -> tuple[str, str]:
        """Case and method: unique in a run."""
        return self.case, self.method

    @property
    def is_scored(self) -> bool:
        """Whether there is an attribution and a label to hold it against."""
        return self.attribution is not None and self.label is not None

    @property
    def verdict(self) -> Verdict | None:
        """What came of it; None: it failed."""
        return None if self.attribution is None else Verdict(self.attribution["verdict"])

    @property
    def operations(self) -> tuple[str, ...]:
        """Operations that were blamed, in the order of time."""
        return () if self.attribution is None else tuple(self.attribution["operations"])

    @property
    def operation(self) -> str | None:
        """The first of them."""
        return self.operations[0] if self.operations else None

    @property
    def error_types(self) -> tuple[ErrorType, ...]:
        """The error type of each operation that was blamed, or the one of the verdict."""
        if self.attribution is None:
            return ()
        if self.decisive is not None and self.operations:
            found = [one["error_type"] for one in self.decisive["members"]]
        else:
            found = [self.attribution["error_type"]]
        return tuple(ErrorType(one) for one in found if one is not None)

    @property
    def loss(self) -> LossKind | None:
        """How the fact was lost, by the first suspect."""
        said = None if self.attribution is None else self.attribution["loss"]
        return None if said is None else LossKind(said)

    @property
    def name(self) -> str | None:
        """Name of the operation that was blamed first."""
        named = (one["name"] for one in self._suspects if one["operation"] == self.operation)
        return None if self.operation is None else next(named, None)

    @property
    def ranked(self) -> tuple[str, ...]:
        """Operations of all suspects, best first, each once."""
        return tuple(dict.fromkeys(
            one["operation"] for one in self._suspects if one["operation"] is not None
        ))  # fmt: skip

    @property
    def decisive(self) -> Mapping[str, Any] | None:
        """The set that was proved by replay."""
        found = None if self.attribution is None else self.attribution.get("decisive")
        return found or None

    @property
    def cost(self) -> Mapping[str, float]:
        """Fields of `memtrace.attribution.Cost`."""
        return {} if self.attribution is None else self.attribution.get("cost") or {}

    @property
    def _suspects(self) -> list[Mapping[str, Any]]:
        return [] if self.attribution is None else list(self.attribution["suspects"])

    def to_dict(self) -> dict[str, Any]:
        """The row of `attributions.jsonl`."""
        return {
            "case": self.case, "method": self.method, "groups": dict(self.groups),
            "label": None if self.label is None else self.label.to_dict(),
            "failure": self.failure, "distance": self.distance, "names": list(self.names),
            **self.about, "attribution": self.attribution,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Outcome:
        """The outcome of a row.

        Raises:
            KeyError, ValueError: The row is of something else.
        """
        known = {"case", "method", "groups", "label", "failure", "distance", "names", "attribution"}
        return cls(
            case=row["case"], method=row["method"], groups=row["groups"],
            label=None if row["label"] is None else Label.from_dict(row["label"]),
            attribution=row["attribution"], failure=row["failure"], distance=row["distance"],
            names=tuple(row["names"]),
            about={key: value for key, value in row.items() if key not in known},
        )  # fmt: skip


def outcome_of(
    ref: CaseRef, method: str, loaded: Loaded, attribution: Attribution, *,
    about: Mapping[str, Any] | None = None, keeps_paths: bool = False,
) -> Outcome:  # fmt: skip
    """Put an attribution beside the label of its case.

    Args:
        ref: The case.
        method: What the method is called.
        loaded: The case, still open.
        attribution: What the method said.
        about: More to keep in the row.
        keeps_paths: Keep the path of each fact too: most of the size of a row.
    """
    body = attribution.to_dict()
    if not keeps_paths:
        del body["paths"]
    label = loaded.label
    distance: int | None = None
    names: tuple[str, ...] = ()
    if label is not None:
        names = label.names or _names(loaded.reader, label)
        if attribution.operations and label.operations:
            distance = nearest(loaded.reader, attribution.operations[0], label.operations)
    return Outcome(
        case=ref.id, method=method, groups=dict(ref.groups), label=label, attribution=body,
        distance=distance, names=names, about=dict(about or {}),
    )  # fmt: skip


def _names(reader: TraceReader, label: Label) -> tuple[str, ...]:
    return tuple(reader.operation(one).name for one in label.operations)
