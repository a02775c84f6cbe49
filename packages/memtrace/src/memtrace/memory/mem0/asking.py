"""Making the model calls of Mem0: by a model of ours, or by the user's own object.

In: the operation, and what Mem0 says. Out: the reply that Mem0 goes on with, and its variable. Both
ways lead through the execution, so that a re-run is answered from the recording.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, Message, Sampling
from memtrace.execution.calls import complete
from memtrace.execution.execution import note_of
from memtrace.execution.own import OwnClient
from memtrace.execution.replies import CALL
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.mem0.types import ModelCallError

__all__ = ["Asking", "OurModel", "TheirModel"]

Reply = tuple[Any, Handle[Any] | None]


class Asking(Protocol):
    """How a model call of Mem0 is made."""

    def ask(
        self, op: Stage, original: Callable[..., Any], args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Reply:  # fmt: skip
        """Make the call, and record it in `op`."""
        ...


class TheirModel:
    """The object's own model: it is called as ever, and what it says is recorded.

    Args:
        memory: Whose model it is; the model's class and settings are part of what a recorded reply
            answers to.
    """

    def __init__(self, memory: Any) -> None:
        self._memory = memory

    def ask(
        self, op: Stage, original: Callable[..., Any], args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Reply:  # fmt: skip
        """Call the original, unless a re-run knows the reply; its errors pass."""
        llm, messages = self._memory.llm, _messages(args, kwargs)
        op.request(messages)
        given = {
            name: value
            for name, value in kwargs.items()
            if name != "messages" and value is not None
        }
        model = OwnClient(
            _identity(llm, given), lambda: original(*args, **kwargs),
            name=str(_settings(llm).get("model", "")),
        )  # fmt: skip
        if any(not isinstance(one["content"], str) for one in messages):
            messages = [{**one, "content": json.dumps(one["content"], default=str)}
                        for one in messages]  # fmt: skip
        said, completed = model.ask(
            tuple(Message(one["role"], one["content"]) for one in messages), op.place,
            temperature=_settings(llm).get("temperature"),
        )  # fmt: skip
        if completed.response.latency_ms:
            op.usage(latency_ms=completed.response.latency_ms)
        if not isinstance(said, str):  # calls of tools; they are made again in a re-run
            return said, op.output("reply", repr(said), kind="reply")
        made = op.output("reply", said, kind="reply")
        op.note(CALL, dict(note_of(completed, "reply")))
        return said, made


class OurModel:
    """A `ChatModel`, so that a replay may answer.

    Args:
        model: Whom to ask.
        sampling: How to decode.
        system: What to say instead of the package's system prompt, as (theirs, ours).
    """

    def __init__(
        self, model: ChatModel, sampling: Sampling, *, system: tuple[str, str] | None = None
    ) -> None:
        self.model, self.sampling, self._system = model, sampling, system

    def ask(
        self, op: Stage, original: Callable[..., Any], args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Reply:  # fmt: skip
        """Ask our model; the reply of a failed call is None."""
        request = ChatRequest(messages=self.request(_messages(args, kwargs)),
                              sampling=self.sampling)  # fmt: skip
        (completed,) = complete(self.model, [request], [op.place])
        made = op.answered(completed)
        failure = completed.response.failure
        if failure is not None:
            return ModelCallError(failure), None
        return completed.response.text, made

    def request(self, messages: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
        """Mem0's messages with our system prompt."""
        made = []
        for one in messages:
            content = str(one["content"])
            if self._system is not None and one["role"] == "system":
                theirs, ours = self._system
                if content.startswith(theirs):
                    content = ours + content[len(theirs) :]
            made.append(Message(one["role"], content))
        return tuple(made)


def _identity(llm: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the replies of a user's model beside the messages; no secret and no address."""
    kind = type(llm)
    return {
        "kind": "own client", "class": f"{kind.__module__}.{kind.__qualname__}",
        **{name: value for name, value in _settings(llm).items() if value is not None},
        "given": json.loads(json.dumps(given, default=lambda value: type(value).__qualname__)),
    }  # fmt: skip


_SETTINGS = ("model", "temperature", "max_tokens", "top_p", "top_k")


def _settings(llm: Any) -> dict[str, Any]:
    config = getattr(llm, "config", None)
    found = {name: getattr(config, name, None) for name in _SETTINGS}
    return {name: value for name, value in found.items() if isinstance(value, (str, int, float))}


def _messages(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = args[0] if args else kwargs.get("messages", [])
    return [{"role": one.get("role", ""), "content": one.get("content", "")} for one in given]
