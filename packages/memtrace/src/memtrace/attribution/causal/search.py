"""The search for the Decisive Error Set: the earliest minimal set whose repair helps.

In: a case with suspects, and experiments. Out: candidates whose repair makes the answer right. One
suspect after the other is repaired and the run replayed. Where the answer stays wrong but the facts
came further, the repair is kept and the search goes on *in the replayed trace*: there the next
fault shows, which the first one hid. What turns out to be needless is left out at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from memtrace.attribution.case import Case, Question
from memtrace.attribution.causal.bisect import bisect, read_path
from memtrace.attribution.causal.candidates import (
    Candidate,
    candidates,
    is_answer_informed,
    needed,
    suspicion,
)
from memtrace.attribution.causal.experiments import Experiment, Experiments
from memtrace.attribution.causal.located import operation_at
from memtrace.attribution.causal.repairs import Repair, decider_of, is_grounded, repair_of
from memtrace.attribution.causal.wording import Wording, wordings
from memtrace.attribution.matching import content_words
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.suspecting import SurvivalStage
from memtrace.execution.places import Place
from memtrace.execution.replies import place_of
from memtrace.types import Operation

__all__ = ["Chosen", "Search"]

_MOST_EARLIER = 4


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
        """Whether these repairs alone help, each made from what its operation read.

        A search that is made to find what the memory does not hold, or a model to say what it was
        not told, would always help, and proves nothing.
        """
        experiment = self._experiments.run(repairs)
        if not experiment.flips:
            return False
        after = self._case_after(experiment)
        if after is None:
            return False
        told = needed(after)
        return all(is_grounded(after, repair, told) for repair in repairs)

    def _step(self, here: Case, chosen: Sequence[Chosen]) -> tuple[Candidate, Experiment] | None:
        """The next repair: one that helps, else the first after which the facts came further."""
        facts = wordings(here.facts, here.reader.speakers)
        before = [one.candidate.repair for one in chosen]
        used = {(repair.place, repair.role) for repair in before}
        further: tuple[Candidate, Experiment] | None = None
        said: tuple[Candidate, Experiment] | None = None
        for candidate in islice(candidates(here, facts), self._max_suspects):
            if (candidate.repair.place, candidate.repair.role) in used:
                continue
            candidate, experiment = self._tried(here, before, candidate, facts)
            if not experiment.scored or not experiment.changed:
                continue
            if experiment.flips and candidate.repair.is_oracle_answer:
                if self._is_own_fault(here, chosen, facts):
                    if is_answer_informed(here, needed(here)):
                        return candidate, experiment
                    said = said or (candidate, experiment)
            elif experiment.flips:
                return self._earliest(here, before, candidate, experiment, facts)
            elif further is None and self._came_further(here, experiment):
                further = candidate, experiment
        if further is not None or said is not None:
            return further or said
        return bisect(here, self._experiments, before, facts)

    def _tried(
        self, here: Case, before: Sequence[Repair], candidate: Candidate, facts: Sequence[Wording]
    ) -> tuple[Candidate, Experiment]:
        """Replay with a candidate: at its own point, or where its reply is read if that fails."""
        experiment = self._experiments.run([*before, candidate.repair])
        if (experiment.scored and experiment.changed) or candidate.repair.role != "reply":
            return candidate, experiment
        operation = here.reader.operation(candidate.repair.operation)
        repair = repair_of(here, operation, facts, where_read=True)
        if repair is None or repair.key == candidate.repair.key:
            return candidate, experiment
        other = replace(candidate, repair=repair)
        return other, self._experiments.run([*before, repair])

    def _earliest(
        self, here: Case, before: Sequence[Repair], found: Candidate, experiment: Experiment,
        facts: Sequence[Wording],
    ) -> tuple[Candidate, Experiment]:  # fmt: skip
        """The repair that helped, or an earlier one that does too.

        Of two operations that both lost a fact (two searches, say, or the extraction from a
        message and a later one that saw it again), survival names the last. A search that found
        less than it was asked for is at fault, whatever another one did.
        """
        named = found.suspect.operation
        if named is None or named == here.maker.id or _is_short(here, named):
            return found, experiment
        for operation in _earlier_losses(here, named)[:_MOST_EARLIER]:
            repair = repair_of(here, operation, facts)
            if repair is None:
                continue
            tried = self._experiments.run([*before, repair])
            if tried.flips and tried.changed:
                evidence = f"{operation.name} ({operation.id}) lost the facts first"
                decider = decider_of(here, operation, facts)
                suspect = suspicion(decider, evidence, found.suspect.score, found.suspect.loss)
                return Candidate(suspect=suspect, repair=repair, executor=operation.id), tried
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
        case.put_back = tuple(_put_back(case, experiment.repairs))
        SurvivalStage().examine(case)
        return case

    def _minimal(self, chosen: list[Chosen]) -> list[Chosen]:
        """Leave out what is not needed, the last found (which helps) is needed."""
        for one in list(chosen[:-1]):
            rest = [other.candidate.repair for other in chosen if other is not one]
            if self.helps(rest):
                chosen = [other for other in chosen if other is not one]
        return chosen


def _earlier_losses(case: Case, operation: str) -> list[Operation]:
    """Operations that lost a fact before this one did, the earliest first.

    Those that search the memory while something is written lose nothing by finding other things.
    """
    seq, way = case.reader.operation(operation).seq, set(read_path(case))
    lost = {
        step.operation
        for path in case.paths
        for step in path.steps
        if not step.kept and step.seq < seq
    }
    found = [case.reader.operation(one) for one in lost]
    found = [one for one in found if one.id in way or one.kind not in ("retrieval", "rerank")]
    if operation in way:  # what was never written is another story than what was not found
        found = [one for one in found if one.id in way]
        found += [one for one in map(case.reader.operation, way) if _drifts(case, one)]
    return sorted(found, key=lambda one: one.seq)


def _drifts(case: Case, operation: Operation) -> bool:
    """Whether an operation put the question into other words, and left some that matter out."""
    if "query" not in operation.metadata.get("points", ()):
        return False
    asked = content_words(case.question)
    said = [content_words(case.reader.text(made)) for made in operation.outputs.get("query", ())]
    return bool(said) and not all(asked <= words for words in said)


def _is_short(case: Case, operation: str) -> bool:
    """Whether a search gave fewer items than it was asked for, though the memory held more."""
    search = case.reader.operation(operation)
    wanted = search.parameters.get("top_k") if search.kind == "retrieval" else None
    given = sum(len(made) for made in search.outputs.values())
    if not isinstance(wanted, int) or given >= wanted:
        return False
    return len(case.reader.trace.state_at(search.seq)) > given


def _put_back(case: Case, repairs: Sequence[Repair]) -> Iterator[str]:
    """What repaired operations passed on in a replay."""
    for repair in repairs:
        operation = operation_at(case.reader, repair.place)
        if operation is not None and not repair.is_oracle_answer:
            yield from operation.output_ids


def _place(case: Case, operation: str) -> Place | None:
    return place_of(case.reader.operation(operation))
