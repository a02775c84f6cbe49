"""Minimal edits: a compliant response changed just so much that exactly one criterion breaks.

In: a prompt with its rubric, a response that meets all of it, and the criterion to break. Out: a
`Negative` with the verdicts that prove it, or an `Unmade` that says why there is none. The changes
come from `rtt.labelling.edits`, smallest first; the first that the checks prove is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Verdict
from lmcommon.verify.checking import check
from lmcommon.verify.registry import is_known
from rtt.discriminator.examples import LabelledResponse
from rtt.labelling.edits import edited
from rtt.taxonomy import deciding_spans
from rtt.verdicts.sources import JudgedVerdicts, VerdictSource

__all__ = [
    "How",
    "Negative",
    "Unmade",
    "broken_by",
    "label_negative",
    "label_response",
    "minimal_edit",
    "row_prompt_id",
    "unmade",
]

How = Literal["edit", "omission"]
_ASKED = 3
"""Most candidates that a judge is asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """A response that breaks one criterion of its rubric."""

    prompt: RubricPrompt
    response: str
    broken: Criterion
    verdicts: tuple[Verdict, ...]
    """In rubric order."""
    how: How
    cost: int | None = None
    """Characters taken out and put in; None for an answer written anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmade:
    """A negative that could not be made. Example: `Unmade(prompt_id="p1", criterion_id="c0",
    kind="punctuation:no_comma", how="edit", reason="no change broke it alone (120 tried)")`.
    """

    prompt_id: str
    criterion_id: str
    kind: str
    how: How
    reason: str


def minimal_edit(
    prompt: RubricPrompt, response: str, criterion: Criterion, random: Random, *,
    source: VerdictSource | None = None,
) -> Negative | Unmade:  # fmt: skip
    """The smallest change found that breaks one program-checked criterion and no other.

    Args:
        prompt: With its rubric.
        response: One that meets every criterion.
        criterion: The one to break, out of the rubric.
        random: Of the places that are tried.
        source: Decides criteria that no program checks; None: a rubric with one gives `Unmade`.
    """
    source = source or JudgedVerdicts()
    before = source.verdicts([(prompt, response)])[0]
    if problem := _unfit(prompt, before, criterion):
        return unmade(prompt, criterion, "edit", problem)
    place = prompt.rubric.criteria.index(criterion)
    tried = asked = 0
    for candidate in edited(response, criterion, before[place], random):
        tried += 1
        if not _breaks_alone(prompt, candidate.text, criterion):
            continue
        verdicts = source.verdicts([(prompt, candidate.text)])[0]
        if broken_by(prompt, verdicts) == [criterion.id]:
            return Negative(
                prompt=prompt, response=candidate.text, broken=criterion, verdicts=verdicts,
                how="edit", cost=candidate.cost,
            )  # fmt: skip
        asked += 1
        if asked == _ASKED:
            break
    return unmade(prompt, criterion, "edit", f"no change broke it alone ({tried} tried)")


def unmade(prompt: RubricPrompt, criterion: Criterion, how: How, reason: str) -> Unmade:
    """The record of a failure."""
    return Unmade(
        prompt_id=prompt.id, criterion_id=criterion.id, how=how, reason=reason,
        kind=criterion.constraint_id or "judged",
    )  # fmt: skip


def broken_by(prompt: RubricPrompt, verdicts: Sequence[Verdict]) -> list[str] | None:
    """Ids of the criteria that do not hold; None if one has no verdict."""
    if not all(verdict.is_scored for verdict in verdicts):
        return None
    pairs = zip(prompt.rubric.criteria, verdicts, strict=True)
    return [criterion.id for criterion, verdict in pairs if not verdict.satisfied]


def label_negative(negative: Negative) -> list[LabelledResponse]:
    """Rows of the program-checked criteria, the broken one and those that still hold.

    What a judge decided has no spans: it is for an annotator.
    """
    return label_response(
        negative.prompt, negative.response, negative.verdicts, origin=negative.how
    )


def label_response(
    prompt: RubricPrompt, response: str, verdicts: Sequence[Verdict], *, origin: str
) -> list[LabelledResponse]:
    """Rows of the criteria that a program has decided, by their spans.

    Args:
        prompt: With its rubric.
        response: What was judged.
        verdicts: In rubric order; unscored ones and those of a judge give no row.
        origin: Where the response comes from.
    """
    return [
        LabelledResponse(
            criterion=criterion.text,
            response=response,
            spans=deciding_spans(criterion, verdict),
            prompt=prompt.prompt,
            prompt_id=row_prompt_id(prompt),
            kind=criterion.constraint_id or "judged",
            satisfied=verdict.satisfied,
            source="rules",
            origin=origin,
        )
        for criterion, verdict in zip(prompt.rubric.criteria, verdicts, strict=True)
        if verdict.is_scored and verdict.source == "program"
    ]


def row_prompt_id(prompt: RubricPrompt) -> str:
    """The id of a prompt among those of several sets."""
    return f"{prompt.source}:{prompt.id}" if prompt.source else prompt.id


def _unfit(prompt: RubricPrompt, before: Sequence[Verdict], criterion: Criterion) -> str | None:
    """Why no minimal edit can be looked for."""
    if criterion.constraint_id is None or not is_known(criterion.constraint_id):
        return "no program checks the criterion"
    broken = broken_by(prompt, before)
    if broken is None:
        failures = [verdict.failure for verdict in before if verdict.failure]
        return f"a criterion has no verdict: {failures[0]}"
    return f"the response breaks {', '.join(broken)} already" if broken else None


def _breaks_alone(prompt: RubricPrompt, text: str, criterion: Criterion) -> bool:
    """Whether, of the program-checked criteria, exactly this one is broken."""
    if _holds(prompt, text, criterion):
        return False
    return all(
        _holds(prompt, text, other)
        for other in prompt.rubric.criteria
        if other.id != criterion.id
        and other.constraint_id is not None
        and is_known(other.constraint_id)
    )


def _holds(prompt: RubricPrompt, text: str, criterion: Criterion) -> bool:
    assert criterion.constraint_id is not None
    verdict = check(criterion.constraint_id, criterion.kwargs, prompt=prompt.prompt, response=text)
    return verdict.satisfied is True
