"""From a recipe to what is asked and what is planted: all choices, drawn from the seed.

In: a recipe and the clean run. Out: a `Draw`, or a `NoDrawError` where this draw comes to nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from lmcommon.data.types import Question
from lmcommon.errors import LmCommonError
from lmcommon.rng import random_for
from memtrace.execution.interventions import AtPoint
from memtrace.faultbench.plugins import Plugins
from memtrace.faultbench.types import CleanRun, Fault, FaultKind, Opportunity, Recipe, Staging

__all__ = ["Draw", "NoDrawError", "draw"]

_PLACES_TRIED = 4
"""Opportunities of a kind that are tried with one question, for a fault that does something."""


class NoDrawError(LmCommonError):
    """A draw that makes no case. `reason` is a word for tables."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What one draw of a recipe came to."""

    asked: Question
    """As it is in the history, with the true gold answer."""
    faults: tuple[Fault, ...] = ()
    staging: Staging | None = None
    """Of a control; None: the faults are what the case is about."""

    @property
    def question(self) -> Question:
        """As it is asked, with the gold answer that is told."""
        return self.asked if self.staging is None else self.staging.question

    @property
    def defects(self) -> tuple[AtPoint, ...]:
        """How the system misbehaves."""
        if self.staging is not None:
            return self.staging.defects
        return tuple(fault.defect for fault in self.faults)


def draw(recipe: Recipe, run: CleanRun, plugins: Plugins) -> Draw:
    """The draw number `recipe.tries`.

    Args:
        recipe: Says what is wanted.
        run: Of its pipeline over its history.
        plugins: What its words mean.

    Raises:
        NoDrawError: Nothing fits.
        UserError: For a kind that nobody knows.
    """
    rng = random_for(recipe.seed, "draw", recipe.pipeline, *recipe.kinds, recipe.tries)
    questions = [one for one in run.conversation.questions if one.id in run.right]
    rng.shuffle(questions)
    if not questions:
        raise NoDrawError("nothing right", "the clean run answers no question right")
    if len(recipe.kinds) == 1 and recipe.kinds[0] in plugins.controls:
        return _staged(recipe, run, plugins, questions, rng)
    kinds = [plugins.kind(name) for name in recipe.kinds]
    for question in questions:
        faults = _planted(kinds, run, question, rng)
        if faults is not None:
            return Draw(asked=question, faults=faults)
    raise NoDrawError("no place", f"no question with a place for {', '.join(recipe.kinds)}")


def _staged(
    recipe: Recipe, run: CleanRun, plugins: Plugins, questions: Sequence[Question],
    rng: random.Random,
) -> Draw:  # fmt: skip
    control = plugins.control(recipe.kinds[0])
    for question in questions:
        staging = next(iter(control.stagings(run, question, rng)), None)
        if staging is not None:
            return Draw(asked=question, staging=staging)
    raise NoDrawError("no place", f"no question that {control.name} fits")


def _planted(
    kinds: Sequence[FaultKind], run: CleanRun, question: Question, rng: random.Random
) -> tuple[Fault, ...] | None:
    """A fault of each kind, at different operations; None where one has no place."""
    faults: list[Fault] = []
    for kind in kinds:
        taken = {fault.defect.at for fault in faults}
        places = [one for one in kind.opportunities(run, question) if one.place not in taken]
        planted = _effective(kind, _evenly(places, rng), run, rng)
        if planted is None:
            return None
        faults.append(planted)
    order = {one.place: number for number, one in enumerate(run.points)}
    return tuple(sorted(faults, key=lambda one: order[one.defect.at]))  # type: ignore[index]


def _evenly(places: Sequence[Opportunity], rng: random.Random) -> list[Opportunity]:
    """Places in the order they are tried: operations of each name have the same chance."""
    named: dict[tuple[str, str], list[Opportunity]] = {}
    for one in places:
        name = one.place.path.rpartition("/")[2].partition("#")[0]
        named.setdefault((name, one.role), []).append(one)
    groups = list(named.values())
    rng.shuffle(groups)
    for group in groups:
        rng.shuffle(group)
    longest = max((len(group) for group in groups), default=0)
    return [group[row] for row in range(longest) for group in groups if row < len(group)]


def _effective(
    kind: FaultKind, places: Sequence[Opportunity], run: CleanRun, rng: random.Random
) -> Fault | None:
    """The first fault that changes what the clean run passed on at its place."""
    values = {(one.place, one.role): one.value for one in run.points}
    for place in places[:_PLACES_TRIED]:
        fault = kind.plant(place, rng)
        before = values[place.place, place.role]
        if fault.defect.apply(before) != before:
            return fault
    return None
