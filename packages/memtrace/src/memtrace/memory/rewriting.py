"""Query rewriting: the question in words that find what answers it.

In: questions. Out: for each the query that retrieval uses, a variable of its own. A failed call or
an empty reply keeps the question; the operation says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, Sampling
from lmcommon.prompt import Prompt, load_prompt
from memtrace.execution.calls import Completed, complete
from memtrace.execution.places import Place, next_place, within
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.templates import ChatTemplate

__all__ = ["Rewriter", "rewrite_prompt"]

_MAX_TOKENS = 64


def rewrite_prompt() -> Prompt:
    """The package's prompt for rewriting a question."""
    return load_prompt("memtrace.memory", "prompts/rewrite.md", ("question",))


class Rewriter:
    """Rewrites questions before retrieval.

    Args:
        model: Rewrites.
        prompt: Template with `{question}`; None: the package's own.
        temperature: How to decode.
    """

    def __init__(
        self, model: ChatModel, *, prompt: Prompt | None = None, temperature: float = 0.0
    ) -> None:
        self.model = model
        self._template = ChatTemplate(prompt or rewrite_prompt())
        self._sampling = Sampling(temperature=temperature, max_tokens=_MAX_TOKENS, stop=("\n",))

    @property
    def prompt(self) -> Prompt:
        """The prompt it uses."""
        return self._template.prompt

    def rewrite(self, asked: Sequence[tuple[str, Handle[str]]]) -> list[Handle[str]]:
        """The queries to search with, in one batch; a question itself where there is no better.

        Args:
            asked: Key (`Query.key`) and question of each.
        """
        places: list[Place | None] = []
        for key, _ in asked:
            with within(key):
                places.append(next_place("rewrite"))
        requests = [
            ChatRequest(
                messages=self._template.fill(question=question.value), sampling=self._sampling
            )
            for _, question in asked
        ]
        completed = complete(self.model, requests, places)
        return [
            self._record(question, place, done)
            for (_, question), place, done in zip(asked, places, completed, strict=True)
        ]

    def _record(
        self, question: Handle[str], place: Place | None, completed: Completed
    ) -> Handle[str]:
        with Stage(
            "rewrite", kind="rewrite", inputs={"question": question}, prompt=self.prompt,
            points=("reply", "query"), place=place,
        ) as op:  # fmt: skip
            op.answered(completed)
            response = completed.response
            query = response.text.strip() if response.ok else ""
            if response.ok and not query:
                op.failed("invalid_output", "expected a query; got an empty reply")
            query = op.settle("query", query or question.value)
            value = question if query == question.value else query
            made: Handle[str] = op.output("query", value, kind="query")
        return made
