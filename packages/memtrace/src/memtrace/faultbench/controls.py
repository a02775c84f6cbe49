"""Controls: cases in which blaming an operation of the memory would be wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from lmcommon.data.types import Question
from memtrace.attribution.types import Verdict
from memtrace.faultbench.targets import another, targets_of
from memtrace.faultbench.types import CleanRun, Control, Staging

__all__ = ["CONTROLS"]


class NoFault:
    """Nothing is wrong: right, and judged right."""

    name = "no_fault"

    def stagings(self, run: CleanRun, question: Question, rng: random.Random) -> Iterator[Staging]:
        """The question as it is."""
        yield Staging(question=question, verdict=Verdict.NO_FAILURE, judged=True)


class WrongGold:
    """The gold answer is not what the evidence says; the answer is."""

    name = "wrong_gold"

    def stagings(self, run: CleanRun, question: Question, rng: random.Random) -> Iterator[Staging]:
        """With another plausible gold answer."""
        for target in targets_of(run.conversation, question):
            if target.needle.lower() == (question.answer or "").lower():
                gold = another(target, run.conversation, rng)
                yield Staging(
                    question=replace(question, answer=gold), verdict=Verdict.ANNOTATION,
                    judged=False,
                )  # fmt: skip


CONTROLS: dict[str, Control] = {one.name: one for one in (NoFault(), WrongGold())}
"""By name."""
