"""Record and replay: every answer of a model kept in one SQLite file.

The key is the SHA-256 of the whole request (messages, sampling, schema with the order of its
keys, draw), the model's identity, the kind of call and a format version: a changed prompt is a
miss, never a wrong hit. Only successful responses are stored. Many processes and threads may
share a file: the first writer of a key wins, and all readers see the same answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel, TellingModel
from lmcommon.llm.budget import Meter
from lmcommon.llm.cache_store import ReplyStore, request_key
from lmcommon.llm.types import (
    ChatRequest,
    ChatResponse,
    ModelFailure,
    ScoreRequest,
    ScoreResponse,
    Usage,
)

__all__ = ["CachedModel"]

_MODES = ("record", "replay", "refuse", "refresh")

Response = TypeVar("Response", ChatResponse, ScoreResponse)


class CachedModel:
    """A model that remembers.

    A hit has `cached=True`; its `usage` keeps the token counts of the reply but counts no call and
    no cost. A request that occurs twice in a batch is called once.

    Args:
        inner: The model that answers misses.
        path: The SQLite file, made (with its folder) when missing and the mode writes.
        mode: `record`: use what is stored, call and store the rest. `replay`: never call; a miss
            is a failure of kind `replay_miss`. `refuse`: never call; a miss raises `UserError`.
            `refresh`: always call, and replace what is stored.
        chunk: Misses are called, and stored, at most this many at a time: what a killed run loses.
            A model that tells its answers one by one (`TellingModel`) is asked for all at once,
            and each answer is stored as it comes.

    Raises:
        UserError: Unknown mode; nothing to replay; a file that is damaged or of another program.
    """

    def __init__(
        self, inner: ChatModel, path: str | Path, *, mode: str = "record", chunk: int = 128
    ) -> None:
        if mode not in _MODES:
            raise UserError(f"cache.mode: expected one of {', '.join(_MODES)}; got {mode!r}")
        if chunk < 1:
            raise ValueError(f"chunk: expected at least 1; got {chunk!r}")
        self._inner = inner
        self._mode = mode
        self._chunk = chunk
        self._store = ReplyStore(Path(path).expanduser(), must_exist=not self._calls)

    def __repr__(self) -> str:
        return f"CachedModel({self._inner!r}, {str(self._store.path)!r}, mode={self._mode!r})"

    @property
    def name(self) -> str:
        """The inner model's name."""
        return self._inner.name

    @property
    def identity(self) -> Mapping[str, Any]:
        """The inner model's identity: remembering changes no reply."""
        return self._inner.identity

    @property
    def meter(self) -> Meter | None:
        """The inner model's meter, if it has one."""
        return getattr(self._inner, "meter", None)

    def check(self) -> None:
        """Check the file, and the inner model unless it will never be called."""
        len(self._store)
        if self._calls:
            self._inner.check()

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Answer from the store, and the rest from the model."""
        batch = _Batch(self._store, self.identity, self._mode, requests, ChatResponse)
        inner = self._inner
        if isinstance(inner, TellingModel):
            for part in batch.missing(len(requests)):
                asked = [requests[index] for index in part]
                batch.add(part, inner.generate_telling(asked, batch.keeper(part)))
        else:
            for part in batch.missing(self._chunk):
                batch.add(part, inner.generate([requests[index] for index in part]))
        return batch.responses(self.name)

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """`generate` without blocking the event loop."""
        batch = await asyncio.to_thread(
            _Batch, self._store, self.identity, self._mode, requests, ChatResponse
        )
        inner = self._inner
        is_telling = isinstance(inner, TellingModel)
        for part in batch.missing(len(requests) if is_telling else self._chunk):
            asked = [requests[index] for index in part]
            if isinstance(inner, TellingModel):
                answers = await inner.agenerate_telling(asked, batch.keeper(part))
            else:
                answers = await inner.agenerate(asked)
            await asyncio.to_thread(batch.add, part, answers)
        return batch.responses(self.name)

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Scores from the store, and the rest from the model."""
        batch = _Batch(self._store, self.identity, self._mode, requests, ScoreResponse)
        for part in batch.missing(self._chunk):
            batch.add(part, self._inner.score([requests[index] for index in part]))
        return batch.responses(self.name)

    def close(self) -> None:
        """Close the file and the inner model."""
        self._store.close()
        self._inner.close()

    @property
    def _calls(self) -> bool:
        return self._mode in ("record", "refresh")


