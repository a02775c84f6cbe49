"""Summarising trim: what leaves the window is condensed into a running summary by the model.

In: the dropped lines and the summary so far. Out: the next version of the summary, a memory item
of its own. A failed call leaves the summary as it was, so that the lines are dropped plainly; the
operation says so.
"""

from __future__ import annotations

from typing import Any

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, Sampling
from lmcommon.prompt import Prompt, load_prompt
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.templates import ChatTemplate
from memtrace.memory.tokens import approximate_tokens

__all__ = ["Summariser", "summary_prompt"]

_NONE_YET = "(none)"


def summary_prompt() -> Prompt:
    """The package's prompt for condensing dropped messages."""
    return load_prompt("memtrace.memory", "prompts/summary.md", ("summary", "dropped"))


class Summariser:
    """Condenses dropped lines into a running summary.

    Args:
        model: Writes it.
        max_tokens: Approximate tokens of the summary; a longer reply is cut after a word.
        prompt: Template with `{summary}` and `{dropped}`; None: the package's own.
        temperature: How to decode.
    """

    def __init__(
        self, model: ChatModel, *, max_tokens: int = 256, prompt: Prompt | None = None,
        temperature: float = 0.0,
    ) -> None:  # fmt: skip
        if max_tokens < 1:
            raise ValueError(f"max_tokens: expected at least 1; got {max_tokens}")
        self.model, self.max_tokens = model, max_tokens
        self._template = ChatTemplate(prompt or summary_prompt())
        self._sampling = Sampling(temperature=temperature, max_tokens=max_tokens)

    @property
    def prompt(self) -> Prompt:
        """The prompt it uses."""
        return self._template.prompt

    def summarise(
        self, dropped: Handle[str], before: Handle[str] | None, item: str
    ) -> Handle[str] | None:
        """Take dropped text into the summary.

        Args:
            dropped: What left the window.
            before: The summary so far.
            item: Id of the summary as a memory item.

        Returns:
            The new version of the summary; `before` if the model gave none.
        """
        inputs: dict[str, Any] = {"dropped": dropped}
        if before is not None:
            inputs["summary"] = before
        with Stage(
            "summarise", kind="summary", inputs=inputs, prompt=self.prompt,
            points=("reply", "summary"), parameters={"max_tokens": self.max_tokens},
        ) as op:  # fmt: skip
            messages = self._template.fill(
                summary=_NONE_YET if before is None else before.value, dropped=dropped.value
            )
            response = op.generate(
                self.model, ChatRequest(messages=messages, sampling=self._sampling)
            )
            text = _cut(response.text.strip(), self.max_tokens) if response.ok else ""
            if response.ok and not text:
                op.failed("invalid_output", "expected a summary; got an empty reply")
            kept = "" if before is None else before.value
            text = op.settle("summary", text or kept)
            if text == kept:
                op.no_op("the summary stays as it was")
                return before
            made: Handle[str] = op.output("summary", text, kind="memory_item", item=item)
        return made


def _cut(text: str, max_tokens: int) -> str:
    """As many whole words of the text as fit."""
    if approximate_tokens(text) <= max_tokens:
        return text
    words = text.split()
    while words and approximate_tokens(" ".join(words)) > max_tokens:
        words.pop()
    return " ".join(words)
