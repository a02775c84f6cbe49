"""Which characters decide a verdict, by the paper's taxonomy (its appendix C, section 3.3).

A *global* criterion is decided by the whole response. A *local positive* one (X must occur) is
decided by what fulfils it, and by nothing when it is unmet; a *local negative* one (X must not
occur) by the offences, and by nothing when it holds. One on every part (each sentence must ...) is
decided by the parts when it holds and by the wrong ones when not. Which is which is said where a
check is defined: `lmcommon.verify.scope_of`.
"""

from __future__ import annotations

from lmcommon.judge.types import Criterion, Verdict
from lmcommon.verify.registry import is_known, scope_of
from lmcommon.verify.types import Scope
from rtt.types import Span

__all__ = ["criterion_scope", "deciding_spans"]


def criterion_scope(criterion: Criterion) -> Scope:
    """The scope of a criterion; "required" for one that no program checks."""
    constraint = criterion.constraint_id
    if constraint is None or not is_known(constraint):
        return "required"
    return scope_of(constraint, criterion.kwargs)


def deciding_spans(criterion: Criterion, verdict: Verdict) -> tuple[Span, ...] | None:
    """The characters that decide; None: all of them (or the verdict names no place).

    Example:
        a violated `punctuation:no_comma` with a comma at 10 gives `((10, 11),)`, a satisfied one
        `()`.
    """
    scope = criterion_scope(criterion)
    if verdict.spans is None or scope == "global":
        return None
    decides = scope == "every" or verdict.satisfied is (scope == "required")
    return verdict.spans if decides else ()
