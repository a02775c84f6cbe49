"""Reranking by a language model: it reads question and candidates, and says which come first.

In: the texts of the candidates, best first by retrieval. Out: their order. The reply must be
numbers of candidates, each at most once; what it leaves out follows in the old order. Anything
else, or a failed call, keeps the order; the operation says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, Sampling
from lmcommon.prompt import Prompt, load_prompt
from memtrace.execution.calls import Completed
from memtrace.execution.stage import Stage
from memtrace.memory.templates import ChatTemplate

__all__ = ["Reranker", "parse_order", "rerank_prompt"]

_REPLY = re.compile(r"[\[(]?\s*\d+(?:\s*[,>\s]\s*\d+)*\s*[\])]?\.?")
_TOKENS_A_NUMBER = 4


def rerank_prompt() -> Prompt:
    """The package's prompt for ordering candidates."""
    return load_prompt("memtrace.memory", "prompts/rerank.md", ("question", "candidates"))


class Reranker:
    """Orders candidates with a language model.

    Args:
        model: Orders.
        candidates: How many retrieval gives it.
        prompt: Template with `{question}` and `{candidates}`; None: the package's own.
        temperature: How to decode.
    """

    def __init__(
        self, model: ChatModel, *, candidates: int = 20, prompt: Prompt | None = None,
        temperature: float = 0.0,
    ) -> None:  # fmt: skip
        if candidates < 1:
            raise ValueError(f"candidates: expected at least 1; got {candidates}")
        self.model, self.candidates = model, candidates
        self._template = ChatTemplate(prompt or rerank_prompt())
        self._temperature = temperature

    @property
    def prompt(self) -> Prompt:
        """The prompt it uses."""
        return self._template.prompt

    def request(self, question: str, texts: Sequence[str]) -> ChatRequest:
        """What the model is asked about a question and its candidates."""
        numbered = "\n".join(f"[{number}]\n{text}" for number, text in enumerate(texts, 1))
        sampling = Sampling(
            temperature=self._temperature, max_tokens=16 + _TOKENS_A_NUMBER * len(texts)
        )
        messages = self._template.fill(question=question, candidates=numbered)
        return ChatRequest(messages=messages, sampling=sampling)

    def order(self, op: Stage, completed: Completed, count: int) -> list[int] | None:
        """Places of the candidates, best first; None where the model gave no order.

        Args:
            op: The running operation; the call becomes its own.
            completed: The call.
            count: How many candidates there are.
        """
        op.answered(completed)
        if not completed.response.ok:
            return None
        try:
            return parse_order(completed.response.text, count)
        except UserError as error:
            op.failed("invalid_output", str(error))
            return None


def parse_order(reply: str, count: int) -> list[int]:
    """Places from a reply such as `3, 1`; those it leaves out follow.

    Raises:
        UserError: The reply is no list of numbers from 1 to `count`, each at most once.
    """
    numbers = [int(number) for number in re.findall(r"\d+", reply)]
    is_list = _REPLY.fullmatch(reply.strip()) is not None
    if (
        not is_list
        or len(set(numbers)) < len(numbers)
        or not set(numbers) <= set(range(1, count + 1))
    ):
        raise UserError(
            f"rerank: expected numbers from 1 to {count}, each at most once, separated by commas; "
            f"got {reply!r}"
        )
    named = [number - 1 for number in numbers]
    return named + [place for place in range(count) if place not in set(named)]
