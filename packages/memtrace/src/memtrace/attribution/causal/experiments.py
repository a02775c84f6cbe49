"""Experiments: repairs are replayed, and the new answer is compared with the right one.

In: a laboratory and repairs. Out: an `Experiment`, whose answer was right or not, some draws of it.
The same repairs are replayed once; replies made for one replay serve the others, so a second ask
costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmcommon.errors import BudgetError, UserError
from lmcommon.judge.answer import NormalizedAnswerJudge
from lmcommon.judge.base import AnswerItem, AnswerJudge
from memtrace.attribution.case import Case
from memtrace.attribution.causal.repairs import Repair
from memtrace.attribution.laboratory import Laboratory
from memtrace.attribution.types import Rate, Trial, rate
from memtrace.execution.interventions import AtPoint, Resample
from memtrace.execution.replies import place_of

if TYPE_CHECKING:
    from lmcommon.llm.budget import Budget
    from memtrace.evaluate.types import Episode
    from memtrace.replaying.outcome import Replay

__all__ = ["Experiment", "Experiments", "ReplaysSpentError"]


class ReplaysSpentError(Exception):
    """No more replays may be made."""


@dataclass(slots=True, kw_only=True)
class Experiment:
    """Some repairs and what came of them."""

    repairs: tuple[Repair, ...]
    rights: tuple[bool | None, ...]
    """Draw by draw, whether the answer was right; None: it could not be told."""
    answers: tuple[str, ...]
    calls: int
    replay: Replay | None
    """Of the first draw; None where it could not be replayed."""
    answer: str | None = None
    """The answer's variable in the replay's trace."""
    failure: str = ""

    @property
    def scored(self) -> list[bool]:
        """The draws that could be told."""
        return [right for right in self.rights if right is not None]

    @property
    def flips(self) -> bool:
        """Whether the answer became right in most draws."""
        return 2 * sum(self.scored) > len(self.scored)

    @property
    def changed(self) -> bool:
        """Whether every repair found something to change."""
        return all(repair.mender is None or repair.mender.told for repair in self.repairs)

    @property
    def rate(self) -> Rate:
        """How often the answer became right."""
        return rate(sum(self.scored), len(self.scored))

    def to_trial(self, named: Sequence[str]) -> Trial:
        """For the record, with the operations as the original trace names them."""
        return Trial(
            operations=tuple(named), flips=self.rate, answers=self.answers, calls=self.calls,
            repairs=tuple(repair.told for repair in self.repairs),
        )  # fmt: skip


class Experiments:
    """Runs experiments on one question.

    Args:
        case: The case; its cost grows.
        laboratory: Where to replay.
        scope: The memory that answered; None: all are run again.
        question: Id of the question; None: all are asked again.
        judge: Says whether a new answer is right.
        draws: Replays of each set of repairs; more than one only where the model samples.
        max_replays: How many replays at most.
        budget: What the replays of this case may spend together.
    """

    def __init__(
        self, case: Case, laboratory: Laboratory, *, scope: str | None, question: str | None,
        judge: AnswerJudge | None = None, draws: int = 1, max_replays: int = 30,
        budget: Budget | None = None,
    ) -> None:  # fmt: skip
        self.case = case
        self._laboratory = laboratory
        self._scopes = None if scope is None else {scope}
        self._questions = None if question is None else {question}
        self._judge = judge or NormalizedAnswerJudge()
        self._draws, self._left, self._budget = draws, max_replays, budget
        self._done: dict[tuple[object, ...], Experiment] = {}
        self._open = ExitStack()
        self.made: list[Experiment] = []
        """All experiments, in order."""

    def close(self) -> None:
        """Let go of the replays."""
        self._open.close()

    def run(self, repairs: Sequence[Repair]) -> Experiment:
        """Replay with these repairs.

        Raises:
            ReplaysSpentError: The number of replays is spent.
        """
        ordered = tuple(repairs)
        key = tuple(sorted((repair.key for repair in ordered), key=repr))
        if key not in self._done:
            self._done[key] = self._run(ordered)
            self.made.append(self._done[key])
        return self._done[key]

    def _run(self, repairs: tuple[Repair, ...]) -> Experiment:
        rights: list[bool | None] = []
        answers: list[str] = []
        calls, first, variable, failure = 0, None, None, ""
        for draw in range(self._draws):
            if self._left <= 0:
                if not rights:
                    raise ReplaysSpentError
                break
            self._left -= 1
            try:
                replay = self._laboratory.run(
                    [*(repair.intervention for repair in repairs), *self._resampled(repairs, draw)],
                    scopes=self._scopes, questions=self._questions, budget=self._budget,
                )  # fmt: skip
            except (UserError, BudgetError) as error:
                failure = str(error)
                rights.append(None)
                break
            self._open.callback(replay.close)
            self._spent(replay)
            self._warned(replay)
            calls += replay.calls
            right, said, made = self._outcome(replay)
            rights.append(right)
            answers.append(said)
            if first is None:
                first, variable = replay, made
        return Experiment(
            repairs=repairs, rights=tuple(rights), answers=tuple(answers), calls=calls,
            replay=first, answer=variable, failure=failure,
        )  # fmt: skip

    def _warned(self, replay: Replay) -> None:
        """What a replay warns of, once, in the log of the case."""
        for told in replay.warnings:
            if f"causal: warning: {told}" not in self.case.log:
                self.case.note("causal", f"warning: {told}")

    def _resampled(self, repairs: Sequence[Repair], draw: int) -> list[AtPoint]:
        """Another draw of the answer, unless that is repaired."""
        place = place_of(self.case.maker)
        if draw == 0 or place is None or any(repair.place == place for repair in repairs):
            return []
        return [Resample(at=place, draw=draw)]

    def _outcome(self, replay: Replay) -> tuple[bool | None, str, str | None]:
        wanted = self._question_of(replay)
        if wanted is None or wanted.failure_kind is not None or replay.missing:
            return None, "", None
        item = AnswerItem(
            question=self.case.question, gold=self.case.gold, prediction=wanted.prediction
        )
        return self._judge.judge([item])[0].satisfied, wanted.prediction, wanted.answer

    def _question_of(self, replay: Replay) -> Episode | None:
        """The episode of the question."""
        if self._questions is None:
            found = [one for one in replay.episodes if one.text == self.case.question]
        else:
            found = [one for one in replay.episodes if one.question in self._questions]
        return found[-1] if found else None

    def _spent(self, replay: Replay) -> None:
        cost, usage = self.case.cost, replay.ledger.usage
        cost.replays += 1
        cost.model_calls += replay.calls
        cost.prompt_tokens += usage.prompt_tokens
        cost.completion_tokens += usage.completion_tokens
        cost.cost_usd += usage.cost_usd or 0.0
