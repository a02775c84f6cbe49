"""From contexts to answers: the literal prompts, one batch through the model, the replies.

In: a question and a context each, as handles of the trace. Out: `Answer`s. Two operations a
question: `render_prompt` makes the literal prompt from template, context and question, `answer`
makes the reply from it and keeps the literal request beside it. A failed call leaves a failed
operation and no answer variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, ChatResponse, Message, Role, Sampling
from lmcommon.prompt import Prompt, load_prompt
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.tracing import step
from memtrace.memory.types import Answer, Hit

__all__ = ["Answerer", "Asked", "default_prompt"]

_ROLE = re.compile(r"^### (system|user|assistant)\n", re.MULTILINE)
_FIELDS = ("context", "question")


def default_prompt() -> Prompt:
    """The question-answering prompt of this package."""
    return load_prompt("memtrace.memory", "prompts/qa.md", _FIELDS)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the context it is to be answered from."""

    question: Handle[str]
    context: Handle[str]
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
        self._head, self._last = _split(prompt)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What decides the reply beside the prompt."""
        return {"model": self.model.name, **asdict(self.sampling)}

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        """Answer a batch, in order."""
        rendered = [self._render(one) for one in asked]
        requests = [
            ChatRequest(messages=messages, sampling=self.sampling) for messages, _ in rendered
        ]
        responses = self.model.generate(requests)
        return [
            self._record(one, messages, prompt, response)
            for one, (messages, prompt), response in zip(asked, rendered, responses, strict=True)
        ]

    def _render(self, asked: Asked) -> tuple[tuple[Message, ...], Handle[str]]:
        inputs = {"context": asked.context, "question": asked.question}
        with step("render_prompt", kind="context", inputs=inputs, prompt=self.prompt) as op:
            last = self._last.fill(context=asked.context.value, question=asked.question.value)
            messages = (*self._head, Message("user", last))
            literal = "\n".join(f"### {m.role}\n{m.content}" for m in messages)
            return messages, op.output("prompt", literal, kind="prompt")

    def _record(
        self, asked: Asked, messages: Sequence[Message], prompt: Handle[str], response: ChatResponse
    ) -> Answer:
        with step(
            "answer", kind="answer", inputs={"prompt": prompt}, parameters=dict(self.parameters)
        ) as op:
            op.request([{"role": m.role, "content": m.content} for m in messages])
            op.usage(
                model=response.model or self.model.name, usage=asdict(response.usage),
                latency_ms=response.latency_ms,
            )  # fmt: skip
            if response.failure is not None:
                op.failed(response.failure.kind, response.failure.message)
                text, made = "", None
            else:
                text = response.text.strip()
                made = op.output("answer", text, kind="answer")
        return Answer(
            text=text, response=response, hits=asked.hits, handle=made,
            question_handle=asked.question,
        )  # fmt: skip


def _split(prompt: Prompt) -> tuple[tuple[Message, ...], Prompt]:
    """The fixed messages of a template, and its last user message as a template."""
    pieces = _ROLE.split(prompt.text)
    roles: list[Role] = pieces[1::2]  # type: ignore[assignment]
    texts = [piece.strip("\n") for piece in pieces[2::2]]
    if not roles or pieces[0].strip() or roles[-1] != "user":
        raise UserError(
            f"prompt {prompt.name!r}: expected messages that start with '### system', '### user' "
            f"or '### assistant', the last one from the user; got roles {roles}"
        )
    head = tuple(Message(role, text) for role, text in zip(roles[:-1], texts[:-1], strict=True))
    return head, Prompt(prompt.name, texts[-1], prompt.fields)
