"""The model of a replay: the real one under a budget and a cache, or none at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Budget, Meter
from lmcommon.llm.cache import CachedModel
from lmcommon.llm.metered import MeteredModel
from lmcommon.llm.passing import PassingModel
from lmcommon.llm.types import (
    ChatRequest,
    ChatResponse,
    ModelFailure,
    ScoreRequest,
    ScoreResponse,
)

__all__ = ["AbsentModel", "guarded"]

_WHY = "the replay needs a new reply here, and no model was given: replay(..., model=...)"


class AbsentModel:
    """Stands for the model of a recorded run: has its name and identity, and answers nothing.

    Args:
        name: Of the recorded model.
        identity: Of the recorded model, so that recorded replies are found.
    """

    def __init__(self, name: str, identity: Mapping[str, Any]) -> None:
        self._name, self._identity = name, dict(identity)

    @property
    def name(self) -> str:
        """The recorded name."""
        return self._name

    @property
    def identity(self) -> Mapping[str, Any]:
        """The recorded identity."""
        return self._identity

    def check(self) -> None:
        """There is nothing to check."""

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Failures of kind `replay_miss`."""
        return [ChatResponse.failed("replay_miss", _WHY, model=self._name) for _ in requests]

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """The same."""
        return self.generate(requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Failures of kind `replay_miss`."""
        failure = ModelFailure(kind="replay_miss", message=_WHY)
        return [ScoreResponse(failure=failure, model=self._name) for _ in requests]

    def close(self) -> None:
        """Nothing is held."""


class _Borrowed(PassingModel):
    """A model of somebody else's, which is not ours to close."""

    def close(self) -> None:
        """Nothing: its owner closes it."""


def guarded(model: ChatModel, budget: Budget | None, cache: Path | None) -> ChatModel:
    """A model that keeps a budget, and shares its replies with other replays.

    Closing it lets go of the cache, and leaves the model open.

    Args:
        model: The real one.
        budget: Hard limits; a call that does not fit is not sent.
        cache: File of replies; several replays and processes may use it at once.
    """
    model = _Borrowed(model)
    if budget is not None:
        model = MeteredModel(model, Meter(budget))
    return model if cache is None else CachedModel(model, cache)
