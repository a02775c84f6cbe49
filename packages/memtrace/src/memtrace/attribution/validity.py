"""Validity: is the failure real? Nobody is blamed for a wrong label or a wrong judge.

In: a case. Out: a closed case with the verdict Judge or Annotation error, or an open one.
"""

from __future__ import annotations

from lmcommon.judge.answer import NormalizedAnswerJudge
from lmcommon.judge.base import AnswerItem
from memtrace.attribution.case import Case
from memtrace.attribution.matching import content_words
from memtrace.attribution.taxonomy import ErrorType, LossKind

__all__ = ["ValidityStage", "is_right"]


class ValidityStage:
    """Suspects the judge of a right answer, and the label when the evidence has nothing of it."""

    name = "validity"

    def examine(self, case: Case) -> None:
        """Look at one case."""
        if is_right(case):
            case.note(self.name, "the answer is right when compared by program")
            right = "abstains, as is right" if case.gold is None else "gives the gold answer"
            shown = "" if case.gold is None else f" {case.gold!r}"
            case.suspect(
                None, ErrorType.JUDGE, LossKind.NOT_LOST, 0.95,
                f"the answer {case.prediction!r} {right}{shown}", stage=self.name,
            )  # fmt: skip
            return
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
            None, ErrorType.ANNOTATION, LossKind.NOT_LOST, 0.35,
            f"the evidence holds no word of the gold answer {case.gold!r}", stage=self.name,
        )  # fmt: skip


def is_right(case: Case) -> bool:
    """Whether the program's own comparison accepts the answer: then nothing was lost."""
    item = AnswerItem(question=case.question, gold=case.gold, prediction=case.prediction)
    return NormalizedAnswerJudge().judge([item])[0].satisfied is True
