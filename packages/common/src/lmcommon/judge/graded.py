"""Graded criteria: a language model gives a grade on the criterion's own scale.

In: responses and criteria with a scale. Out: verdicts with a grade, satisfied from the criterion's
pass mark on. A failed call, an unreadable reply or a grade off the scale is an unscored verdict;
nothing is rounded or cut to fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lmcommon.errors import ParseError
from lmcommon.judge.asking import DEFAULT_SAMPLING, failure_text
from lmcommon.judge.base import JudgeItem
from lmcommon.judge.parse import grade_schema, parse_json_grade
from lmcommon.judge.types import Criterion, Verdict
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatResponse, Sampling, chat
from lmcommon.prompt import Prompt, load_prompt

__all__ = ["GradedJudge"]


class GradedJudge:
    """Asks a model to grade each criterion by itself, all of them as one batch.

    A criterion without a scale is unscored: a yes or no is for `CriterionJudge`.

    Args:
        model: What answers; it must be able to reply by a JSON schema.
        prompt: Template with `{prompt}`, `{response}`, `{criterion}`, `{low}` and `{high}`; None:
            ours.
        sampling: How to decode; greedy by default.
    """

    fields = frozenset({"prompt", "response", "criterion", "low", "high"})

    def __init__(
        self, model: ChatModel, *, prompt: Prompt | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> None:  # fmt: skip
        self.model, self.sampling = model, sampling
        self.prompt = prompt or load_prompt("lmcommon.judge", "prompts/graded.md", self.fields)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind, prompt digest, decoding and the model's identity."""
        return {
            "kind": "graded", "prompt": self.prompt.digest, "sampling": asdict(self.sampling),
            "model": dict(self.model.identity),
        }  # fmt: skip

    def judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        """One verdict per item, in order."""
        asked = [(item, scale) for item in items if (scale := item.criterion.scale) is not None]
        responses = self.model.generate(
            [
                chat(self._text(item, scale), sampling=self.sampling, schema=grade_schema(*scale))
                for item, scale in asked
            ]
        )
        told = iter(
            _verdict(response, item.criterion, scale)
            for response, (item, scale) in zip(responses, asked, strict=True)
        )
        return [
            next(told)
            if item.criterion.is_graded
            else Verdict.unscored(f"criterion {item.criterion.id!r} has no scale to grade it on")
            for item in items
        ]

    def _text(self, item: JudgeItem, scale: tuple[float, float]) -> str:
        low, high = (f"{bound:g}" for bound in scale)
        return self.prompt.fill(
            prompt=item.prompt, response=item.response, criterion=item.criterion.text, low=low,
            high=high,
        )  # fmt: skip


def _verdict(response: ChatResponse, criterion: Criterion, scale: tuple[float, float]) -> Verdict:
    if response.failure is not None:
        return Verdict.unscored(failure_text(response.failure.kind, response.failure.message))
    try:
        score, reason = parse_json_grade(response.text, *scale)
    except ParseError as error:
        return Verdict.unscored(f"unreadable grade: {error}")
    assert criterion.pass_mark is not None, criterion  # a criterion with a scale has one
    return Verdict(satisfied=score >= criterion.pass_mark, score=score, rationale=reason)
