"""Failures of one version, asked for and attributed as they are needed.

In: a version and training questions. Out: a `Round`: failures that a prompt is to blame for, drawn
evenly over question types, kinds of error and guilty prompts, and successes that must stay.
Failures that no prompt is to blame for, and those that are none, are put aside and never drawn
again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lmcommon.rng import random_for
from memtrace.optimizing.blaming import blame_mass
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.settings import GreedySettings
from memtrace.optimizing.types import Blame, Candidate, Example, Scored

__all__ = ["Draws", "Round", "secrets_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one rewrite is made from."""

    number: int
    parent: Candidate
    guilty: tuple[Blame, ...]
    kept: tuple[Scored, ...]
    """Right answers, others every round."""
    mass: Mapping[str, float]
    """Blame by component."""
    elsewhere: Mapping[str, float]
    """Blame by operation that no prompt governs."""

    @property
    def failures(self) -> tuple[Scored, ...]:
        """What is to be mended."""
        return tuple(one.scored for one in self.guilty)

    @property
    def told_mass(self) -> dict[str, float]:
        """All the blame, operations without a prompt in brackets."""
        return {**self.mass, **{f"({name})": share for name, share in self.elsewhere.items()}}


class Draws:
    """Draws failures of a version, round by round.

    Args:
        evaluator: Asks the questions.
        candidate: The version.
        examples: Training questions, in the order in which they are asked.
        blame: Attributes a failure.
        known: What is known of a failure without attributing it.
        settings: How many.
    """

    def __init__(
        self, evaluator: Evaluator, candidate: Candidate, examples: Iterable[Example],
        blame: Callable[[Scored], Blame], known: Callable[[Scored], Blame | None],
        settings: GreedySettings,
    ) -> None:  # fmt: skip
        self._evaluator, self._settings = evaluator, settings
        self._blame, self._known = blame, known
        self.candidate = candidate
        self._seen: list[Scored] = []
        self._open = list(examples)
        self._aside: dict[str, Blame] = {}
        self._shown: Counter[str] = Counter()
        self.refused = 0
        """Rewrites of this version that were refused: each asks for a further failure to draw."""

    @property
    def aside(self) -> tuple[Blame, ...]:
        """Real failures that no prompt is to blame for."""
        return tuple(one for one in self._aside.values() if not one.is_invalid)

    def draw(self, number: int) -> Round | None:
        """A round; None: no failure is left that a prompt is to blame for.

        Args:
            number: Which one; the random choices differ from round to round.

        Raises:
            LimitReachedError: There is no room for what has to be asked.
        """
        while failures := self._failures(number):
            blames = [self._blame(one) for one in failures]
            guilty = tuple(one for one in blames if one.shares and not one.is_invalid)
            for one in blames:
                if one.is_invalid or not one.shares:
                    self._aside[one.scored.example.key] = one
            if not guilty:
                continue
            for one in guilty:
                self._shown[one.scored.example.key] += 1
            mass, elsewhere = blame_mass(blames)
            return Round(
                number=number, parent=self.candidate, guilty=guilty, kept=self._kept(number),
                mass=mass, elsewhere=elsewhere,
            )  # fmt: skip
        return None

    @property
    def used(self) -> frozenset[str]:
        """Keys of failures that rewrites of this version were made from."""
        return frozenset(self._shown)

    def order(self) -> list[Example]:
        """The training questions as the next version should be asked them.

        What this version got right the next one is likely to get right again: those come last.
        """
        wrong = [one.example for one in self._seen if one.score != 1]
        right = [one.example for one in self._seen if one.score == 1]
        return [*wrong, *self._open, *right]

    def _failures(self, number: int) -> list[Scored]:
        """A minibatch; asks further questions until there is one, or none are left."""
        settings = self._settings
        while True:
            found = [
                one for one in self._seen
                if one.is_failure and one.example.key not in self._aside
            ]  # fmt: skip
            if len(found) >= settings.minibatch + self.refused or not self._open:
                return self._spread(found, number)
            some = self._open[: settings.search]
            self._seen += self._evaluator.evaluate(self.candidate, some, keeps_trace=True)
            del self._open[: settings.search]

    def _spread(self, failures: Sequence[Scored], number: int) -> list[Scored]:
        """The least shown first, evenly over strata."""
        rng = random_for(self._settings.seed, "minibatch", number)
        shuffled = sorted(failures, key=lambda one: one.example.key)
        rng.shuffle(shuffled)
        place: Counter[tuple[int, tuple[str, str, str]]] = Counter()
        ranked = []
        for one in shuffled:
            shown, stratum = self._shown[one.example.key], self._stratum(one)
            place[shown, stratum] += 1
            ranked.append((shown, place[shown, stratum], one))
        ranked.sort(key=lambda row: row[:2])
        drawn = [one for _, _, one in ranked]
        if self._settings.focus and drawn:
            first = self._stratum(drawn[0])
            drawn = [one for one in drawn if self._stratum(one) == first]
        return drawn[: self._settings.minibatch]

    def _stratum(self, scored: Scored) -> tuple[str, str, str]:
        """Question type, kind of error, guilty prompt; the latter where they are known."""
        blame = self._known(scored)
        if blame is None or not blame.shares:
            return scored.example.category, "", ""
        kind = blame.attribution.error_type
        guilty = max(sorted(blame.shares), key=lambda name: blame.shares[name])
        return scored.example.category, "" if kind is None else kind.value, guilty

    def _kept(self, number: int) -> tuple[Scored, ...]:
        right = [one for one in self._seen if one.score == 1]
        rng = random_for(self._settings.seed, "kept", number)
        return tuple(rng.sample(right, min(self._settings.kept, len(right))))


def secrets_of(examples: Iterable[Example]) -> tuple[str, ...]:
    """Right answers that would be recognised in a prompt: with a capital, a digit, or long."""
    golds = {one.gold for one in examples if one.gold}
    return tuple(sorted(
        gold for gold in golds
        if any(c.isdigit() or c.isupper() for c in gold) or len(gold.split()) > 2
    ))  # fmt: skip
