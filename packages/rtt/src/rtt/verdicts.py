"""Verdicts of one response: every criterion of its rubric, checked by program.

In: a prompt with its rubric and a response. Out: one `Verdict` a criterion, in rubric order. A
criterion that no program checks is *unscored*, with the reason: it is masked, never counted as
violated.
"""

from __future__ import annotations

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Verdict
from lmcommon.verify.checking import check

__all__ = ["program_verdicts"]


def program_verdicts(prompt: RubricPrompt, response: str) -> tuple[Verdict, ...]:
    """Check a response against each criterion of its rubric.

    Raises:
        UserError: A criterion names an unknown constraint or has bad arguments.
    """
    return tuple(_verdict(criterion, prompt, response) for criterion in prompt.rubric.criteria)


def _verdict(criterion: Criterion, prompt: RubricPrompt, response: str) -> Verdict:
    if criterion.constraint_id is None:
        return Verdict.unscored("no program check, and no judge was asked", source="program")
    return check(criterion.constraint_id, criterion.kwargs, prompt=prompt.prompt, response=response)
