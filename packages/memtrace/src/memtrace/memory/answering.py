"""From contexts to answers: the literal prompts, one batch through the model, the replies.

In: a question and a context each, as handles of the trace. Out: `Answer`s. Two operations a
question: `render_prompt` makes the literal prompt from template, context and question, `answer`
makes the reply from it and keeps the literal request beside it. A failed call leaves a failed
operation and no answer variable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, Message, Sampling
from lmcommon.prompt import Prompt, load_prompt
from memtrace.execution.calls import Completed, complete
from memtrace.execution.places import Place, next_place, within
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.templates import ChatTemplate
from memtrace.memory.types import Answer, Hit

__all__ = ["Answerer", "Asked", "default_prompt"]

_FIELDS = ("context", "question")


def default_prompt() -> Prompt:
    """The question-answering prompt of this package."""
    return load_prompt("memtrace.memory", "prompts/qa.md", _FIELDS)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the context it is to be answered from."""

    question: Handle[str]
    context: Handle[str]
    key: str
    """`Query.key`: what places call it."""
    hits: tuple[Hit, ...] = ()


class Answerer:
    """Answers questions from given contexts with one prompt and one model.

    Args:
        model: Generates the replies.
        prompt: Template with `{context}` and `{question}`, both in the last message; messages
            start with a line `### system`, `### user` or `### assistant`.
        sampling: How to decode. The reply ends at the first newline unless `stop` says otherwise.
    """

    def __init__(self, model: ChatModel, prompt: Prompt, sampling: Sampling) -> None:
        self.model, self.prompt, self.sampling = model, prompt, sampling
        self._template = ChatTemplate(prompt)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What decides the reply beside the prompt."""
        return {"model": self.model.name, **asdict(self.sampling)}

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        """Answer a batch, in order."""
        rendered = [self._render(one) for one in asked]
        requests = [
            ChatRequest(messages=messages, sampling=self.sampling) for messages, _, _ in rendered
        ]
        completed = complete(self.model, requests, [place for _, _, place in rendered])
        return [
            self._record(one, prompt, place, done)
            for one, (_, prompt, place), done in zip(asked, rendered, completed, strict=True)
        ]

    def _render(self, asked: Asked) -> tuple[tuple[Message, ...], Handle[str], Place | None]:
        inputs = {"context": asked.context, "question": asked.question}
        with (
            within(asked.key),
            Stage("render_prompt", kind="context", inputs=inputs, prompt=self.prompt) as op,
        ):
            messages = self._template.fill(
                context=asked.context.value, question=asked.question.value
            )
            literal = "\n".join(f"### {m.role}\n{m.content}" for m in messages)
            return messages, op.output("prompt", literal, kind="prompt"), next_place("answer")

    def _record(
        self, asked: Asked, prompt: Handle[str], place: Place | None, completed: Completed
    ) -> Answer:
        with Stage(
            "answer", kind="answer", inputs={"prompt": prompt}, points=("reply",),
            parameters=dict(self.parameters), place=place,
        ) as op:  # fmt: skip
            text = completed.response.text.strip() if completed.response.ok else ""
            made = op.answered(completed, role="answer", kind="answer", text=text)
        return Answer(
            text=text, response=completed.response, hits=asked.hits, handle=made,
            question_handle=asked.question,
        )  # fmt: skip
