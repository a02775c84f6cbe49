"""Verdicts: criteria, rubrics, judges by program and by language model, agreement.

`Judge` holds responses to criteria, `AnswerJudge` compares answers with gold answers; an item
that could not be judged is an unscored `Verdict`, never a silent zero.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from lmcommon.judge.agreement import (
        Agreement,
        bootstrap_interval,
        compare_verdicts,
        wilson_interval,
    )
    from lmcommon.judge.answer import NormalizedAnswerJudge, token_f1
    from lmcommon.judge.answer_llm import LlmAnswerJudge
    from lmcommon.judge.base import AnswerItem, AnswerJudge, Judge, JudgeItem
    from lmcommon.judge.code import CodeJudge
    from lmcommon.judge.criterion import CriterionJudge, RubricJudge
    from lmcommon.judge.graded import GradedJudge
    from lmcommon.judge.logprob import Calibration, LogprobJudge, calibrate
    from lmcommon.judge.program import HybridJudge, ProgramJudge
    from lmcommon.judge.types import Criterion, Rubric, Verdict

__all__ = [
    "Agreement", "AnswerItem", "AnswerJudge", "Calibration", "CodeJudge", "Criterion",
    "CriterionJudge", "GradedJudge", "HybridJudge", "Judge", "JudgeItem", "LlmAnswerJudge",
    "LogprobJudge", "NormalizedAnswerJudge", "ProgramJudge", "Rubric", "RubricJudge", "Verdict",
    "bootstrap_interval", "calibrate", "compare_verdicts", "token_f1", "wilson_interval",
]  # fmt: skip

_MODULES = {
    "agreement": ("Agreement", "bootstrap_interval", "compare_verdicts", "wilson_interval"),
    "answer": ("NormalizedAnswerJudge", "token_f1"),
    "answer_llm": ("LlmAnswerJudge",),
    "base": ("AnswerItem", "AnswerJudge", "Judge", "JudgeItem"),
    "code": ("CodeJudge",),
    "criterion": ("CriterionJudge", "RubricJudge"),
    "graded": ("GradedJudge",),
    "logprob": ("Calibration", "LogprobJudge", "calibrate"),
    "program": ("HybridJudge", "ProgramJudge"),
    "types": ("Criterion", "Rubric", "Verdict"),
}

__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"lmcommon.judge.{module}" for module, names in _MODULES.items() for name in names},
)
