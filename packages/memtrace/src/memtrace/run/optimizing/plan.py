"""How an optimisation is to be done: one frozen `Plan`, checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lmcommon.errors import UserError
from memtrace.optimizing.methods import METHODS

__all__ = ["Plan"]

_PARTS = ("history", "question")
_GATES = ("sequential", "exact")
_LEAST = {"minibatch": 1, "search": 1, "patience": 1, "kept": 0, "idle": 1, "rounds": 1, "batch": 1}


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
    gate: str = "sequential"
    """sequential asks validation questions until it is decided, and confirms the best version on
    all of them at the end; exact asks until no answer could change the exact test. GEPA's search
    compares versions on all questions, so there it is always exact."""
    alpha: float = 0.05
    max_drop: float = 0.01
    least_lost: int = 2
    max_metric_calls: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the method, by name; see `memtrace.optimizing.settings`."""
    temperature: float = 1.0
    """Of the reflection model's replies."""
    max_tokens: int = 8192
    """Of such a reply; the new prompt must fit."""
    attribution: str = "replayed"
    """A method of `memtrace.attribution.methods`."""
    attribution_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    proofs: int = 2
    """Failures of a version that are proved by replay for each prompt; others are believed."""
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
        if self.gate not in _GATES:
            raise UserError(f"gate.kind: expected sequential or exact; got {self.gate!r}")
        if not 0 < self.alpha < 1:
            raise UserError(f"gate.alpha: expected a number between 0 and 1; got {self.alpha!r}")
        if not 0 <= self.max_drop <= 1:
            raise UserError(f"gate.max_drop: expected 0 to 1; got {self.max_drop!r}")
        if self.least_lost < 1:
            raise UserError(f"gate.least_lost: expected at least 1; got {self.least_lost!r}")
        if self.temperature < 0 or self.max_tokens < 1:
            raise UserError(
                f"reflection: expected a temperature of at least 0 and max_tokens of at least 1; "
                f"got {self.temperature!r}, {self.max_tokens!r}"
            )
        self._check_numbers()

    @property
    def is_sequential(self) -> bool:
        """Whether versions are decided one question after the other."""
        return self.gate == "sequential" and self.method != "gepa"

    def _check_numbers(self) -> None:
        """Limits and settings of the loop."""
        if self.max_metric_calls is not None and self.max_metric_calls < 1:
            raise UserError(
                f"budget.metric_calls: expected at least 1, or null; got {self.max_metric_calls!r}"
            )
        for key, least in _LEAST.items():
            if self.settings.get(key, least) < least:
                raise UserError(
                    f"loop.{key}: expected at least {least}; got {self.settings[key]!r}"
                )
        if not 0 <= self.settings.get("explore", 0) <= 1:
            raise UserError(f"loop.explore: expected 0 to 1; got {self.settings['explore']!r}")
        if self.proofs < 0:
            raise UserError(f"attribution.proofs: expected at least 0; got {self.proofs}")
        if self.advice_calls < 0:
            raise UserError(f"advice.metric_calls: expected at least 0; got {self.advice_calls}")
