"""How an optimisation is to be done: one frozen `Plan`, checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lmcommon.errors import UserError

__all__ = ["METHODS", "Plan"]

METHODS = ("memtrace", "gepa", "gepa_blind", "paper", "uniform")
_PARTS = ("history", "question")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Method, parts, limits and settings.

    Example: `Plan(method="memtrace", components=("extraction",), max_metric_calls=300)`
    """

    method: str = "memtrace"
    """memtrace, gepa, or one of the baselines gepa_blind, paper, uniform."""
    components: Sequence[str] | None = None
    """Prompts that may change; None: all that the system has."""
    shares: Sequence[float] = (0.4, 0.3, 0.3)
    """Of training, validation and held-out questions."""
    split_by: str = "history"
    split_seed: int | None = None
    """None: `seed`."""
    alpha: float = 0.05
    max_drop: float = 0.01
    max_metric_calls: int | None = None
    minibatch: int = 4
    kept: int = 2
    search: int = 8
    patience: int = 6
    explore: float = 0.1
    attribution: str = "replayed"
    """A method of `memtrace.attribution.methods`."""
    attribution_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    proofs: int = 2
    """Failures of a version that are proved by replay for each prompt; further ones are believed."""
    advice_calls: int = 300
    """Questions that advice may answer anew; 0: no advice."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UserError(
                f"method: expected one of {', '.join(METHODS)}; got {self.method!r}"
            )  # fmt: skip
        if self.split_by not in _PARTS:
            raise UserError(f"split.by: expected history or question; got {self.split_by!r}")
        if not 0 < self.alpha < 1:
            raise UserError(f"gate.alpha: expected a number between 0 and 1; got {self.alpha!r}")
        if not 0 <= self.max_drop <= 1:
            raise UserError(f"gate.max_drop: expected 0 to 1; got {self.max_drop!r}")
        if not 0 <= self.explore <= 1:
            raise UserError(f"loop.explore: expected 0 to 1; got {self.explore!r}")
        if self.max_metric_calls is not None and self.max_metric_calls < 1:
            raise UserError(
                f"budget.metric_calls: expected at least 1, or null; got {self.max_metric_calls!r}"
            )
        for key, least in (("minibatch", 1), ("search", 1), ("patience", 1), ("kept", 0)):
            if getattr(self, key) < least:
                raise UserError(f"loop.{key}: expected at least {least}; got {getattr(self, key)}")
        if self.proofs < 0:
            raise UserError(f"attribution.proofs: expected at least 0; got {self.proofs}")
        if self.advice_calls < 0:
            raise UserError(f"advice.metric_calls: expected at least 0; got {self.advice_calls}")
