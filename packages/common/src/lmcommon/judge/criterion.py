"""Criteria judged by a language model: one criterion a call, or a whole rubric in one call.

The model sees the task, the response and the text of the criterion, nothing else of it (no id, no
weight, no arguments). Nothing is cut: a text too long for the model is a failed call, and so an
unscored verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lmcommon.errors import ParseError
from lmcommon.judge.asking import (
    DEFAULT_SAMPLING,
    ReplyForm,
    ask_verdicts,
    but_for_graded,
    failure_text,
    form_prompt,
)
from lmcommon.judge.base import JudgeItem
from lmcommon.judge.parse import parse_json_verdicts, rubric_schema
from lmcommon.judge.types import Verdict
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatResponse, Sampling, chat
from lmcommon.prompt import Prompt, load_prompt

__all__ = ["CriterionJudge", "RubricJudge"]


class CriterionJudge:
    """Asks a model about each criterion by itself, all of them as one batch.

    Args:
        model: What answers.
        form: "json" (reply by schema) or "tag" (prose, then a line `VERDICT: YES|NO`).
        prompt: Template with `{prompt}`, `{response}`, `{criterion}` and `{format}`; None: ours.
        sampling: How to decode; greedy by default.
    """

    fields = frozenset({"prompt", "response", "criterion", "format"})

    def __init__(
        self, model: ChatModel, *, form: ReplyForm = "json", prompt: Prompt | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> None:  # fmt: skip
        self.model, self.form, self.sampling = model, form, sampling
        self.prompt = prompt or load_prompt("lmcommon.judge", "prompts/criterion.md", self.fields)
        self._format = form_prompt(form)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind, prompt digests, decoding and the model's identity."""
        return {
            "kind": "criterion", "prompt": self.prompt.digest, "format": self._format.digest,
            "sampling": asdict(self.sampling), "model": dict(self.model.identity),
        }  # fmt: skip

    def judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        """One verdict per item, in order; a graded criterion is unscored."""
        return but_for_graded(items, self._judge)

    def _judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        texts = [
            self.prompt.fill(
                prompt=item.prompt, response=item.response, criterion=item.criterion.text,
                format=self._format.text,
            )
            for item in items
        ]  # fmt: skip
        return ask_verdicts(self.model, texts, form=self.form, sampling=self.sampling)


class RubricJudge:
    """Asks a model about all criteria of a response in one call.

    Items with equal prompt and response share a call. Cheaper than `CriterionJudge` and less
    independent: one unreadable reply leaves all criteria of that response unscored.

    Args:
        model: What answers; it must be able to reply by a JSON schema.
        prompt: Template with `{prompt}`, `{response}`, `{criteria}` and `{count}`; None: ours.
        sampling: How to decode; greedy by default.
    """

    fields = frozenset({"prompt", "response", "criteria", "count"})

    def __init__(
        self, model: ChatModel, *, prompt: Prompt | None = None, sampling: Sampling | None = None
    ) -> None:
        self.model, self.sampling = model, sampling or Sampling(max_tokens=2048)
        self.prompt = prompt or load_prompt("lmcommon.judge", "prompts/rubric.md", self.fields)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind, prompt digest, decoding and the model's identity."""
        return {
            "kind": "rubric", "prompt": self.prompt.digest, "sampling": asdict(self.sampling),
            "model": dict(self.model.identity),
        }  # fmt: skip

    def judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        """One verdict per item, in order; a graded criterion is unscored."""
        return but_for_graded(items, self._judge)

    def _judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        groups: dict[tuple[str, str], list[int]] = {}
        for index, item in enumerate(items):
            groups.setdefault((item.prompt, item.response), []).append(index)
        requests = [
            chat(
                self._text([items[index] for index in group]),
                sampling=self.sampling,
                schema=rubric_schema(len(group)),
            )
            for group in groups.values()
        ]
        verdicts: dict[int, Verdict] = {}
        for group, response in zip(groups.values(), self.model.generate(requests), strict=True):
            verdicts |= zip(group, _verdicts(response, len(group)), strict=True)
        return [verdicts[index] for index in range(len(items))]

    def _text(self, items: Sequence[JudgeItem]) -> str:
        lines = [f"{number}. {item.criterion.text}" for number, item in enumerate(items, start=1)]
        return self.prompt.fill(
            prompt=items[0].prompt, response=items[0].response, criteria="\n".join(lines),
            count=str(len(items)),
        )  # fmt: skip


def _verdicts(response: ChatResponse, count: int) -> list[Verdict]:
    if response.failure is not None:
        failure = failure_text(response.failure.kind, response.failure.message)
        return [Verdict.unscored(failure)] * count
    try:
        parsed = parse_json_verdicts(response.text, count)
    except ParseError as error:
        return [Verdict.unscored(f"unreadable verdicts: {error}")] * count
    return [Verdict(satisfied=satisfied, rationale=reason) for satisfied, reason in parsed]
