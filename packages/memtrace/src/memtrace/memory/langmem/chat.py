"""Our chat model as one of LangChain's, tools included.

In: LangChain messages and the tools bound to the model. Out: tool calls. `ChatModel` knows texts
only, so tools are told in the system message and the reply is one JSON object; whoever makes the
call (`ask`) turns it into calls. Nothing here records anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from lmcommon.llm.types import Message, Role

__all__ = ["Ask", "ToolChat", "calls_schema", "told", "tool_texts"]

Ask = Callable[[Sequence[Any], Sequence[Mapping[str, Any]]], Any]
"""From LangChain messages and tools to the `AIMessage` they are answered with."""

_ROLES: dict[str, Role] = {"system": "system", "ai": "assistant"}


class ToolChat(BaseChatModel):  # type: ignore[misc]
    """Hands every call to a function."""

    ask: Ask

    @property
    def _llm_type(self) -> str:
        return "memtrace"

    def bind_tools(self, tools: Sequence[Any], **settings: Any) -> Any:
        """The model with these tools; which one to call is left to the model."""
        return self.bind(tools=[convert_to_openai_tool(tool)["function"] for tool in tools])

    def _generate(
        self, messages: Sequence[Any], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Any:
        message: AIMessage = self.ask(messages, kwargs.get("tools", ()))
        return ChatResult(generations=[ChatGeneration(message=message)])


def told(messages: Sequence[Any], tools: str) -> tuple[Message, ...]:
    """LangChain messages as ours, what is said of tools at the end of the system message."""
    said = [Message(_ROLES.get(message.type, "user"), _text(message)) for message in messages]
    if said and said[0].role == "system":
        return (Message("system", f"{said[0].content}\n\n{tools}"), *said[1:])
    return (Message("system", tools), *said)


def tool_texts(tools: Sequence[Mapping[str, Any]]) -> str:
    """One line a tool."""
    return "\n".join(json.dumps(tool, ensure_ascii=False, sort_keys=True) for tool in tools)


def calls_schema(tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The JSON schema of a reply that calls some of the tools."""
    call = {
        "type": "object",
        "properties": {
            "name": {"enum": [tool["name"] for tool in tools]}, "args": {"type": "object"},
        },
        "required": ["name", "args"],
    }  # fmt: skip
    return {
        "type": "object",
        "properties": {"calls": {"type": "array", "items": call}},
        "required": ["calls"],
    }


def _text(message: Any) -> str:
    text = str(message.text)
    if message.type == "tool":
        return f"Of call {message.tool_call_id}: {text}"
    if calls := getattr(message, "tool_calls", None):
        rows = [{"id": c["id"], "name": c["name"], "args": c["args"]} for c in calls]
        return "\n".join(filter(None, (text, json.dumps({"calls": rows}, ensure_ascii=False))))
    return text
