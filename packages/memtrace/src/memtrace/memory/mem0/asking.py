"""Making the model calls of Mem0: ours through the execution, a user's by the user's own object.

In: the operation, and what Mem0 says. Out: the reply that Mem0 goes on with, and its variable.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, Message, Sampling
from memtrace.execution.calls import complete
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
    """The object's own model: it is called as ever, and what it says is recorded."""

    def ask(
        self, op: Stage, original: Callable[..., Any], args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Reply:  # fmt: skip
        """Call the original; its errors pass."""
        op.request(_messages(args, kwargs))
        started = time.perf_counter()
        said = original(*args, **kwargs)
        op.usage(latency_ms=(time.perf_counter() - started) * 1e3)
        if not isinstance(said, str):
            return said, op.output("reply", repr(said), kind="reply")
        said = op.settle("reply", said)
        return said, op.output("reply", said, kind="reply")


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


def _messages(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = args[0] if args else kwargs.get("messages", [])
    return [{"role": one.get("role", ""), "content": one.get("content", "")} for one in given]
