"""A user's own client as a model, for one call: a re-run then answers it from the recording.

In: what decides the reply, and a function that asks for it. Out: what that function returned, or
the text that an earlier run or an intervention has for this request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmcommon.errors import UserError
from lmcommon.llm.types import (
    ChatRequest,
    ChatResponse,
    Message,
    Sampling,
    ScoreRequest,
    ScoreResponse,
    Usage,
)
from memtrace.execution.calls import Completed, complete
from memtrace.execution.places import Place

__all__ = ["OwnClient"]

_NOTHING = object()


class OwnClient:
    """A `ChatModel` for one call. What the client raises passes as it is.

    Args:
        identity: JSON that decides the reply beside the messages.
        call: Asks the client.
        name: Of the model, where it is known.
        spell: How what the client returned is written down; None: text only, anything else as its
            `repr`.
    """

    def __init__(
        self, identity: Mapping[str, Any], call: Callable[[], Any], *, name: str = "",
        spell: Callable[[Any], str] | None = None,
    ) -> None:  # fmt: skip
        self._identity, self._call, self._name = dict(identity), call, name
        self._spell = spell or (lambda said: said if isinstance(said, str) else repr(said))
        self._said: Any = _NOTHING

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name or "own client"

    @property
    def identity(self) -> Mapping[str, Any]:
        """What decides the reply beside the messages."""
        return self._identity

    def check(self) -> None:
        """Nothing can be checked without asking."""

    def ask(
        self, messages: Sequence[Message], place: Place | None, *, temperature: Any = None
    ) -> tuple[Any, Completed]:
        """Make the call here, unless the reply is known.

        Args:
            messages: What is asked.
            place: Where.
            temperature: Of the client; above 0 the same request is another draw each time.

        Returns:
            What to go on with: what the client returned, else the text that stands for it.

        Raises:
            UserError: A re-run may not ask (its budget is spent).
        """
        is_number = isinstance(temperature, (int, float)) and temperature > 0
        sampling = Sampling(temperature=float(temperature)) if is_number else Sampling()
        request = ChatRequest(messages=tuple(messages), sampling=sampling)
        (completed,) = complete(self, [request], [place])
        failure = completed.response.failure
        if failure is not None:
            raise UserError(f"a call of the program could not be made: {failure.message}")
        is_own = self._said is not _NOTHING and completed.origin == "called"
        return self._said if is_own else completed.response.text, completed

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Ask the client, once."""
        assert len(requests) == 1, "the client stands for one call"
        started = time.perf_counter()
        self._said = self._call()
        latency_ms = (time.perf_counter() - started) * 1e3
        said = ChatResponse(
            text=self._spell(self._said), model=self._name, latency_ms=latency_ms,
            usage=Usage(calls=1),
        )  # fmt: skip
        return [said]

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """The same."""
        return self.generate(requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Never asked for.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a client of the user's own scores nothing")

    def close(self) -> None:
        """The client is the user's."""
