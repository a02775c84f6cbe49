"""Options of `memtrace-optimize` by their part of the work; `Plan` checks them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from lmcommon.errors import UserError

__all__ = [
    "AdviceConfig", "AttributionConfig", "GateConfig", "LimitConfig", "LoopConfig",
    "ReflectionConfig", "SplitConfig",
]  # fmt: skip


@dataclass(kw_only=True)
class SplitConfig:
    """Which questions are for what."""

    shares: list[float] = field(default_factory=lambda: [0.4, 0.3, 0.3])
    """To learn from, to decide by, and to report on; the last are locked until the end."""
    by: str = "history"
    """history: questions of one history stay together. question: types are spread evenly, for few
    histories; then what is learned from and reported on share histories."""
    seed: int | None = None
    """null: the run's."""


@dataclass(kw_only=True)
class GateConfig:
    """When a version replaces its parent."""

    kind: str = "sequential"
    """sequential: ask validation questions until it is decided, and confirm the best version on all
    of them at the end. exact: ask until no answer could change the exact test."""
    alpha: float = 0.05
    """Most that the p-value of the paired test on validation questions may be."""
    max_drop: float = 0.01
    """How far the accuracy of a question type may fall: 0.01 is one point."""
    least_lost: int = 2
    """A type falls only if it loses at least so many questions more than it wins (1: any)."""


@dataclass(kw_only=True)
class LimitConfig:
    """The hard limit of the loop; a resumed run may have a larger one."""

    metric_calls: int | None = 1000
    """Questions that may be answered anew, replays of attribution included; null: any number."""


@dataclass(kw_only=True)
class LoopConfig:
    """The search for versions; null leaves the method its own number."""

    minibatch: int | None = None
    """Failures a rewrite is shown, at most (6; gepa_blind: questions, 3)."""
    kept: int | None = None
    """Right answers it is shown besides (2)."""
    search: int | None = None
    """Training questions asked at a time, in search of failures (8)."""
    patience: int | None = None
    """Rounds in a row without an accepted version, until the loop ends (10; gepa_blind: never)."""
    explore: float | None = None
    """How often another guilty prompt than the guiltiest is rewritten (0.1)."""
    edit: str | None = None
    """rewrite: the whole prompt anew. sentence: one sentence is added, for small reflection models
    (rewrite)."""
    focus: bool | None = None
    """Whether a rewrite is shown failures of one question type and kind of error only (false)."""
    idle: int | None = None
    """gepa_blind: rounds in a row that asked nothing new, until it ends (12)."""
    rounds: int | None = None
    """paper: over how many rounds the training histories are dealt out (3)."""
    batch: int | None = None
    """paper: feedbacks merged at a time (4)."""

    @property
    def given(self) -> dict[str, Any]:
        """What is not left to the method."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(kw_only=True)
class ReflectionConfig:
    """How the reflection model is asked."""

    temperature: float = 1.0
    max_tokens: int = 8192
    """Of a reply; the new prompt must fit."""


@dataclass(kw_only=True)
class AttributionConfig:
    """Who is to blame for a failure."""

    method: str = "replayed"
    """A method of memtrace-attribute: replayed (by program, proved by replay), full, llm_free."""
    max_replays: int = 12
    """Replays a failure may take."""
    proofs: int = 1
    """Failures of a version that are proved by replay for each prompt; a further one that leads to
    a prompt so proved is believed."""

    def __post_init__(self) -> None:
        if self.max_replays < 1:
            raise UserError(
                f"attribution.max_replays: expected at least 1; got {self.max_replays!r}"
            )


@dataclass(kw_only=True)
class AdviceConfig:
    """Settings tried for failures that no prompt is to blame for."""

    enabled: bool = True
    metric_calls: int = 300
    """Questions that may be answered anew for it, besides those of the loop."""
