"""Validity: is the failure real? Nobody is blamed for a wrong label or a wrong judge.

In: a case. Out: a closed case with the verdict Judge error, Annotation error or No failure, or an
open one. A program decides what it can; where it cannot, models are asked if there are any, and
only their agreement closes a case. Without a gold answer (live) nothing is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmcommon.judge.answer import NormalizedAnswerJudge
from lmcommon.judge.base import AnswerItem
from memtrace.attribution.case import Case
from memtrace.attribution.doubting import doubt
from memtrace.attribution.equivalence import Comparison, compare
from memtrace.attribution.matching import content_words
from memtrace.attribution.taxonomy import ErrorType, LossKind
from memtrace.attribution.types import Verdict

if TYPE_CHECKING:
    from memtrace.attribution.second_opinion import EvidenceJudge, Judges

__all__ = ["ValidityStage", "is_right"]


class ValidityStage:
    """Closes cases whose judge or label is at fault.

    Args:
        judges: Two judges of opposite leniency (`Judges.of(model)`), for answers that the program
            cannot compare; None: those stay open.
        evidence: Asked whether an answer follows from the evidence where the program cannot tell;
            None: nobody is asked.
    """

    name = "validity"

    def __init__(
        self, judges: Judges | None = None, *, evidence: EvidenceJudge | None = None
    ) -> None:
        self._judges, self._evidence = judges, evidence

    def examine(self, case: Case) -> None:
        """Look at one case."""
        if case.asked.is_live:
            case.note(self.name, "no gold answer to compare with")
            return
        found = self._compared(case)
        if found.is_equal:
            self._close_right(case, found.why)
        elif case.asked.judged:
            self._close_accepted(case, found)
        else:
            self._doubt(case)

    def _compared(self, case: Case) -> Comparison:
        found = compare(case.question, case.gold, case.prediction)
        if found.is_equal is None and self._judges is not None:
            item = AnswerItem(question=case.question, gold=case.gold, prediction=case.prediction)
            opinion = self._judges.compare(item, case.cost)
            case.note(self.name, opinion.why)
            found = Comparison(opinion.is_equal, opinion.why)
        return found

    def _close_right(self, case: Case, why: str) -> None:
        right = "abstains, as is right" if case.gold is None else "gives the gold answer"
        shown = "" if case.gold is None else f" {case.gold!r}"
        said = f"the answer {case.prediction!r} {right}{shown}"
        if case.asked.judged:
            case.note(self.name, f"{said} and was judged right: {why}")
            case.why_not = f"{said}, and was judged right"
            case.verdict = Verdict.NO_FAILURE
            return
        case.note(self.name, f"the answer is right when compared by program: {why}")
        self._blame(case, ErrorType.JUDGE, 0.95, said)

    def _close_accepted(self, case: Case, found: Comparison) -> None:
        """The recorded judge took the answer; was that too lenient?"""
        if found.is_equal is None:
            case.note(self.name, f"judged right, and nothing speaks against it: {found.why}")
            case.why_not = f"the answer {case.prediction!r} was judged right"
            case.verdict = Verdict.NO_FAILURE
            return
        wanted = "an abstention" if case.gold is None else repr(case.gold)
        self._blame(
            case, ErrorType.JUDGE, 0.9,
            f"the answer {case.prediction!r} was judged right though {wanted} is wanted",
        )  # fmt: skip

    def _doubt(self, case: Case) -> None:
        found = doubt(case)
        if found is not None:
            self._blame(case, ErrorType.ANNOTATION, 0.9, f"{found.flag}: {found.why}")
        elif case.gold is not None and self._evidence is not None and case.witnesses:
            self._ask_evidence(case, case.gold)
        if not case.is_closed:
            self._note_unsaid(case)

    def _ask_evidence(self, case: Case, gold: str) -> None:
        assert self._evidence is not None
        answers = [gold, case.prediction]
        verdicts = self._evidence.supports(answers, case.witnesses, case.question, case.cost)
        told = ", ".join(str(v.satisfied if v.is_scored else v.failure) for v in verdicts)
        case.note(self.name, f"asked whether gold answer and prediction follow: {told}")
        if [verdict.satisfied for verdict in verdicts] == [False, True]:
            names = ", ".join(turn.name for turn in case.witnesses)
            self._blame(
                case, ErrorType.ANNOTATION, 0.6,
                f"wrong gold: a model says that {case.prediction!r} follows from {names}, and "
                f"{gold!r} does not",
            )  # fmt: skip

    def _note_unsaid(self, case: Case) -> None:
        """A gold answer of which the evidence has no word is suspicious, and no more than that."""
        if case.gold is None or not case.facts or any(fact.phrase for fact in case.facts):
            return
        said = frozenset[str]().union(*(content_words(f.value) for f in case.facts))
        wanted = content_words(case.gold)
        is_computed = any(char.isdigit() for word in wanted for char in word) or len(wanted) > 4
        if wanted & said or is_computed or not wanted:
            case.note(self.name, "the gold answer is not in the evidence word for word")
            return
        case.note(self.name, "no word of the gold answer is in the evidence")
        case.suspect(
            None, ErrorType.ANNOTATION, LossKind.NOT_LOST, 0.25,
            f"the evidence holds no word of the gold answer {case.gold!r}", stage=self.name,
        )  # fmt: skip

    def _blame(self, case: Case, error_type: ErrorType, score: float, why: str) -> None:
        case.suspect(None, error_type, LossKind.NOT_LOST, score, why, stage=self.name)
        case.verdict = Verdict.of(error_type)
        case.note(self.name, f"{case.verdict}: {why}")


def is_right(case: Case) -> bool:
    """Whether the program's own comparison accepts the answer: then nothing was lost."""
    item = AnswerItem(question=case.question, gold=case.gold, prediction=case.prediction)
    return NormalizedAnswerJudge().judge([item])[0].satisfied is True
