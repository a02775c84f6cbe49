"""A watch over verdicts: a judge that is down must be noticed, not trained through.

In: any source of verdicts. Out: the same verdicts. A batch without any verdict is warned about
(nothing of it can train); too many unscored criteria in several batches in a row stop the run.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Verdict
from lmcommon.verify.sandbox.rules import SandboxedRules
from rtt.verdicts.sources import VerdictSource

__all__ = ["WatchedVerdicts", "watched"]

_LOG = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class WatchedVerdicts:
    """Passes verdicts on, and counts the batches in which too many are missing.

    Example:
        `WatchedVerdicts(source=JudgedVerdicts(judge), max_unscored=0.5, patience=3)` stops at the
        third batch in a row of which more than half of the criteria have no verdict.
    """

    source: VerdictSource
    max_unscored: float = 0.5
    """Share of a batch's criteria that may be unscored, in [0, 1]; 1 never stops."""
    patience: int = 3
    """Batches in a row above that share after which it stops."""
    rules: SandboxedRules | None = None
    """Closed with the source."""
    bad_batches: int = 0
    """Batches in a row so far."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_unscored <= 1:
            raise UserError(
                f"verdicts.max_unscored: expected a share in [0, 1]; got {self.max_unscored!r}"
            )
        if self.patience < 1:
            raise UserError(f"verdicts.patience: expected 1 or more; got {self.patience!r}")

    def close(self) -> None:
        """Stop the processes of the sandbox, if there are any."""
        if self.rules is not None:
            self.rules.close()

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        """One tuple of verdicts an item, from the source.

        Raises:
            UserError: Too many unscored, too often; says the share and the first reason.
        """
        told = self.source.verdicts(items)
        self.notice(told)
        return told

    def notice(self, told: Sequence[tuple[Verdict, ...]]) -> None:
        """Look at the verdicts of a batch that were had from the source piece by piece.

        Raises:
            UserError: Too many unscored, too often; says the share and the first reason.
        """
        everything = [verdict for verdicts in told for verdict in verdicts]
        failures = [verdict.failure for verdict in everything if not verdict.is_scored]
        if not everything:
            return
        share = len(failures) / len(everything)
        if share == 1:
            _LOG.warning(
                "none of %d criteria has a verdict, so nothing of this batch can train; first "
                "reason: %s", len(everything), failures[0],
            )  # fmt: skip
        self.bad_batches = self.bad_batches + 1 if share > self.max_unscored else 0
        if self.bad_batches >= self.patience:
            raise UserError(
                f"verdicts: expected at most {self.max_unscored:.0%} of the criteria unscored; got "
                f"{share:.0%}, the same in {self.bad_batches} batches in a row; first reason: "
                f"{failures[0]}. Mend the judge (or add one: verdicts=hybrid) and resume; "
                "verdicts.max_unscored=1 trains on what is left"
            )


def watched(source: VerdictSource) -> WatchedVerdicts | None:
    """The watch, if verdicts come through one."""
    return source if isinstance(source, WatchedVerdicts) else None
