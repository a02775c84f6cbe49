"""Verdicts: every criterion of a response decided by program, by sandboxed code, or by a judge.

In: responses with the prompts they answer. Out: one `Verdict` a criterion, in rubric order.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.verdicts.config import VERDICT_SCHEMAS, HybridVerdicts, NoVerdicts, ProgramVerdicts
    from rtt.verdicts.sources import JudgedVerdicts, UnjudgedVerdicts, VerdictSource
    from rtt.verdicts.watch import WatchedVerdicts, watched

__all__ = [
    "VERDICT_SCHEMAS", "HybridVerdicts", "JudgedVerdicts", "NoVerdicts", "ProgramVerdicts",
    "UnjudgedVerdicts", "VerdictSource", "WatchedVerdicts", "watched",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "VERDICT_SCHEMAS": "rtt.verdicts.config",
        "HybridVerdicts": "rtt.verdicts.config",
        "ProgramVerdicts": "rtt.verdicts.config",
        "NoVerdicts": "rtt.verdicts.config",
        "UnjudgedVerdicts": "rtt.verdicts.sources",
        "JudgedVerdicts": "rtt.verdicts.sources",
        "VerdictSource": "rtt.verdicts.sources",
        "WatchedVerdicts": "rtt.verdicts.watch",
        "watched": "rtt.verdicts.watch",
    },
)
