"""Query rewriting: the question in words that find what answers it.

In: the question. Out: the query that retrieval uses, a variable of its own. A failed call or an
empty reply keeps the question; the operation says so.
"""

from __future__ import annotations

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, Sampling
from lmcommon.prompt import Prompt, load_prompt
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

    def rewrite(self, question: Handle[str]) -> Handle[str]:
        """The query to search with: a copy of the question where there is no better one."""
        with Stage(
            "rewrite", kind="rewrite", inputs={"question": question}, prompt=self.prompt,
            points=("reply", "query"),
        ) as op:  # fmt: skip
            messages = self._template.fill(question=question.value)
            response = op.generate(
                self.model, ChatRequest(messages=messages, sampling=self._sampling)
            )
            query = response.text.strip() if response.ok else ""
            if response.ok and not query:
                op.failed("invalid_output", "expected a query; got an empty reply")
            query = op.settle("query", query or question.value)
            value = question if query == question.value else query
            made: Handle[str] = op.output("query", value, kind="query")
        return made
