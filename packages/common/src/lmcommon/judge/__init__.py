"""Verdicts: criteria, rubrics, judges by program and by language model, agreement.

`Judge` holds responses to criteria, `AnswerJudge` compares answers with gold answers; an item
that could not be judged is an unscored `Verdict`, never a silent zero.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from lmcommon.judge.answer import NormalizedAnswerJudge, token_f1
    from lmcommon.judge.base import AnswerItem, AnswerJudge, Judge, JudgeItem
    from lmcommon.judge.types import Criterion, Rubric, Verdict

__all__ = [
    "AnswerItem", "AnswerJudge", "Criterion", "Judge", "JudgeItem", "NormalizedAnswerJudge",
    "Rubric", "Verdict", "token_f1",
]  # fmt: skip

_MODULES = {
    "answer": ("NormalizedAnswerJudge", "token_f1"),
    "base": ("AnswerItem", "AnswerJudge", "Judge", "JudgeItem"),
    "types": ("Criterion", "Rubric", "Verdict"),
}

__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"lmcommon.judge.{module}" for module, names in _MODULES.items() for name in names},
)
