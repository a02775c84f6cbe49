"""What the parent answers while a worker's call runs.

In: a question of the worker, in the thread (and so in the recording) of the call. Out: the
answer. The parent's model, embedder, replies, interventions and redaction are used as if the
memory ran here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmcommon.embed.base import Embedder
from lmcommon.llm.base import ChatModel
from memtrace.execution.calls import complete
from memtrace.execution.execution import current_execution
from memtrace.graph.recording import scope
from memtrace.memory.isolated.framing import Garbage
from memtrace.memory.isolated.remote import packed
from memtrace.memory.isolated.wire import from_wire

__all__ = ["Served", "answered"]


@dataclass(frozen=True, slots=True)
class Served:
    """What one memory of a worker uses of this process."""

    model: ChatModel
    embedder: Embedder


def answered(question: Mapping[str, Any], served: Served) -> Any:
    """The answer to a question of the worker.

    Raises:
        Garbage: There is no such question.
    """
    asked = {key: from_wire(value) for key, value in question.items() if key != "ask"}
    match question["ask"]:
        case "complete":
            return complete(served.model, asked["requests"], asked["places"])
        case "generate":
            return served.model.generate(asked["requests"])
        case "score":
            return served.model.score(asked["requests"])
        case "settle":
            decider = current_execution()
            if decider is None:
                return [asked["value"], False]
            return list(decider.settle(asked["place"], asked["role"], asked["value"]))
        case "embed":
            return packed(served.embedder.embed(asked["texts"]))
        case "dim":
            return served.embedder.dim
        case "redact":
            here = scope.current_scope()
            redact = None if here is None else here[0].redact
            return asked["text"] if redact is None else redact(asked["text"])
        case other:
            raise Garbage(f"expected a question of the protocol; got {other!r}")
