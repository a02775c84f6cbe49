"""The causal stage: a Decisive Error Set that was proved by replay.

In: a case, and a laboratory in which its run can be made again. Out: the case's `decisive` set and
verdict: the earliest minimal set of operations whose repair makes the answer right, with how often
it did, how often it did with one of them left out, and everything that was tried. Where nothing
helps, it abstains: blame without proof stays a suspicion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.budget import Budget
from memtrace.attribution.case import Case
from memtrace.attribution.causal.experiments import Experiment, Experiments, ReplaysSpentError
from memtrace.attribution.causal.naming import Naming
from memtrace.attribution.causal.search import Chosen, Search
from memtrace.attribution.laboratory import Laboratory
from memtrace.attribution.types import DecisiveSet, Rate, Suspect, Verdict, rate

__all__ = ["CausalStage"]

_SAMPLED_DRAWS = 3


class CausalStage:
    """Repairs suspects and replays.

    Args:
        laboratory: Where the run can be made again (a `Replayer` of the trace).
        scope: The memory that answered; None: every memory of the trace is run again.
        question: Id of the question; None: all questions are asked again.
        judge: Says whether a new answer is right; None: by program, which needs the gold answer:
            of a live case nothing is replayed then.
        draws: Replays of each set of repairs; None: one, or three where the model samples.
        max_set: How many operations a set may have.
        max_replays: How many replays a case may take.
        budget: What its replays may spend, each.
    """

    name = "causal"

    def __init__(
        self, laboratory: Laboratory, *, scope: str | None = None, question: str | None = None,
        judge: AnswerJudge | None = None, draws: int | None = None, max_set: int = 3,
        max_replays: int = 30, budget: Budget | None = None,
    ) -> None:  # fmt: skip
        self._laboratory = laboratory
        self._scope, self._question, self._judge = scope, question, judge
        self._draws, self._max_set, self._max_replays = draws, max_set, max_replays
        self._budget = budget

    def examine(self, case: Case) -> None:
        """Look at one case."""
        if case.asked.is_live and self._judge is None:
            case.note(self.name, "nobody knows the right answer, so no repair could be judged")
            return
        if case.gold is not None and not case.facts:
            case.note(self.name, "there is no fact to restore, so nothing was replayed")
            return
        sampled = float(case.maker.parameters.get("temperature") or 0.0) > 0
        draws = self._draws or (_SAMPLED_DRAWS if sampled else 1)
        experiments = Experiments(
            case, self._laboratory, scope=self._scope, question=self._question, judge=self._judge,
            draws=draws, max_replays=self._max_replays, budget=self._budget,
        )  # fmt: skip
        try:
            self._examine(case, experiments)
        finally:
            experiments.close()

    def _examine(self, case: Case, experiments: Experiments) -> None:
        plain = experiments.run([])
        if not plain.scored:
            case.note(self.name, f"the run cannot be replayed: {plain.failure or 'no answer'}")
            return
        if plain.flips:
            case.note(self.name, "replayed without any repair, the answer is right")
            case.why_not = "the failure does not come up again when the run is replayed"
            case.verdict = Verdict.ABSTAINED
            return
        search = Search(case, experiments, max_set=self._max_set)
        try:
            chosen = search.run()
        except ReplaysSpentError:
            case.note(self.name, f"{self._max_replays} replays were made, and none helped")
            chosen = None
        for made in experiments.made:
            case.note(self.name, _told(made))
        if chosen is None:
            case.why_not = "no repair of a suspect made the answer right"
            case.verdict = Verdict.ABSTAINED
            return
        case.decisive = self._decisive(case, experiments, search, chosen, plain)
        case.verdict = Verdict.of(case.decisive.members[0].error_type)

    def _decisive(
        self, case: Case, experiments: Experiments, search: Search, chosen: Sequence[Chosen],
        plain: Experiment,
    ) -> DecisiveSet:  # fmt: skip
        """The set with its proof."""
        naming = Naming(case)
        ordered = sorted(chosen, key=naming.seq)
        repairs = [one.candidate.repair for one in chosen]
        together = experiments.run(repairs)
        necessity: list[Rate] = []
        for one in ordered:
            rest = [repair for repair in repairs if repair is not one.candidate.repair]
            alone = (experiments.run(rest) if rest else plain).rate
            helps = not rest or search.helps(rest)
            necessity.append(alone if helps else rate(0, alone.trials))
        share = together.rate.hits / max(1, together.rate.trials)
        members = tuple(self._member(naming, one, share) for one in ordered)
        return DecisiveSet(
            members=members,
            executed_by=tuple(
                naming.operation(one.case, one.candidate.executor) for one in ordered
            ),
            sufficiency=together.rate, necessity=tuple(necessity),
            is_minimal=all(2 * one.hits <= one.trials for one in necessity),
            trials=tuple(
                made.to_trial([naming.blamed(repair) for repair in made.repairs])
                for made in experiments.made
            ),
            prompts=tuple(naming.prompt(member.operation) for member in members),
        )  # fmt: skip

    def _member(self, naming: Naming, chosen: Chosen, share: float) -> Suspect:
        suspect = chosen.candidate.suspect
        assert suspect.operation is not None
        named = naming.operation(chosen.case, suspect.operation)
        told = chosen.candidate.repair.told
        return replace(
            suspect, operation=named, stage=self.name, score=round(0.9 + 0.09 * share, 3),
            evidence=f"{suspect.evidence}; repaired ({told}), the answer becomes right",
        )  # fmt: skip


def _told(made: Experiment) -> str:
    """One line of the log."""
    if not made.repairs:
        return f"replayed as it was: {made.answers}"
    repairs = "; ".join(
        f"{one.place.path} ({one.role}): {one.told or 'nothing to put back'}"
        for one in made.repairs
    )
    if made.failure:
        return f"{repairs}: could not be replayed: {made.failure}"
    end = "right" if made.flips else "still wrong"
    return f"{repairs or 'nothing'}: {end}, {made.calls} calls, {list(made.answers)}"
