"""Second opinions from a language model, asked only where the program cannot tell.

Two judges of opposite leniency compare an answer with the gold answer: what both say holds, what
they disagree on stays open. The same model can be asked whether an answer follows from the
evidence. A call that fails is no opinion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lmcommon.judge.answer_llm import LlmAnswerJudge
from lmcommon.judge.asking import DEFAULT_SAMPLING, ReplyForm, ask_verdicts, form_prompt
from lmcommon.judge.base import AnswerItem, AnswerJudge
from lmcommon.judge.types import Verdict
from lmcommon.llm.base import ChatModel
from lmcommon.llm.tally import Tally, TallyModel
from lmcommon.prompt import Prompt, load_prompt
from memtrace.attribution.facts import Witness
from memtrace.attribution.types import Cost

__all__ = ["EvidenceJudge", "Judges", "Opinion"]

_ROOM = "memtrace.attribution"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What two judges made of an answer. Example: `Opinion(True, "both judges accept it")`"""

    is_equal: bool | None
    """None: they disagree, or a call failed."""
    why: str


class Judges:
    """Two judges of opposite leniency.

    Args:
        lenient: Accepts what a reasonable reader would.
        strict: Accepts only what is exact.
        tally: Counts what both ask for; None: nobody counts.
    """

    def __init__(
        self, lenient: AnswerJudge, strict: AnswerJudge, *, tally: Tally | None = None
    ) -> None:
        self.lenient, self.strict, self._tally = lenient, strict, tally

    @classmethod
    def of(cls, model: ChatModel, *, form: ReplyForm = "json") -> Judges:
        """Two judges on one model, with the prompts of this package."""
        tally = Tally()
        counted = TallyModel(model, tally)
        lenient, strict = (
            LlmAnswerJudge(counted, form=form, prompt=_prompt(name, LlmAnswerJudge.fields))
            for name in ("lenient", "strict")
        )
        return cls(lenient, strict, tally=tally)

    def compare(self, item: AnswerItem, cost: Cost) -> Opinion:
        """Ask both, and add what it took to `cost`."""
        lenient, strict = self.lenient.judge([item])[0], self.strict.judge([item])[0]
        count(self._tally, cost)
        for name, verdict in (("lenient", lenient), ("strict", strict)):
            if not verdict.is_scored:
                return Opinion(None, f"the {name} judge gave no verdict: {verdict.failure}")
        if lenient.satisfied == strict.satisfied:
            said = "accept" if lenient.satisfied else "refuse"
            return Opinion(lenient.satisfied, f"both judges {said} it")
        return Opinion(None, f"the lenient judge says {lenient.satisfied}, the strict one does not")


class EvidenceJudge:
    """Asks a model whether an answer follows from messages.

    Args:
        model: Whom to ask.
        form: How it is to reply.
        prompt: Template with `{messages}`, `{question}`, `{answer}`, `{format}`; None: ours.
    """

    fields = frozenset({"messages", "question", "answer", "format"})

    def __init__(
        self, model: ChatModel, *, form: ReplyForm = "json", prompt: Prompt | None = None,
        sampling: Any = DEFAULT_SAMPLING,
    ) -> None:  # fmt: skip
        self._tally, self.form, self.sampling = Tally(), form, sampling
        self._model = TallyModel(model, self._tally)
        self.prompt = prompt or _prompt("supported", self.fields)

    def supports(
        self, answers: Sequence[str], turns: Sequence[Witness], question: str, cost: Cost
    ) -> list[Verdict]:
        """One verdict an answer, in order; a failed call is an unscored one."""
        messages = "\n".join(turn.text for turn in turns)
        texts = [
            self.prompt.fill(
                messages=messages, question=question, answer=answer,
                format=form_prompt(self.form).text,
            )
            for answer in answers
        ]  # fmt: skip
        verdicts = ask_verdicts(self._model, texts, form=self.form, sampling=self.sampling)
        count(self._tally, cost)
        return verdicts


def count(tally: Tally | None, cost: Cost) -> None:
    """Add what was asked for since the last time."""
    if tally is None:
        return
    spent = tally.take()
    cost.model_calls += spent.calls
    cost.prompt_tokens += spent.prompt_tokens
    cost.completion_tokens += spent.completion_tokens
    cost.cost_usd += spent.cost_usd


def _prompt(name: str, fields: frozenset[str]) -> Prompt:
    return load_prompt(_ROOM, f"prompts/{name}.md", fields)
