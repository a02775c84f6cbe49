"""Answer equivalence judged by a language model: for paraphrases, where a program is too strict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lmcommon.judge.asking import DEFAULT_SAMPLING, ReplyForm, ask_verdicts, form_prompt
from lmcommon.judge.base import AnswerItem
from lmcommon.judge.types import Verdict
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import Sampling
from lmcommon.prompt import Prompt, load_prompt

__all__ = ["LlmAnswerJudge"]

_NO_GOLD = "(There is no reference answer: the question cannot be answered.)"


class LlmAnswerJudge:
    """Asks a model whether a prediction gives the gold answer.

    Args:
        model: What answers.
        form: "json" (reply by schema) or "tag" (prose, then a line `VERDICT: YES|NO`).
        prompt: Template with `{question}`, `{gold}`, `{prediction}` and `{format}`; None: ours.
        sampling: How to decode; greedy by default.
    """

    fields = frozenset({"question", "gold", "prediction", "format"})

    def __init__(
        self, model: ChatModel, *, form: ReplyForm = "json", prompt: Prompt | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> None:  # fmt: skip
        self.model, self.form, self.sampling = model, form, sampling
        self.prompt = prompt or load_prompt("lmcommon.judge", "prompts/answer.md", self.fields)
        self._format = form_prompt(form)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind, prompt digests, decoding and the model's identity."""
        return {
            "kind": "llm_answer", "prompt": self.prompt.digest, "format": self._format.digest,
            "sampling": asdict(self.sampling), "model": dict(self.model.identity),
        }  # fmt: skip

    def judge(self, items: Sequence[AnswerItem]) -> list[Verdict]:
        """One verdict per item, in order."""
        texts = [
            self.prompt.fill(
                question=item.question, gold=_NO_GOLD if item.gold is None else item.gold,
                prediction=item.prediction, format=self._format.text,
            )
            for item in items
        ]  # fmt: skip
        return ask_verdicts(self.model, texts, form=self.form, sampling=self.sampling)
