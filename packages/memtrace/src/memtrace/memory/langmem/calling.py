"""LangMem's model calls during one `add`, as operations.

In: what LangMem (trustcall) wants to ask. Out: the tool calls of the reply, which a replay may
change (point `facts`): a text for a new memory, `{"name", "args"}` for any other tool. `extract` is
the call that reads the messages, `repair` one that mends calls which did not validate.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, ChatResponse, Sampling
from lmcommon.prompt import Prompt
from memtrace.execution.places import next_id
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.langmem.chat import calls_schema, told, tool_texts
from memtrace.memory.langmem.store import KIND

__all__ = ["Calls", "ModelCallError"]


class ModelCallError(Exception):
    """A model call failed, as a client of LangChain's would raise it."""


class Calls:
    """The model calls of one `add`.

    Args:
        model: Whom to ask.
        sampling: How.
        instructions: What LangMem tells the model to do; recorded as an input.
        tools: Template with `{tools}`.
        messages: Of the session.
    """

    def __init__(
        self, model: ChatModel, sampling: Sampling, instructions: Prompt, tools: Prompt,
        messages: Sequence[Handle[str]],
    ) -> None:  # fmt: skip
        self._model, self._sampling = model, sampling
        self._instructions, self._tools = instructions, tools
        self.messages = list(messages)
        self.shown: dict[str, Handle[Any]] = {}
        """What searches found, by the id under which LangMem shows it to the model."""
        self.facts: list[Handle[Any]] = []
        self.error: Exception | None = None
        """What went wrong on our side of a call (an intervention that makes no sense, a package
        that is missing): trustcall would swallow it."""

    def ask(self, messages: Sequence[Any], tools: Sequence[Mapping[str, Any]]) -> AIMessage:
        """Answer messages with tool calls.

        Raises:
            ModelCallError: The call failed. A reply that is no list of calls is no failure: it
                calls nothing, as a model that only talks.
        """
        if self.error is not None:
            raise self.error
        try:
            calls, response = self._call(messages, tools)
        except Exception as error:
            self.error = error
            raise
        if response.failure is not None and response.failure.kind != "invalid_output" and not calls:
            raise ModelCallError(f"{response.failure.kind}: {response.failure.message}")
        return AIMessage(content="" if calls else response.text, tool_calls=calls)

    def _call(
        self, messages: Sequence[Any], tools: Sequence[Mapping[str, Any]]
    ) -> tuple[list[dict[str, Any]], ChatResponse]:
        names = [str(tool["name"]) for tool in tools]
        is_repair = "PatchFunctionErrors" in names
        request = ChatRequest(
            messages=told(messages, self._tools.fill(tools=tool_texts(tools))),
            sampling=self._sampling, schema=calls_schema(tools),
        )  # fmt: skip
        with Stage(
            "repair" if is_repair else "extract", kind="extraction", prompt=self._instructions,
            inputs=self._inputs(request, is_repair), points=("reply", "facts"),
        ) as op:  # fmt: skip
            op.input("prompt", self._tools)
            response = op.generate(self._model, request)
            calls = self._settled(op, _calls(response), names)
            self.facts += op.outputs("facts", [_fact(call) for call in calls], kind="fact")
        return calls, response

    def _inputs(self, request: ChatRequest, is_repair: bool) -> dict[str, Any]:
        text = "\n".join(message.content for message in request.messages)
        existing = [handle for sid, handle in self.shown.items() if sid in text]
        inputs: dict[str, Any] = {"messages": self.messages, "existing": existing}
        if is_repair:
            inputs["facts"] = list(self.facts)
        return inputs

    def _settled(
        self, op: Stage, calls: Sequence[Mapping[str, Any]], names: Sequence[str]
    ) -> list[dict[str, Any]]:
        """The calls, or what a replay puts in their place, with an id each."""
        rows = op.settle("facts", [_fact(call) for call in calls])
        made = []
        for row in rows:
            call = {"name": KIND, "args": {"content": row}} if isinstance(row, str) else row
            is_call = isinstance(call, dict) and isinstance(call.get("args"), dict)
            if not is_call or call.get("name") not in names:
                raise UserError(
                    f"facts at {op.place}: expected texts, or rows {{name, args}} with one of the "
                    f"tools {', '.join(names)}; got {row!r}"
                )
            made.append({"name": call["name"], "args": call["args"], "id": _call_id()})
        return made


def _calls(response: ChatResponse) -> list[Mapping[str, Any]]:
    parsed = response.parsed if response.ok else None
    return list(parsed["calls"]) if isinstance(parsed, dict) else []


def _fact(call: Mapping[str, Any]) -> Any:
    """A call as JSON: a new memory by its text."""
    args = call["args"]
    if call["name"] == KIND and set(args) == {"content"} and isinstance(args["content"], str):
        return args["content"]
    return {"name": call["name"], "args": args}


def _call_id() -> str:
    return str(next_id("call") or uuid.uuid4())