class _Batch(Generic[Response]):
    """One batch: which of it is stored, what was called, and the responses in order."""

    def __init__(
        self,
        store: ReplyStore,
        identity: Mapping[str, Any],
        mode: str,
        requests: Sequence[ChatRequest] | Sequence[ScoreRequest],
        kind: type[Response],
    ) -> None:
        self._store = store
        self._mode = mode
        self._kind: type[Response] = kind
        self._keys = [request_key(request, identity) for request in requests]
        self._stored: dict[str, Response] = {}
        if mode != "refresh":
            self._stored = store.get(list(set(self._keys)), kind)
        self._called: dict[int, Response] = {}
        self._kept: dict[str, Response] = {}
        first_place = {key: index for index, key in reversed(list(enumerate(self._keys)))}
        self._absent = sorted(i for key, i in first_place.items() if key not in self._stored)
        if mode == "refuse" and self._absent:
            raise UserError(_refusal(store.path, requests, self._absent, self._keys))

    def missing(self, size: int) -> Iterator[list[int]]:
        """Places in the batch that must be called, in parts."""
        if self._mode in ("record", "refresh"):
            for start in range(0, len(self._absent), max(size, 1)):
                yield self._absent[start : start + size]

    def keeper(self, places: Sequence[int]) -> Callable[[int, Response], None]:
        """Stores one answer at a time, by its number among `places`."""

        def keep(number: int, answer: Response) -> None:
            if answer.ok:
                fresh = {self._keys[places[number]]: answer}
                # What cannot be stored now is tried again by `add`, which may raise: here the
                # calls under way would be lost with it.
                with suppress(UserError):
                    self._kept |= self._store.put(fresh, overwrite=self._mode == "refresh")

        return keep

    def add(self, places: Sequence[int], answers: Sequence[Response]) -> None:
        """Store what came; where another process was first, its answer is taken."""
        fresh = {
            self._keys[place]: answer
            for place, answer in zip(places, answers, strict=True)
            if answer.ok and self._keys[place] not in self._kept
        }
        kept = self._kept | self._store.put(fresh, overwrite=self._mode == "refresh")
        for place, answer in zip(places, answers, strict=True):
            winner = kept.get(self._keys[place], answer)
            self._called[place] = replace(winner, usage=answer.usage)
        self._stored.update(kept)

    def responses(self, name: str) -> list[Response]:
        """One response a request, in order."""
        called_at = {self._keys[place]: place for place in self._called}
        done: list[Response] = []
        for place, key in enumerate(self._keys):
            if place in self._called:
                done.append(self._called[place])
            elif key in self._stored:
                done.append(_hit(self._stored[key]))
            elif key in called_at:
                done.append(replace(self._called[called_at[key]], usage=Usage()))
            else:
                message = f"{str(self._store.path)!r} holds no answer with key {key[:12]}"
                failure = ModelFailure(kind="replay_miss", message=message, attempts=0)
                done.append(_failed(self._kind, failure, name))
        return done


def _hit(response: Response) -> Response:
    return replace(response, cached=True, usage=replace(response.usage, calls=0, cost_usd=0.0))


def _failed(kind: type[Response], failure: ModelFailure, name: str) -> Response:
    if kind is ChatResponse:
        return kind(failure=failure, model=name, finish_reason="error")
    return kind(failure=failure, model=name)


def _refusal(
    path: Path,
    requests: Sequence[ChatRequest] | Sequence[ScoreRequest],
    absent: Sequence[int],
    keys: Sequence[str],
) -> str:
    first = requests[absent[0]]
    shown = first.continuation if isinstance(first, ScoreRequest) else first.messages[-1].content
    shown = shown if len(shown) <= 120 else "..." + shown[-120:]
    return (
        f"cache: {len(absent)} of {len(requests)} requests are not in {str(path)!r} and the mode "
        f"refuses to call; the first is number {absent[0]}, ending {shown!r} "
        f"(key {keys[absent[0]][:12]}); record it first (cache.mode=record)"
    )
