"""What attribution says: where each fact lived and died, who is suspected, how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from lmcommon.stats import wilson_interval
from memtrace.attribution.facts import CriticalFact
from memtrace.attribution.taxonomy import ErrorType, LossKind

__all__ = [
    "Attribution", "Cost", "DecisiveSet", "FactPath", "FactStep", "Rate", "Suspect", "Trial",
    "Verdict", "rate",
]  # fmt: skip


class Verdict(StrEnum):
    """What came of an attribution as a whole."""

    MEMORY = "memory error"
    ANNOTATION = "annotation error"
    JUDGE = "judge error"
    NO_FAILURE = "no failure"
    """The answer is right and was judged right."""
    ABSTAINED = "abstained"

    @classmethod
    def of(cls, error_type: ErrorType) -> Verdict:
        """The verdict that blames this type of error."""
        if error_type is ErrorType.ANNOTATION:
            return cls.ANNOTATION
        return cls.JUDGE if error_type is ErrorType.JUDGE else cls.MEMORY


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share with its 95 % interval (Wilson). Example: `Rate(hits=3, trials=3, low=0.44, ...)`"""

    hits: int
    trials: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """Hits of trials; None without a trial."""
        return self.hits / self.trials if self.trials else None


def rate(hits: int, trials: int) -> Rate:
    """The share with its interval.

    Raises:
        ValueError: Not 0 <= hits <= trials.
    """
    low, high = wilson_interval(hits, trials)
    return Rate(hits=hits, trials=trials, low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One set of repairs that was replayed, some draws of it."""

    operations: tuple[str, ...]
    """What was repaired."""
    flips: Rate
    """How often the answer became right."""
    answers: tuple[str, ...] = ()
    """What was answered, draw by draw."""
    calls: int = 0
    """Model calls that it took."""
    repairs: tuple[str, ...] = ()
    """What was passed on instead, in words, one a repaired point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisiveSet:
    """The Decisive Error Set: the earliest minimal set whose repair makes the answer right.

    Paper: MemTrace, definition of the DES; here every clause was replayed.
    """

    members: tuple[Suspect, ...]
    """In the order of time. The operation of each *decided* the loss."""
    executed_by: tuple[str | None, ...] = ()
    """For each member the operation that carried the loss out (itself, as a rule)."""
    sufficiency: Rate
    """How often repairing all members made the answer right."""
    necessity: tuple[Rate, ...] = ()
    """For each member, how often repairing the others alone did: 0 for a minimal set. Of a single
    member: how often replaying without any repair did."""
    is_minimal: bool = False
    trials: tuple[Trial, ...] = ()
    """Everything that was replayed, in order."""
    prompts: tuple[str | None, ...] = ()
    """For each member the name of the prompt its operation used; None: it used none."""


@dataclass(slots=True)
class Cost:
    """What an attribution came to."""

    model_calls: int = 0
    """Of the attribution itself (judges, tracing) and of its replays."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    replays: int = 0
    time_ms: float = 0.0

    def to_dict(self) -> dict[str, float]:
        """JSON-able form."""
        return {**asdict(self), "time_ms": round(self.time_ms, 1)}


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
    variant: str = ""
    """When it was lost: what nearly the fact stands in the outputs instead (normal form)."""
    altered: str = ""
    """When it was kept: the line in which an operation that should only hand it on changed what
    stands beside the value (normal form)."""
    misdated: str = ""
    """When it was kept: the wrong day under which this operation put it."""


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
    stage: str = "survival"
    """Which stage suspects it."""


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
    verdict: Verdict
    reason: str
    """One sentence for people: what happened, or why there is no verdict."""
    decisive: DecisiveSet | None = None
    """The set that was proved by replay; None: nothing was replayed, or no set was found."""
    log: tuple[str, ...] = ()
    """What each stage found."""
    cost: Mapping[str, float] | None = None
    """Fields of `Cost`: what the attribution itself came to."""

    @property
    def abstained(self) -> bool:
        """Whether there is no verdict."""
        return self.verdict is Verdict.ABSTAINED

    @property
    def is_proved(self) -> bool:
        """Whether the operations were found by repair and replay."""
        return self.decisive is not None and self.verdict is Verdict.MEMORY

    @property
    def _first(self) -> Suspect | None:
        is_told = self.verdict not in (Verdict.ABSTAINED, Verdict.NO_FAILURE)
        return self.suspects[0] if is_told and self.suspects else None

    @property
    def operation(self) -> str | None:
        """The decisive operation (of a set the earliest); None when no operation is blamed."""
        return None if self._first is None else self._first.operation

    @property
    def operations(self) -> tuple[str, ...]:
        """All blamed operations: the decisive set where there is one, else the best suspect."""
        if self.verdict is not Verdict.MEMORY:
            return ()
        if self.decisive is not None:
            return tuple(one.operation for one in self.decisive.members if one.operation)
        return () if self.operation is None else (self.operation,)

    @property
    def error_type(self) -> ErrorType | None:
        """The kind of error; None when nothing is blamed."""
        return None if self._first is None else self._first.error_type

    @property
    def loss(self) -> LossKind | None:
        """How the fact was lost; None when nothing is blamed."""
        return None if self._first is None else self._first.loss

    def __str__(self) -> str:
        rows = {
            "question": self.question, "answered": self.prediction,
            "right": "to abstain" if self.gold is None else self.gold, "verdict": self.verdict,
        }  # fmt: skip
        if self._first is not None:
            named = f"{self._first.name} ({self._first.operation})"
            rows["blame"] = f"{named}, {self.error_type}, {self.loss}"
        rows["because"] = self.reason
        if self.decisive is not None:
            repaired = self.decisive.sufficiency
            rows["proved"] = f"repaired and run again: right {repaired.hits} of {repaired.trials}"
        elif tried := [one for one in self.log if one.startswith("causal: ")]:
            rows["unproved"] = tried[-1].removeprefix("causal: ")
        width = max(map(len, rows))
        lines = [f"{key:>{width}}  {value}" for key, value in rows.items()]
        return "\n".join([*lines, *(f"{'':>{width}}  ! {one}" for one in self.warnings)])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What in the log says that the proof may not hold for the recorded run."""
        mark = "causal: warning: "
        return tuple(one.removeprefix(mark) for one in self.log if one.startswith(mark))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        body = asdict(self)
        for path in body["paths"]:
            path["fact"] = {
                name: sorted(value) if isinstance(value, frozenset) else value
                for name, value in path["fact"].items()
            }
        return {
            **body, "operation": self.operation, "operations": list(self.operations),
            "error_type": self.error_type, "loss": self.loss, "abstained": self.abstained,
        }  # fmt: skip
