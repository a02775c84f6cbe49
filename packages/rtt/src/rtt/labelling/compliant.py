"""Made prompts with rubrics of several criteria, and responses that meet all of them.

In: a seed. Out: pairs of `RubricPrompt` and response, for negatives without any data set. One
criterion may have changed the response; the others are drawn to fit it as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.rng import random_for
from lmcommon.verify.checking import check
from rtt.labelling.kinds import DRAWERS
from rtt.labelling.prose import Prose
from rtt.labelling.rules import Case, RuleMade, prompt_id, rule_kinds
from rtt.labelling.scene import Scene
from rtt.labelling.wording import worded

__all__ = ["FITTED", "Compliant", "compliant_responses"]

FITTED = (
    "keywords:existence", "keywords:forbidden_words", "keywords:letter_frequency",
    "length_constraints:number_words", "length_constraints:number_sentences",
    "count:word_count_range", "count:pronouns", "count:unique_word_count", "sentence:keyword",
    "words:include", "words:exclude", "words:start", "words:end", "words:position",
    "words:keywords_specific_position", "muldimif:words",
)  # fmt: skip
"""Kinds that can be drawn for a response without changing it."""
_MOST = 3
"""Criteria of `FITTED` at most beside the first one."""


@dataclass(frozen=True, slots=True)
class Compliant:
    """A response that meets every criterion of its prompt."""

    prompt: RubricPrompt
    response: str


def compliant_responses(made: RuleMade, seed: int, *, start: int = 0) -> Iterator[Compliant]:
    """An endless stream; item `i` depends on the seed and `i` alone."""
    number = start
    while True:
        yield _one(made, random_for(seed, "compliant", number))
        number += 1


def _one(made: RuleMade, random: Random) -> Compliant:
    kinds = made.kinds or rule_kinds()
    first = made.draw(random, random.choice(kinds), True)
    while not first.verdict.satisfied:
        first = made.draw(random, random.choice(kinds), True)
    criteria = [first.criterion, *_fitting(first, random)]
    named = [replace(one, id=f"c{place}") for place, one in enumerate(criteria)]
    request = first.prompt.removesuffix(f" {first.criterion.text}")
    text = " ".join([request, *(one.text for one in named)])
    prompt = RubricPrompt(
        id=prompt_id(text), prompt=text, rubric=Rubric(tuple(named)), source="generated"
    )
    return Compliant(prompt, first.response)


def _fitting(first: Case, random: Random) -> Iterator[Criterion]:
    """Further criteria of other kinds that the response meets as it is."""
    for kind in random.sample(FITTED, random.randint(1, _MOST)):
        if kind == first.criterion.constraint_id:
            continue
        kwargs, response = DRAWERS[kind](Scene(Prose.of(random), first.response, True))
        verdict = check(kind, kwargs, prompt=first.prompt, response=response)
        if response == first.response and verdict.satisfied:
            yield Criterion(
                id=kind, text=worded(kind, kwargs, random), constraint_id=kind, kwargs=dict(kwargs)
            )
