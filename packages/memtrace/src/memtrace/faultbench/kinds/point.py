"""Kinds that spoil what one operation passes on: a site, and a bend of the value there.

A kind is data: at which points it can act (kinds of operation and roles, so that it fits systems
nobody thought of), and a function from an `Aim` to a bend. In: a clean run and a question. Out:
opportunities, wherever a fact that the answer rests on passes through such a point.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lmcommon.data.types import Question
from memtrace.attribution.taxonomy import ErrorType, error_type_of
from memtrace.execution.interventions import Oracle
from memtrace.faultbench.shapes import texts_in
from memtrace.faultbench.targets import Target, targets_of
from memtrace.faultbench.types import CleanRun, Fault, Observed, Opportunity

__all__ = ["Aim", "Bend", "PointKind", "Site"]

Bend = Callable[[Any], Any]
"""A pure function over a value; one that it does not fit comes back as it is."""


@dataclass(frozen=True, slots=True)
class Site:
    """Points by the kind of their operation and by role.

    Example: `Site(kinds=("extraction",), roles=("reply", "facts"))`
    """

    kinds: tuple[str, ...]
    roles: tuple[str, ...]
    names: tuple[str, ...] = ()
    """Only operations of these names; empty: of any."""
    asked: bool = False
    """Whether it works for a question, and not while the history is taken in."""

    def fits(self, seen: Observed) -> bool:
        """Whether a point is one of these."""
        return (
            seen.kind in self.kinds
            and seen.role in self.roles
            and (not self.names or seen.name in self.names)
            and (seen.question is not None) == self.asked
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A point, the fact that passes there, and what there is to choose from."""

    seen: Observed
    target: Target
    run: CleanRun
    question: Question


@dataclass(frozen=True, slots=True, kw_only=True)
class PointKind:
    """A kind of fault that acts on the value at one point.

    Example: `PointKind(name="drop_fact", sites=(...), bend=_drop, in_words="a fact is lost")`
    """

    name: str
    sites: tuple[Site, ...]
    bend: Callable[[Aim, random.Random], Bend | None]
    """The bend for an aim; None where the kind does not fit it."""
    in_words: str
    error_type: ErrorType | None = None
    """None: what a loss at an operation of that kind means."""
    is_seen: bool = True
    """Whether the fact has to stand in the value (it does not in a query)."""

    def opportunities(self, run: CleanRun, question: Question) -> Iterator[Opportunity]:
        """Every point of the right sort that a fact of the evidence passes through."""
        for target in targets_of(run.conversation, question):
            for seen in run.passing(question):
                if not any(site.fits(seen) for site in self.sites):
                    continue
                if self.is_seen and not any(text in target for text in texts_in(seen.value)):
                    continue
                aim = Aim(seen=seen, target=target, run=run, question=question)
                if self.bend(aim, random.Random(0)) is not None:
                    yield Opportunity(
                        operation=seen.operation, place=seen.place, role=seen.role,
                        about={"aim": aim},
                    )  # fmt: skip
            if not self.is_seen:
                return  # the fact does not matter

    def plant(self, opportunity: Opportunity, rng: random.Random) -> Fault:
        """The fault there."""
        aim: Aim = opportunity.about["aim"]
        function = self.bend(aim, rng)
        assert function is not None, f"{self.name} was offered at {opportunity.place}"
        error_type = self.error_type or error_type_of(
            aim.seen.kind, reads_query=aim.seen.question is not None, writes_item=True
        )
        return Fault(
            kind=self.name, error_type=error_type, in_words=self.in_words,
            defect=Oracle(
                at=opportunity.place, role=opportunity.role,
                function=_guarded(function, type(aim.seen.value)),
            ),
        )  # fmt: skip


def _guarded(function: Bend, sort: type[Any]) -> Bend:
    """The bend, for values of the sort that it was made for."""
    return lambda value: function(value) if isinstance(value, sort) else value
