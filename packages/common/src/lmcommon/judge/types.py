"""What is judged and what a judge says: criterion, rubric, verdict.

A verdict has one documented range: satisfied, violated, or *unscored* (the judge failed). Unscored
is never counted as violated; consumers mask it and count it. A graded criterion has a scale: its
verdict holds the grade too, and is satisfied from the criterion's pass mark on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Criterion", "Rubric", "Verdict"]

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One checkable statement about a response.

    Example:
        `Criterion(id="c1", text="No commas.", constraint_id="punctuation:no_comma")`
    """

    id: str
    text: str
    constraint_id: str | None = None
    """Program-checked constraint (see `lmcommon.verify`); None: needs an LLM judge."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the program check. JSON values only."""
    weight: float = 1.0
    """Points; negative for a criterion that must not hold."""
    tags: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None
    """Lowest and highest grade, for a criterion that a judge grades; None: a yes/no statement."""
    pass_mark: float | None = None
    """Grade from which a graded criterion counts as satisfied."""

    def __post_init__(self) -> None:
        if self.scale is None:
            if self.pass_mark is not None:
                raise ValueError(f"criterion {self.id!r}: expected a scale for its pass mark")
            return
        low, high = self.scale
        if self.pass_mark is None or not low < self.pass_mark <= high:
            raise ValueError(
                f"criterion {self.id!r}: expected a pass mark above {low} and up to {high}; got "
                f"{self.pass_mark}"
            )
        if self.constraint_id is not None:
            raise ValueError(
                f"criterion {self.id!r}: expected a scale or a program check, not both"
            )

    @property
    def is_graded(self) -> bool:
        """Whether a judge grades it, in place of saying yes or no."""
        return self.scale is not None

    def is_met(self, satisfied: bool | None) -> bool | None:
        """Whether a verdict is what the criterion wants: at negative weight, that it does not hold.

        None where there is no verdict.
        """
        return None if satisfied is None else satisfied is (self.weight >= 0)


@dataclass(frozen=True, slots=True)
class Rubric:
    """The criteria of one prompt, in order. Ids are unique."""

    criteria: tuple[Criterion, ...]

    def __post_init__(self) -> None:
        ids = [criterion.id for criterion in self.criteria]
        if len(set(ids)) != len(ids):
            raise ValueError(f"rubric: expected unique criterion ids; got {ids}")

    def __len__(self) -> int:
        return len(self.criteria)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one criterion says of one response.

    Example:
        `Verdict(satisfied=False, spans=((10, 11),), source="program")`: a comma at character 10.
    """

    satisfied: bool | None
    """None: unscored, `failure` says why."""
    spans: tuple[Span, ...] | None = None
    """Character ranges `[start, end)` of the response that decide the verdict. Empty: decided by
    something absent (a required word that is missing). None: the check cannot tell, or the whole
    response decides (a length)."""
    source: Literal["program", "judge"] = "judge"
    rationale: str = ""
    failure: str | None = None
    confidence: float | None = None
    """In [0, 1], when the judge gives one."""
    score: float | None = None
    """Grade of a graded criterion, in the units of its scale; None: a yes/no verdict."""

    def __post_init__(self) -> None:
        if (self.satisfied is None) != (self.failure is not None):
            raise ValueError(f"an unscored verdict, and only that, needs a failure; got {self}")
        if self.satisfied is None and self.score is not None:
            raise ValueError(f"an unscored verdict has no grade; got {self}")

    @property
    def is_scored(self) -> bool:
        """Whether there is a verdict at all."""
        return self.satisfied is not None

    @classmethod
    def unscored(cls, failure: str, *, source: Literal["program", "judge"] = "judge") -> Verdict:
        """The verdict of a judge that failed."""
        return cls(satisfied=None, failure=failure, source=source)
