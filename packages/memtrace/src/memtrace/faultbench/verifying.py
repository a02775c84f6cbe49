"""Is a case what its recipe says? Decided by running it, with every part of its faults.

A case of faults holds if the unfaulted run answers right and every non-empty part of the faults
alone makes the answer wrong: then nothing less than the repair of all of them helps, and the label
is a minimal set. A control holds if the judge says what it is to say, and the answer is (or is not)
right by the true gold answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from lmcommon.errors import UserError
from lmcommon.judge.base import AnswerItem
from memtrace.execution.interventions import AtPoint
from memtrace.faultbench.building import Bench, Trial
from memtrace.faultbench.drawing import Draw, NoDrawError
from memtrace.faultbench.judges import usual_judge
from memtrace.faultbench.types import Fault, Recipe, Staging

__all__ = ["Verified", "verified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What came of trying a recipe: the recipe with the draw that held, or why none did."""

    recipe: Recipe
    holds: bool
    refusals: tuple[str, ...] = ()
    """Why earlier draws were refused, in a word or two each."""
    runs: int = 0
    """Runs of the pipeline that it took, the clean one of the bundle not counted."""


def verified(bench: Bench, recipe: Recipe, *, tries: int = 6) -> Verified:
    """Try draws of a recipe until one holds.

    Args:
        bench: Runs them.
        recipe: Its `tries` is where to begin.
        tries: How many draws at most.
    """
    refusals: list[str] = []
    runs = 0
    for number in range(recipe.tries, recipe.tries + tries):
        candidate = replace(recipe, tries=number)
        check = _Check(bench, candidate)
        try:
            drawn = bench.draw(candidate)
            check.holds(drawn)
        except NoDrawError as error:
            refusals.append(error.reason)
            runs += check.runs
            if error.reason in ("nothing right", "no place"):  # whatever is drawn
                break
            continue
        return Verified(
            recipe=replace(candidate, category=drawn.asked.category), holds=True,
            refusals=tuple(refusals), runs=runs + check.runs,
        )  # fmt: skip
    return Verified(recipe=recipe, holds=False, refusals=tuple(refusals), runs=runs)


class _Check:
    """One draw, tried."""

    def __init__(self, bench: Bench, recipe: Recipe) -> None:
        self.bench, self.recipe, self.runs = bench, recipe, 0

    def holds(self, drawn: Draw) -> None:
        """Raise NoDrawError unless the draw makes a case."""
        if drawn.staging is not None:
            self._control(drawn, drawn.staging)
            return
        for part in _parts(drawn.faults):
            trial = self._run(drawn, defects=[fault.defect for fault in part])
            if any(fault.defect.at not in trial.places for fault in part):
                raise NoDrawError("hidden", "one fault keeps another's operation from happening")
            if trial.episode.verdict.satisfied:
                whole = len(part) == len(drawn.faults)
                raise NoDrawError("no flip" if whole else "a part is enough")
        if not self._run(drawn, defects=[]).episode.verdict.satisfied:
            raise NoDrawError("not right alone", "right only beside other questions")

    def _control(self, drawn: Draw, staging: Staging) -> None:
        trial = self._run(drawn, defects=staging.defects)
        episode = trial.episode
        if not all(words in trial.prompt for words in staging.shown):
            raise NoDrawError("from nowhere", "the answer is not in what the model was shown")
        if episode.verdict.satisfied is not staging.judged:
            raise NoDrawError("judged otherwise")
        item = AnswerItem(
            question=drawn.asked.text, gold=drawn.asked.answer, prediction=episode.prediction
        )
        if usual_judge().judge([item])[0].satisfied is not staging.is_right:
            raise NoDrawError("right or wrong otherwise")

    def _run(self, drawn: Draw, *, defects: Sequence[AtPoint]) -> Trial:
        self.runs += 1
        judge = None if drawn.staging is None else drawn.staging.judge
        try:
            trial = self.bench.tried(
                self.recipe,
                drawn.question,
                defects=defects,
                judge=judge,
            )
        except UserError as error:
            raise NoDrawError("breaks the run", str(error)) from error
        if trial.episode.verdict.satisfied is None:
            raise NoDrawError("unscored", str(trial.episode.verdict.failure))
        return trial


def _parts(faults: Sequence[Fault]) -> Iterator[Sequence[Fault]]:
    """Every non-empty part, the whole first."""
    for size in range(len(faults), 0, -1):
        yield from combinations(faults, size)
