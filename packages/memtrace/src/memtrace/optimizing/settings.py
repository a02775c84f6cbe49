"""Settings of the loops."""

from __future__ import annotations

from dataclasses import dataclass

from lmcommon.errors import UserError

__all__ = ["EDITS", "BlindSettings", "GreedySettings", "PaperSettings"]

EDITS = ("rewrite", "sentence")


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedySettings:
    """Settings of a guided loop: our own, and ours on GEPA.

    Example: `GreedySettings(minibatch=6, patience=10)`
    """

    minibatch: int = 6
    """Failures a rewrite is shown, at most."""
    kept: int = 2
    """Successes it is shown besides."""
    search: int = 8
    """Training questions asked at a time, in search of failures."""
    patience: int = 10
    """Rounds in a row without an accepted version, until it gives up."""
    explore: float = 0.1
    """How often another guilty prompt than the guiltiest is rewritten."""
    edit: str = "rewrite"
    """rewrite: the reflection model writes the whole prompt anew. sentence: it writes one sentence,
    which is added; a small model can do that where it cannot copy a prompt without harm."""
    focus: bool = False
    """Whether a rewrite is shown failures of one question type and one kind of error only."""
    blame: str = "attribution"
    """attribution, or uniform: any prompt is as guilty as any other (a baseline)."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.edit not in EDITS:
            raise UserError(f"loop.edit: expected one of {', '.join(EDITS)}; got {self.edit!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindSettings:
    """Settings of GEPA as it comes, without attribution.

    Example: `BlindSettings(minibatch=3)`
    """

    minibatch: int = 3
    """Training questions a rewrite is shown: GEPA's own number."""
    idle: int = 12
    """Rounds in a row that asked nothing new, until it gives up: GEPA would go on for ever."""
    patience: int | None = None
    """Rounds in a row without an accepted version, until it gives up; None: it never does."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSettings:
    """Settings of the paper's loop.

    Example: `PaperSettings(rounds=3)`
    """

    rounds: int = 3
    """The training histories are dealt out over the rounds; there are no more rounds than those."""
    batch: int = 4
    """Feedbacks merged at a time."""
    seed: int = 0
