"""Where verdicts come from: the protocol, and any `lmcommon.judge.Judge` behind it.

A criterion that nothing can decide is *unscored*, with the reason: it is masked, never counted as
violated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.base import Judge, JudgeItem
from lmcommon.judge.program import ProgramJudge
from lmcommon.judge.types import Verdict

__all__ = ["NOT_JUDGED", "JudgedVerdicts", "UnjudgedVerdicts", "VerdictSource"]

NOT_JUDGED = "not judged"
"""Why there is no verdict where nobody was asked."""


class VerdictSource(Protocol):
    """Decides the criteria of many responses at once, so that a judge can be asked in one batch."""

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        """One tuple of verdicts a (prompt, response), in rubric order.

        Raises:
            UserError: A criterion names an unknown constraint or has bad arguments.
        """
        ...


@dataclass(frozen=True, slots=True)
class JudgedVerdicts:
    """Verdicts of any `lmcommon.judge.Judge`; by default of the program checks alone.

    Example:
        `JudgedVerdicts(HybridJudge(CriterionJudge(model)))` asks a model where no program decides.
    """

    judge: Judge = field(default_factory=ProgramJudge)

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        """One tuple of verdicts an item; all criteria of all items are one batch of the judge.

        A response that occurs twice for one prompt is judged once.
        """
        places = [(id(prompt), response) for prompt, response in items]
        different = dict(zip(places, items, strict=True))
        asked = [
            JudgeItem(prompt=prompt.prompt, response=response, criterion=criterion)
            for prompt, response in different.values()
            for criterion in prompt.rubric.criteria
        ]
        told = iter(self.judge.judge(asked))
        verdicts = {
            place: tuple(next(told) for _ in prompt.rubric.criteria)
            for place, (prompt, _) in different.items()
        }
        return [verdicts[place] for place in places]


@dataclass(frozen=True, slots=True)
class UnjudgedVerdicts:
    """No verdicts: responses are only recorded, to be judged later."""

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        """One tuple of unscored verdicts an item."""
        return [
            tuple(Verdict.unscored(NOT_JUDGED) for _ in prompt.rubric.criteria)
            for prompt, _ in items
        ]

    def close(self) -> None:
        """Nothing to close."""
