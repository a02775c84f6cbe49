"""Where labelled rows come from: each source a numbered list of items, and what an item gives.

A `LabelSourceOf` takes items `[first, last)` and returns one `Outcome` each; an item depends on the
settings and its number alone, so a run can stop and go on anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion
from lmcommon.rng import random_for
from rtt.discriminator.examples import LabelledResponse
from rtt.labelling.annotator import Annotator, Unlabelled
from rtt.labelling.asking import annotate
from rtt.labelling.compliant import Compliant
from rtt.labelling.negatives import (
    Negative,
    Unmade,
    label_negative,
    label_response,
    minimal_edit,
    row_prompt_id,
)
from rtt.labelling.outcomes import Outcome, rejected_negative, rejected_verdicts
from rtt.labelling.rewriting import EditAsked, Rewriter
from rtt.labelling.rules import GivenText, RuleMade
from rtt.verdicts.sources import VerdictSource

__all__ = [
    "AnnotatedResponses", "CheckedResponses", "GivenRows", "LabelSourceOf", "MinimalEdits",
    "Omissions", "RuleRows",
]  # fmt: skip


class LabelSourceOf(Protocol):
    """A numbered list of items that give rows."""

    @property
    def total(self) -> int:
        """How many items there are."""
        ...

    def take(self, first: int, last: int) -> list[Outcome]:
        """One outcome for each of the items `[first, last)`."""
        ...


@dataclass(frozen=True, kw_only=True)
class RuleRows:
    """Rule-made rows: one an item."""

    made: RuleMade
    seed: int
    total: int
    texts: Sequence[GivenText] = ()

    def take(self, first: int, last: int) -> list[Outcome]:
        """See `LabelSourceOf`."""
        stream = self.made.examples(self.seed, start=first, texts=self.texts)
        return [Outcome(rows=(row,)) for row in islice(stream, last - first)]


@dataclass(frozen=True, kw_only=True)
class GivenRows:
    """Rows that are labelled already: one an item."""

    rows: Sequence[LabelledResponse]

    @property
    def total(self) -> int:
        """See `LabelSourceOf`."""
        return len(self.rows)

    def take(self, first: int, last: int) -> list[Outcome]:
        """See `LabelSourceOf`."""
        return [Outcome(rows=(row,)) for row in self.rows[first:last]]


@dataclass(frozen=True, kw_only=True)
class CheckedResponses:
    """Given responses, labelled where a program checks a criterion of their prompts."""

    answers: Sequence[Compliant]
    source: VerdictSource
    origin: str = "given"

    @property
    def total(self) -> int:
        """See `LabelSourceOf`."""
        return len(self.answers)

    def take(self, first: int, last: int) -> list[Outcome]:
        """See `LabelSourceOf`."""
        answers = self.answers[first:last]
        verdicts = self.source.verdicts([(one.prompt, one.response) for one in answers])
        return [
            Outcome(
                rows=tuple(label_response(
                    one.prompt, one.response, told, origin=one.prompt.source or self.origin
                )),
                rejected=tuple(rejected_verdicts(one.prompt, told, "checked")),
            )
            for one, told in zip(answers, verdicts, strict=True)
        ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MinimalEdits:
    """Compliant responses in which one criterion is broken: by rule, else by a model."""

    answers: Sequence[Compliant]
    source: VerdictSource
    seed: int
    rewriter: Rewriter | None = None
    annotators: Sequence[Annotator] = field(default_factory=tuple)
    """Mark what a judged criterion was broken by."""

    @property
    def total(self) -> int:
        """See `LabelSourceOf`."""
        return len(self.answers)

    def take(self, first: int, last: int) -> list[Outcome]:
        """See `LabelSourceOf`."""
        made, asked = dict[int, Negative | Unmade](), dict[int, EditAsked]()
        for number in range(first, last):
            answer, random = self.answers[number], random_for(self.seed, "edit", number)
            criterion = random.choice(answer.prompt.rubric.criteria)
            made[number] = minimal_edit(
                answer.prompt, answer.response, criterion, random, source=self.source
            )
            if self.rewriter is not None and _is_for_model(made[number]):
                asked[number] = EditAsked(
                    prompt=answer.prompt, response=answer.response, criterion=criterion
                )
        if self.rewriter is not None and asked:
            made.update(zip(asked, self.rewriter.edit(list(asked.values())), strict=True))
        return [_negative_outcome(one, self.annotators) for one in made.values()]


def _is_for_model(made: Negative | Unmade) -> bool:
    """Whether a model may succeed where no rule did; a broken response is for neither."""
    return isinstance(made, Unmade) and "already" not in made.reason


@dataclass(frozen=True, kw_only=True)
class Omissions:
    """Answers of a model to prompts with one criterion withheld."""

    prompts: Sequence[RubricPrompt]
    rewriter: Rewriter
    seed: int
    annotators: Sequence[Annotator] = field(default_factory=tuple)

    @property
    def total(self) -> int:
        """See `LabelSourceOf`."""
        return len(self.prompts)

    def take(self, first: int, last: int) -> list[Outcome]:
        """See `LabelSourceOf`."""
        asked: list[tuple[RubricPrompt, Criterion]] = []
        for number in range(first, last):
            prompt = self.prompts[number]
            random = random_for(self.seed, "omission", number)
            asked.append((prompt, random.choice(prompt.rubric.criteria)))
        return [_negative_outcome(one, self.annotators) for one in self.rewriter.omit(asked)]


def _negative_outcome(made: Negative | Unmade, annotators: Sequence[Annotator]) -> Outcome:
    if isinstance(made, Unmade):
        return Outcome(rejected=(rejected_negative(made),))
    rows = label_negative(made)
    others = [one for one in made.verdicts if not one.is_scored]
    rejected = tuple(rejected_verdicts(made.prompt, made.verdicts, made.how)) if others else ()
    verdict = made.verdicts[made.prompt.rubric.criteria.index(made.broken)]
    if annotators and verdict.source != "program":
        item = _unlabelled(made.prompt, made.response, made.broken, verdict.satisfied, made.how)
        marked = annotate(annotators, [item])[0]
        rows, rejected = [*rows, *marked.rows], (*rejected, *marked.rejected)
    return Outcome(rows=tuple(rows), rejected=rejected, cost=made.cost)


@dataclass(frozen=True, kw_only=True)
class AnnotatedResponses:
    """Responses with one criterion each, marked by one or two models."""

    items: Sequence[tuple[RubricPrompt, str, Criterion]]
    annotators: Sequence[Annotator]
    source: VerdictSource | None = None
    """Says whether the criterion is met; None: the annotators are not told."""

    @property
    def total(self) -> int:
        """See `LabelSourceOf`."""
        return len(self.items)

    def take(self, first: int, last: int) -> list[Outcome]:
        """See `LabelSourceOf`."""
        part = self.items[first:last]
        met: list[bool | None] = [None] * len(part)
        if self.source is not None:
            told = self.source.verdicts([(prompt, response) for prompt, response, _ in part])
            places = [prompt.rubric.criteria.index(one) for prompt, _, one in part]
            met = [row[place].satisfied for row, place in zip(told, places, strict=True)]
        asked = [
            _unlabelled(prompt, response, criterion, state, prompt.source)
            for (prompt, response, criterion), state in zip(part, met, strict=True)
        ]
        return annotate(self.annotators, asked)


def _unlabelled(
    prompt: RubricPrompt, response: str, criterion: Criterion, satisfied: bool | None, origin: str
) -> Unlabelled:
    return Unlabelled(
        criterion=criterion, response=response, prompt=prompt.prompt,
        prompt_id=row_prompt_id(prompt), satisfied=satisfied, origin=origin,
    )  # fmt: skip
