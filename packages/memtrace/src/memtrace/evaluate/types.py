"""What came of a question: the episode and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lmcommon.judge.types import Verdict
from lmcommon.llm.types import FailureKind

__all__ = ["Episode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One question answered once. `to_dict()` and `from_dict()` are its row in `episodes.jsonl`.

    Example:
        `Episode(system="rag_bm25", conversation="conv-1", question="q3", text="Where ...?",
        gold="Oslo", prediction="Bergen", verdict=Verdict(satisfied=False), answer="var-12", ...)`
    """

    system: str
    conversation: str
    question: str
    """The question's id, unique in its conversation."""
    text: str
    category: str
    gold: str | None
    evidence: tuple[str, ...]
    prediction: str
    verdict: Verdict
    """Unscored when the model or the judge failed."""
    answer: str | None = None
    """Variable id of the answer; None when the model failed."""
    failure_kind: FailureKind | None = None
    """Why the model gave no answer; asked again when the run is resumed."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model_calls: int = 0
    cost_usd: float = 0.0
    latency_ms: float = 0.0
    """Of the model call (of a batch: as the model reports it)."""

    @property
    def key(self) -> tuple[str, str, str]:
        """System, conversation and question: unique in a run."""
        return self.system, self.conversation, self.question

    @property
    def is_failure(self) -> bool:
        """Whether it was judged, and judged wrong. An unscored episode is not a failure."""
        return self.verdict.satisfied is False

    @property
    def is_unscored(self) -> bool:
        """Whether there is no verdict."""
        return not self.verdict.is_scored

    def to_dict(self) -> dict[str, Any]:
        """JSON-able row."""
        row = {name: getattr(self, name) for name in self.__slots__}
        return row | {
            "evidence": list(self.evidence),
            "verdict": {
                "satisfied": self.verdict.satisfied, "source": self.verdict.source,
                "rationale": self.verdict.rationale, "failure": self.verdict.failure,
            },
        }  # fmt: skip

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Episode:
        """The episode of a row."""
        return cls(**{
            **row, "evidence": tuple(row["evidence"]), "verdict": Verdict(**row["verdict"]),
        })  # fmt: skip
