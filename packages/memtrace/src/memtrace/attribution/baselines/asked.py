"""What the baselines that ask a model share: closing a case with what the model said."""

from __future__ import annotations

from memtrace.attribution.case import Case
from memtrace.attribution.tracing.stage import report
from memtrace.attribution.tracing.types import Ending
from memtrace.attribution.types import Verdict

__all__ = ["close"]


def close(case: Case, ending: Ending, stage: str) -> None:
    """Enter an ending and close the case; without a finding the verdict is an abstention."""
    report(case, [ending], stage)
    if ending.finding is None:
        case.verdict = Verdict.ABSTAINED
        case.why_not = f"{stage}: {ending.failure}"
    else:
        case.verdict = Verdict.of(ending.finding.error_type)
