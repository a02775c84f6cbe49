"""Nouns of the closed loop: examples, scores, blame, records, proposals, versions, the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcommon.errors import LmCommonError

if TYPE_CHECKING:
    from memtrace.attribution.types import Attribution

__all__ = [
    "Blame", "Candidate", "Decision", "Example", "LimitReachedError", "Optimization", "Proposal",
    "Record", "Scored", "Spending", "Splits", "Version", "digest_of",
]  # fmt: skip

Candidate = Mapping[str, str]
"""Prompt name to text, for every component: one setting of the system."""


class LimitReachedError(LmCommonError):
    """What may be spent is spent. The loop ends with the best version so far."""


def digest_of(candidate: Candidate) -> str:
    """Identifies the exact wording of a candidate: 12 hex digits."""
    text = "\0".join(f"{name}\0{candidate[name]}" for name in sorted(candidate))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One question of one memory.

    Example: `Example(scope="rag/c1", id="c1:q3", text="Where does Ana live?", gold="Lisbon")`
    """

    scope: str
    """The memory that is asked; its history is shared by its questions."""
    id: str
    text: str
    gold: str | None
    """None: the right behaviour is to abstain."""
    category: str = ""
    """Question type: none of them may fall."""
    evidence: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Unique over all memories."""
        return f"{self.scope}::{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What a candidate came to on one example.

    Example: `Scored(example=example, digest="0f3a...", score=1.0, prediction="Lisbon")`
    """

    example: Example
    digest: str
    """Of the candidate."""
    score: float | None
    """1 right, 0 wrong; None: unscored (a failed call or judge), which counts as neither."""
    prediction: str = ""
    failure: str | None = None
    """Why it is unscored."""
    trace: Path | None = None
    """Where the run was kept, if it was asked for."""
    answer: str | None = None
    """Variable id of the answer in `trace`."""
    prompt_tokens: int | None = None
    """Of the call that answered; None: not known."""

    @property
    def is_failure(self) -> bool:
        """Whether it was answered wrongly."""
        return self.score is not None and self.score < 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """Examples to learn from, to decide by, and to report on; the last are locked until the end."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    held_out: tuple[Example, ...] = ()


@dataclass(slots=True)
class Spending:
    """What a loop has used up."""

    evaluations: int = 0
    """Questions answered and judged under a candidate, each pair once."""
    proofs: int = 0
    """Replays of single questions by attribution."""
    model_calls: int = 0
    """Calls of the system's model that no recording or cache answered."""
    reporting: int = 0
    """Questions answered for a report alone: no decision waits for them, no limit counts them."""
    reflection_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    @property
    def metric_calls(self) -> int:
        """All questions that were answered anew: the unit of the budget."""
        return self.evaluations + self.proofs

    def to_dict(self) -> dict[str, float]:
        """JSON-able form."""
        return {**asdict(self), "metric_calls": self.metric_calls}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """Who is responsible for one failure, in shares that sum to at most 1.

    A member of a proved set of k operations is responsible for 1/k of the failure (Chockler and
    Halpern 2004, equal members); a suspicion without proof counts less.
    """

    scored: Scored
    attribution: Attribution
    shares: Mapping[str, float] = field(default_factory=dict)
    """By component."""
    elsewhere: Mapping[str, float] = field(default_factory=dict)
    """By name of an operation that no prompt governs."""
    operations: Mapping[str, str] = field(default_factory=dict)
    """For each blamed component the operation that used it."""
    is_invalid: bool = False
    """The failure is not real (annotation or judge error): it must not teach anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a reflection model is shown of one use of a prompt."""

    inputs: str
    outputs: str
    feedback: str
    is_kept: bool = False
    """It went well, and must go on working."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Ids, for logs; never shown."""

    def to_dict(self) -> dict[str, str]:
        """In the words of GEPA's reflective data set."""
        return {
            "Inputs": self.inputs, "Generated Outputs": self.outputs, "Feedback": self.feedback,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Another wording of one component, or why there is none."""

    component: str
    text: str
    refused: str | None = None
    """Which rule of the template it broke, or which call failed; then it is never tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a candidate replaces its parent, and by what evidence."""

    accepted: bool
    reason: str
    wins: int = 0
    """Validation questions that only the new one has right."""
    losses: int = 0
    """Those that only the parent has right, or that the new one has no score on."""
    p_value: float | None = None
    """One-sided exact McNemar test that it wins more often than it loses."""
    drops: Mapping[str, float] = field(default_factory=dict)
    """Question types that fell, with the change of their accuracy."""
    seen: int = 0
    """Validation questions that it was tried on."""
    unscored: int = 0
    """Of these, how many came to no score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One candidate that was tried."""

    number: int
    digest: str
    parent: str
    texts: Mapping[str, str]
    """The components it changes."""
    decision: Decision
    metric_calls: int
    """Spent when it was decided."""
    validation: float | None = None
    """Its accuracy on the whole validation set; None: it was not tried on all of it."""
    mass: Mapping[str, float] = field(default_factory=dict)
    """Blame by component and operation when it was proposed."""
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimization:
    """What a loop came to."""

    method: str
    seed: Candidate
    best: Candidate
    versions: Sequence[Version]
    """Everything that was tried, in order."""
    spending: Spending
    seed_validation: float | None
    best_validation: float | None
    stopped: str
    """Why it ended."""
    blames: Sequence[Blame] = ()
    """Failures of the best version that no prompt is to blame for, for advice."""
    confirmation: Decision | None = None
    """The best version beside the first on all validation questions; None: not made."""

    @property
    def changed(self) -> tuple[str, ...]:
        """Components that differ from the first version."""
        return tuple(name for name in self.seed if self.seed[name] != self.best[name])

    @property
    def accepted(self) -> tuple[Version, ...]:
        """Versions that replaced their parent."""
        return tuple(one for one in self.versions if one.decision.accepted)
