"""What a memory in a worker sees of the parent: model, embedder, execution, redaction.

Every use is a question to the parent, asked while a call of the parent runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lmcommon.embed.base import Vectors
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, ChatResponse, ScoreRequest, ScoreResponse
from memtrace.execution.execution import Completed, Settled
from memtrace.execution.places import Place
from memtrace.memory.isolated.failures import from_wire_error
from memtrace.memory.isolated.framing import Pipes
from memtrace.memory.isolated.wire import from_wire, to_wire

__all__ = ["Parent", "RemoteEmbedder", "RemoteExecution", "RemoteModel", "packed"]

Point = tuple[str, str, str]
"""Scope and path of a place, and a role."""


class Parent:
    """The other end of the pipes. Threads of the memory take turns.

    Args:
        pipes: To the parent.
    """

    def __init__(self, pipes: Pipes) -> None:
        self.pipes = pipes
        self.when_gone: Callable[[], None] = lambda: None
        """Called when the parent is found gone in the middle of a call, before it is an error."""
        self._lock = threading.Lock()
        self._listens = False

    def next_call(self) -> dict[str, Any]:
        """The next thing to do.

        Raises:
            EOFError: The parent is gone.
        """
        call: dict[str, Any] = self.pipes.receive()
        self._listens = True
        return call

    def returns(self, message: Mapping[str, Any]) -> None:
        """Say how the call ended. From now on nothing can be asked."""
        with self._lock:
            self._listens = False
            self.pipes.send(message)

    def ask(self, what: str, **details: Any) -> Any:
        """Ask the parent something, and wait for its answer.

        Raises:
            RuntimeError: No call of the parent runs: nobody would answer.
        """
        message = {"ask": what, **{key: to_wire(value) for key, value in details.items()}}
        with self._lock:
            if not self._listens:
                raise RuntimeError(
                    f"expected a call of the parent to be running; {what!r} was asked after it "
                    "had ended (a thread that the memory left behind?)"
                )
            try:
                self.pipes.send(message)
                reply = self.pipes.receive()
            except EOFError:
                self.when_gone()
                raise
        if "error" in reply:
            raise from_wire_error(reply["error"])
        return from_wire(reply["reply"])


class RemoteModel:
    """The parent's language model.

    Args:
        parent: Whom to ask.
        memory: The number of the memory it was given to: its model is meant.
        name: The model's name.
        identity: The model's identity.
    """

    def __init__(self, parent: Parent, memory: int, name: str, identity: Mapping[str, Any]) -> None:
        self._parent, self._memory = parent, memory
        self.name, self.identity = name, identity

    def check(self) -> None:
        """Nothing: the parent checked its model."""

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Let the parent's model answer; nothing is recorded (see `memtrace.execution`)."""
        asked = self._parent.ask("generate", memory=self._memory, requests=list(requests))
        responses: list[ChatResponse] = asked
        return responses

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """The same, from a thread."""
        import asyncio

        return await asyncio.to_thread(self.generate, requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Let the parent's model score."""
        asked = self._parent.ask("score", memory=self._memory, requests=list(requests))
        scores: list[ScoreResponse] = asked
        return scores

    def close(self) -> None:
        """Nothing: the model is the parent's."""


class RemoteEmbedder:
    """The parent's embedder.

    Args:
        parent: Whom to ask.
        memory: The number of the memory it was given to.
        name: The embedder's name.
        identity: The embedder's identity.
    """

    def __init__(self, parent: Parent, memory: int, name: str, identity: Mapping[str, Any]) -> None:
        self._parent, self._memory = parent, memory
        self.name, self.identity = name, identity
        self._dim = 0

    @property
    def dim(self) -> int:
        """Length of a vector; asked once."""
        if not self._dim:
            self._dim = int(self._parent.ask("dim", memory=self._memory))
        return self._dim

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts, in order."""
        made = self._parent.ask("embed", memory=self._memory, texts=list(texts))
        rows = np.frombuffer(made["data"], np.float32).reshape(made["rows"], made["dim"])
        self._dim = made["dim"]
        return rows.copy()  # what came is read-only

    def close(self) -> None:
        """Nothing: the embedder is the parent's."""


class RemoteExecution:
    """Decides for a recording in a worker as the parent decides.

    Args:
        parent: Whom to ask.
        memory: Says which memory's call is running.
        flush: Brings what was recorded to the disk, so that a killed worker loses none of it.
    """

    def __init__(
        self, parent: Parent, memory: Callable[[], int], flush: Callable[[], None]
    ) -> None:
        self._parent, self._memory, self._flush = parent, memory, flush
        self.points: frozenset[Point] | None = frozenset()
        """Where something is to be changed; None: not known, every point is asked for."""

    def complete(
        self, model: ChatModel, requests: Sequence[ChatRequest], places: Sequence[Place | None]
    ) -> list[Completed]:
        """Answer a batch: the parent knows replies, interventions and the model."""
        self._flush()
        asked = self._parent.ask(
            "complete", memory=self._memory(), requests=list(requests), places=list(places)
        )
        done: list[Completed] = asked
        return done

    def intervenes(self, place: Place, role: str) -> bool:
        """Whether anything is to be changed at this point."""
        return self.points is None or (place.scope, place.path, role) in self.points

    def settle(self, place: Place, role: str, value: Any) -> Settled:
        """What is passed on at this point instead of `value`."""
        return Settled(*self._parent.ask("settle", place=place, role=role, value=value))


def packed(vectors: Vectors) -> dict[str, Any]:
    """A matrix as a message holds it; `RemoteEmbedder.embed` unpacks it."""
    rows, dim = vectors.shape
    return {"rows": rows, "dim": dim, "data": np.ascontiguousarray(vectors, np.float32).tobytes()}
