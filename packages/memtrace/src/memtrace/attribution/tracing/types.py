"""Nouns of tracing: settings, what a model finally says, and how one sample ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from lmcommon.errors import UserError
from lmcommon.llm.tally import Spent
from memtrace.attribution.taxonomy import ErrorType

__all__ = ["Ending", "Finding", "TracingSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingSettings:
    """How far tracing goes. Example: `TracingSettings(max_calls=8, samples=3)`."""

    max_calls: int = 12
    """Model calls for one case, all samples together, repairs of malformed replies included."""
    max_tokens: int = 30_000
    """Prompt and completion tokens for one case. No call is sent that could go beyond."""
    samples: int = 1
    """Independent explorations, whose findings are put to the vote."""
    temperature: float | None = None
    """None: 0 for one sample, 0.7 for several."""
    reply_tokens: int = 300
    """The longest reply to one turn."""
    only_if_unsure: bool = True
    """Leave a case alone in which an earlier stage has a suspect that is sure enough."""
    sure_score: float = 0.7
    """From this score on a suspect of an earlier stage is sure."""
    sees_suspects: bool = False
    """Whether the model is told whom earlier stages suspect."""
    frontier_cap: int = 16
    """Operations that may wait to be opened."""
    start_points: int = 8
    """Messages to begin with, where the evidence is not told."""
    page_chars: int = 2400
    """Length of a page of anything that is shown."""
    value_chars: int = 280
    """How much of one value is shown inside an operation."""

    def __post_init__(self) -> None:
        least = {
            "max_calls": 1, "max_tokens": 1, "samples": 1, "reply_tokens": 16, "frontier_cap": 1,
            "start_points": 0, "page_chars": 400, "value_chars": 40,
        }  # fmt: skip
        for key, low in least.items():
            if getattr(self, key) < low:
                raise UserError(
                    f"settings of tracing, {key}: expected at least {low}; got "
                    f"{getattr(self, key)!r}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Whom a model blames. The operation exists: it was looked up.

    Example: `Finding(error_type=ErrorType.RETRIEVAL, operation="op-97", reason="...", ...)`
    """

    error_type: ErrorType
    operation: str | None
    """Id in the trace; None: no operation is at fault."""
    reason: str
    confidence: float
    """In [0, 1], as the model gives it."""
    is_provisional: bool = False
    """The best so far of an exploration that ran out of budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one sample ended."""

    finding: Finding | None = None
    failure: str = ""
    """Why there is no finding: the sample is unscored, it does not vote."""
    turns: int = 0
    spent: Spent = field(default_factory=Spent)
