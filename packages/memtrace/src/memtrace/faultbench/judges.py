"""Judges that err: one that wants the gold answer word for word, one that lets everything pass.

They give the identity of the usual judge, as a judge that errs does: a trace does not say so.
"""

from __future__ import annotations

from collections.abc import Sequence

from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.judge.base import AnswerItem
from lmcommon.judge.hedging import abstention
from lmcommon.judge.types import Verdict

__all__ = ["LenientJudge", "StrictJudge", "usual_judge"]


def usual_judge() -> NormalizedAnswerJudge:
    """Who judges in FaultBench: the comparison by program."""
    return NormalizedAnswerJudge()


class StrictJudge(NormalizedAnswerJudge):
    """Right is only what says the gold answer letter for letter."""

    def judge(self, items: Sequence[AnswerItem]) -> list[Verdict]:
        """One verdict per item, in order."""
        return [self._exactly(item) for item in items]

    def _exactly(self, item: AnswerItem) -> Verdict:
        if item.gold is None:
            return super()._judge_one(item)
        same = item.prediction.strip() == item.gold.strip()
        why = "gives the gold answer" if same else f"does not give {item.gold!r}"
        return Verdict(satisfied=same, source="program", rationale=why)


class LenientJudge(NormalizedAnswerJudge):
    """Right is whatever gives an answer at all."""

    def judge(self, items: Sequence[AnswerItem]) -> list[Verdict]:
        """One verdict per item, in order."""
        return [self._kindly(item) for item in items]

    def _kindly(self, item: AnswerItem) -> Verdict:
        gives = bool(item.prediction.strip()) and abstention(item.prediction) is None
        why = "gives the gold answer" if gives else "abstains"
        return Verdict(satisfied=gives, source="program", rationale=why)
