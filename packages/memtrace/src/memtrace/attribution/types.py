"""What attribution says: where each fact lived and died, who is suspected, how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from memtrace.attribution.facts import CriticalFact
from memtrace.attribution.taxonomy import ErrorType, LossKind

__all__ = ["Attribution", "FactPath", "FactStep", "Suspect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactStep:
    """One operation that read a fact, and whether it passed the fact on.

    Example:
        `FactStep(operation="op-9", name="trim", kind="trim", kept=False, read=("var-7",), ...)`
    """

    operation: str
    seq: int
    name: str
    kind: str
    kept: bool
    """Whether one of its outputs still holds the fact."""
    in_slice: bool
    """Whether the answer depends on it."""
    read: tuple[str, ...] = ()
    """Inputs that hold the fact."""
    wrote: tuple[str, ...] = ()
    """Outputs that hold the fact; when it was lost, the outputs that do not."""
    excerpt: str = ""
    """Where the fact stands: in the outputs if kept, else in the inputs (normal form)."""
    loss: LossKind = LossKind.NOT_LOST


@dataclass(frozen=True, slots=True, kw_only=True)
class FactPath:
    """One critical fact on its way from its witnesses to the answer."""

    fact: CriticalFact
    steps: tuple[FactStep, ...]
    """In the order of time."""
    death: FactStep | None
    """The operation after which it was gone; None: it reached the model."""
    reached_model: bool
    in_answer: bool
    is_verbatim: bool
    """Whether the whole witness sentence was followed, and not only the value near known words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """An operation that may be to blame."""

    operation: str | None
    """None: no operation of the trace (a faulty question, a message that was never taken in)."""
    name: str
    kind: str
    error_type: ErrorType
    loss: LossKind
    score: float
    """In [0, 1]; a ranking within one attribution, not a probability."""
    evidence: str
    """Why, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The verdict on one answer. `to_dict()` is what run folders keep."""

    answer: str
    """Variable id of the answer."""
    question: str
    prediction: str
    gold: str | None
    suspects: tuple[Suspect, ...]
    """Best first. Empty when there is nothing to go by."""
    paths: tuple[FactPath, ...]
    confidence: float
    """In [0, 1]: how much the evidence bears the first suspect."""
    abstained: bool
    reason: str
    """One sentence for people: what happened, or why there is no verdict."""
    log: tuple[str, ...] = ()
    """What each stage found."""
    cost: Mapping[str, float] | None = None
    """`model_calls`, `cost_usd` and `time_ms` of the attribution itself."""

    @property
    def operation(self) -> str | None:
        """The decisive operation; None with `abstained`, or when no operation is at fault."""
        return None if self.abstained or not self.suspects else self.suspects[0].operation

    @property
    def error_type(self) -> ErrorType | None:
        """The kind of error; None with `abstained`."""
        return None if self.abstained or not self.suspects else self.suspects[0].error_type

    @property
    def loss(self) -> LossKind | None:
        """How the fact was lost; None with `abstained`."""
        return None if self.abstained or not self.suspects else self.suspects[0].loss

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        body = asdict(self)
        for path in body["paths"]:
            path["fact"]["anchors"] = sorted(path["fact"]["anchors"])
        return {
            **body, "operation": self.operation, "error_type": self.error_type, "loss": self.loss,
        }  # fmt: skip
