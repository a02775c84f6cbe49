"""The search for the Decisive Error Set: the earliest minimal set whose repair helps.

In: a case with suspects, and experiments. Out: candidates whose repair makes the answer right. One
suspect after the other is repaired and the run replayed. Where the answer stays wrong but the facts
came further, the repair is kept and the search goes on *in the replayed trace*: there the next
fault shows, which the first one hid. What turns out to be needless is left out at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from memtrace.attribution.case import Case, Question
from memtrace.attribution.causal.bisect import bisect, read_path
from memtrace.attribution.causal.candidates import (
    Candidate,
    candidates,
    is_answer_informed,
    suspicion,
)
from memtrace.attribution.causal.experiments import Experiment, Experiments
from memtrace.attribution.causal.repairs import Repair, repair_of
from memtrace.attribution.causal.wording import Wording, wordings
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.suspecting import SurvivalStage
from memtrace.execution.places import Place
from memtrace.execution.replies import place_of

__all__ = ["Chosen", "Search"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A member of the set, and the case in whose trace its operation was found."""

    candidate: Candidate
    case: Case


class Search:
    """Looks for the decisive set of one case.

    Args:
        case: The case, with the suspects of earlier stages.
        experiments: Where repairs are tried.
        max_set: How many operations a set may have.
        max_suspects: How many suspects are tried at each step.
    """

    def __init__(
        self, case: Case, experiments: Experiments, *, max_set: int = 3, max_suspects: int = 6
    ) -> None:
        self.case = case
        self._experiments = experiments
        self._max_set, self._max_suspects = max_set, max_suspects

    def run(self) -> list[Chosen] | None:
        """The set, in the order it was found; None if none was found."""
        chosen: list[Chosen] = []
        here = self.case
        while len(chosen) < self._max_set:
            step = self._step(here, chosen)
            if step is None:
                return None
            candidate, experiment = step
            chosen.append(Chosen(candidate, here))
            if experiment.flips:
                return self._minimal(chosen)
            after = self._case_after(experiment)
            if after is None:
                return None
            here = after
        return None

    def helps(self, repairs: Sequence[Repair]) -> bool:
        """Whether these repairs alone make the answer right.

        An answer that was simply said counts only where the model was given what it needs.
        """
        experiment = self._experiments.run(repairs)
        if not experiment.flips or not any(repair.is_oracle_answer for repair in repairs):
            return experiment.flips
        after = self._case_after(experiment)
        return after is not None and is_answer_informed(after, wordings(after.facts))

    def _step(self, here: Case, chosen: Sequence[Chosen]) -> tuple[Candidate, Experiment] | None:
        """The next repair: one that helps, else the first after which the facts came further."""
        facts = wordings(here.facts)
        before = [one.candidate.repair for one in chosen]
        used = {(repair.place, repair.role) for repair in before}
        further: tuple[Candidate, Experiment] | None = None
        for candidate in islice(candidates(here, facts), self._max_suspects):
            repair = candidate.repair
            if (repair.place, repair.role) in used:
                continue
            experiment = self._experiments.run([*before, repair])
            if not experiment.scored or not experiment.changed:
                continue
            if experiment.flips:
                if repair.is_oracle_answer and not self._is_own_fault(here, chosen, facts):
                    continue
                return self._earliest(here, before, candidate, experiment, facts)
            if further is None and self._came_further(here, experiment):
                further = candidate, experiment
        if further is not None:
            return further
        return bisect(here, self._experiments, before, facts)

    def _earliest(
        self, here: Case, before: Sequence[Repair], found: Candidate, experiment: Experiment,
        facts: Sequence[Wording],
    ) -> tuple[Candidate, Experiment]:  # fmt: skip
        """The repair that helped, or an earlier one on the same way to the answer that does too.

        Of two searches that both lost a fact, say, survival names the last.
        """
        way = set(read_path(here))
        if found.suspect.operation not in way:
            return found, experiment
        seq = here.reader.operation(found.suspect.operation).seq
        lost = {
            step.operation for path in here.paths for step in path.steps
            if not step.kept and step.seq < seq and step.operation in way
        }  # fmt: skip
        for identifier in sorted(lost, key=lambda one: here.reader.operation(one).seq):
            operation = here.reader.operation(identifier)
            repair = repair_of(here, operation, facts)
            if repair is None:
                continue
            tried = self._experiments.run([*before, repair])
            if tried.flips and tried.changed:
                evidence = f"{operation.name} ({operation.id}) lost the facts first"
                suspect = suspicion(operation, evidence, found.suspect.score, found.suspect.loss)
                return Candidate(suspect=suspect, repair=repair, executor=identifier), tried
        return found, experiment

    def _is_own_fault(self, here: Case, chosen: Sequence[Chosen], facts: Sequence[Wording]) -> bool:
        """Whether the answer stays wrong when the context says the facts word for word.

        That the right answer is right proves nothing; that a good context does not help does.
        """
        wrong = [one for one in candidates(here, facts) if one.suspect.stage == "causal"]
        if is_answer_informed(here, facts, strict=True) and not wrong:
            return True
        before = [one.candidate.repair for one in chosen]
        return bisect(here, self._experiments, before, facts, only_last=True) is None

    def _came_further(self, here: Case, experiment: Experiment) -> bool:
        """Whether a fact lived longer after the repair than before."""
        after = self._case_after(experiment)
        if after is None:
            return False
        before = {path.fact.value: path for path in here.paths}
        for path in after.paths:
            old = before.get(path.fact.value)
            if old is None or old.death is None:
                continue
            if path.death is None:
                return True
            if _place(after, path.death.operation) != _place(here, old.death.operation):
                return True
        return False

    def _case_after(self, experiment: Experiment) -> Case | None:
        """The same question in the replayed trace, with the suspects that show there."""
        if experiment.replay is None or experiment.answer is None:
            return None
        asked = self.case.asked
        case = Case(TraceReader(experiment.replay.trace), Question(
            answer=experiment.answer, gold=asked.gold, evidence=asked.evidence, text=asked.text,
            judged=False, is_live=asked.is_live,
        ))  # fmt: skip
        SurvivalStage().examine(case)
        return case

    def _minimal(self, chosen: list[Chosen]) -> list[Chosen]:
        """Leave out what is not needed, the last found (which helps) is needed."""
        for one in list(chosen[:-1]):
            rest = [other.candidate.repair for other in chosen if other is not one]
            if self.helps(rest):
                chosen = [other for other in chosen if other is not one]
        return chosen


def _place(case: Case, operation: str) -> Place | None:
    return place_of(case.reader.operation(operation))
