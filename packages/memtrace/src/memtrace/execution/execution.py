"""What decides, while a recording runs, whether a model is asked and what operations pass on.

An ordinary recording asks the model and lets every value pass. A replay answers from the replies
of an earlier run, asks the model only for what is new, and changes values where an intervention
says so. `Execution` is both, depending on what it is given.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, cast

from lmcommon.llm.budget import estimate_chat
from lmcommon.llm.cache_store import request_key
from lmcommon.llm.types import ChatRequest, ChatResponse, Usage
from memtrace.execution.interventions import AtPoint, Resample, SwapModel
from memtrace.execution.places import Place
from memtrace.graph.recording import scope as recording

if TYPE_CHECKING:
    from lmcommon.llm.base import ChatModel
    from memtrace.execution.replies import Replies
    from memtrace.graph.recording.recorder import Recorder

__all__ = [
    "Completed", "Decider", "Execution", "Ledger", "Origin", "Settled", "current_execution",
    "current_recorded", "execute",
]  # fmt: skip

Origin = Literal["called", "recorded", "intervened", "guessed", "refused"]


@dataclass(frozen=True, slots=True)
class Completed:
    """One model call, however it was answered."""

    request: ChatRequest
    """As it was asked, its draw set."""
    response: ChatResponse
    key: str
    origin: Origin


class Settled(NamedTuple):
    """What an operation passes on, and whether an intervention made it so."""

    value: Any
    is_intervened: bool


class Decider(Protocol):
    """What operations ask while they run: `Execution`, or in a worker its stand-in."""

    def complete(
        self, model: ChatModel, requests: Sequence[ChatRequest], places: Sequence[Place | None]
    ) -> list[Completed]:
        """Answer a batch, in order."""
        ...

    def intervenes(self, place: Place, role: str) -> bool:
        """Whether anything is to be changed at this point."""
        ...

    def settle(self, place: Place, role: str, value: Any) -> Settled:
        """What is passed on at this point instead of `value`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What the calls of an execution came to. Example: `Ledger(called=2, recorded=80)`."""

    called: int = 0
    """Requests that went to a model."""
    recorded: int = 0
    """Requests that an earlier run (the parent, or another replay) had answered."""
    intervened: int = 0
    """Replies that an intervention gave without asking."""
    refused: int = 0
    """Requests that no model answered: none was given, or the budget was spent."""
    guessed: int = 0
    """Requests a dry run did not send; the reply of the same place stood in."""
    usage: Usage = field(default_factory=Usage)
    """Of the requests that went to a model; in a dry run the estimate for those it did not send."""


class Execution:
    """Decides for one recording. Safe to use from threads.

    Args:
        replies: Of an earlier run; None: every request goes to the model.
        interventions: Resolved to places, in the order they apply.
        defects: How the system under test misbehaves, resolved to places. They work as
            interventions do, before these, and leave no mark in the recording: a trace shows what
            a defective system did, not that it is one. A recorded reply has them in it already.
        models: Stand in for the model a system asks.
        retries_failures: Ask again where the earlier run recorded a failed call.
        is_dry: Ask no model: the reply recorded at the same place stands in for a new one.
        max_calls: So many requests go to models, no more; None: any number.
    """

    def __init__(
        self, *, replies: Replies | None = None, interventions: Iterable[AtPoint] = (),
        models: Sequence[SwapModel] = (), defects: Iterable[AtPoint] = (),
        retries_failures: bool = False, is_dry: bool = False, max_calls: int | None = None,
    ) -> None:  # fmt: skip
        self._replies, self._max_calls = replies, max_calls
        self._models = tuple(models)
        self._retries_failures, self._is_dry = retries_failures, is_dry
        self._points = _by_point(interventions)
        self._defects = _by_point(defects)
        self._applied: set[tuple[Place, str]] = set()
        self._used: set[int] = set()
        self._lock = threading.Lock()
        self._draws: Counter[tuple[str, str]] = Counter()
        self._counts: Counter[str] = Counter()
        self._usage = Usage()
        self.trail: list[tuple[Place, Origin]] = []
        """Every call in order: where it was made, and how it was answered."""

    @property
    def replies(self) -> Replies | None:
        """Of the earlier run that is run again; None: this is no re-run."""
        return self._replies

    @property
    def ledger(self) -> Ledger:
        """What the calls came to so far."""
        with self._lock:
            return Ledger(
                called=self._counts["called"], recorded=self._counts["recorded"],
                intervened=self._counts["intervened"], refused=self._counts["refused"],
                guessed=self._counts["guessed"], usage=self._usage,
            )  # fmt: skip

    @property
    def points(self) -> frozenset[tuple[Place, str]]:
        """Where something is to be changed."""
        return self.intervened_points | frozenset(self._defects)

    @property
    def intervened_points(self) -> frozenset[tuple[Place, str]]:
        """Where an intervention changes something."""
        return frozenset(self._points)

    @property
    def unapplied(self) -> tuple[tuple[Place, str], ...]:
        """Points of interventions that the run has not come to."""
        with self._lock:
            return tuple(point for point in self._points if point not in self._applied)

    @property
    def unused_models(self) -> tuple[SwapModel, ...]:
        """Swaps of models that no call was made for."""
        return tuple(swap for n, swap in enumerate(self._models) if n not in self._used)

    def intervenes(self, place: Place, role: str) -> bool:
        """Whether anything is to be changed at this point."""
        return (place, role) in self._points or (place, role) in self._defects

    def settle(self, place: Place, role: str, value: Any) -> Settled:
        """What is passed on at this point instead of `value`."""
        misbehaved = self._misbehaved(place, role, value)
        found = self._points.get((place, role))
        if found is None:
            return Settled(misbehaved, False)
        with self._lock:
            self._applied.add((place, role))
        settled = _applied(found, misbehaved, role)
        return Settled(settled, settled != misbehaved)

    def _misbehaved(self, place: Place | None, role: str, value: Any) -> Any:
        """A value as a defective operation makes it."""
        found = None if place is None else self._defects.get((place, role))
        return value if found is None else _applied(found, value, role)

    def complete(
        self, model: ChatModel, requests: Sequence[ChatRequest], places: Sequence[Place | None]
    ) -> list[Completed]:
        """Answer a batch: by intervention, by an earlier run, the rest by the model."""
        done: dict[int, Completed] = {}
        asked: dict[int, tuple[ChatModel, ChatRequest, str]] = {}
        for number, (request, place) in enumerate(zip(requests, places, strict=True)):
            chosen = self._model(model, place)
            request, key = self._drawn(request, chosen, place)
            answered = self._known(request, key, place, chosen)
            if answered is None:
                asked[number] = chosen, request, key
            else:
                done[number] = answered
        for chosen in {id(one): one for one, _, _ in asked.values()}.values():
            numbers = [number for number, (one, _, _) in asked.items() if one is chosen]
            responses = self._asked(chosen, [asked[number][1] for number in numbers])
            for number, response in zip(numbers, responses, strict=True):
                _, request, key = asked[number]
                failure = response.failure
                is_sent = failure is None or failure.kind not in ("replay_miss", "budget")
                origin: Origin = "called" if is_sent else "refused"
                usage = response.usage
                if response.cached:  # another replay has asked it, and has paid for it
                    origin, usage = "recorded", Usage()
                self._count(origin, usage, places[number])
                response = self._defective(request, response, places[number])
                done[number] = self._changed(
                    Completed(request, response, key, origin), places[number]
                )
        return [done[number] for number in range(len(requests))]

    def _asked(self, model: ChatModel, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """What a model says, as long as it may be asked."""
        left = self._max_calls
        if left is not None and self.ledger.called + len(requests) > left:
            why = f"only {left} calls may be made"
            return [ChatResponse.failed("budget", why, model=model.name) for _ in requests]
        return model.generate(requests)

    def _model(self, model: ChatModel, place: Place | None) -> ChatModel:
        if place is not None:
            name = place.path.rpartition("/")[2].rpartition("#")[0]
            for number, swap in enumerate(self._models):
                if swap.scope in (None, place.scope) and swap.operation in (None, name):
                    model = swap.model
                    self._used.add(number)
        return model

    def _drawn(
        self, request: ChatRequest, model: ChatModel, place: Place | None
    ) -> tuple[ChatRequest, str]:
        """The request with its draw: the same request in one scope is another draw each time."""
        if place is None:
            return request, request_key(request, model.identity)
        if request.sampling.temperature > 0:
            plain = place.scope, request_key(request, model.identity)
            with self._lock:
                drawn = self._draws[plain]
                self._draws[plain] += 1
            request = replace(request, draw=request.draw + drawn)
        for intervention in self._points.get((place, "reply"), ()):
            if isinstance(intervention, Resample):
                request = replace(request, draw=request.draw + intervention.draw * _FAR)
        return request, request_key(request, model.identity)

    def _known(
        self, request: ChatRequest, key: str, place: Place | None, model: ChatModel
    ) -> Completed | None:
        if place is None:
            return None
        found = self._points.get((place, "reply"), ())
        if found and not found[0].needs_value:
            text = self._intervened(place, None)
            self._count("intervened", Usage(), place)
            return Completed(request, _reply(request, text, "intervention"), key, "intervened")
        if self._replies is None:
            return None
        response = self._replies.find(place, key)
        if response is not None and (response.ok or not self._retries_failures):
            self._count("recorded", Usage(), place)
            return self._changed(Completed(request, response, key, "recorded"), place)
        if not self._is_dry:
            return None
        estimate = estimate_chat(request)
        tokens = self._replies.completion_tokens(place)
        if tokens is not None:
            estimate = replace(estimate, completion_tokens=tokens)
        self._count("guessed", estimate, place)
        response = self._replies.at(place) or _reply(request, "", model.name)
        return self._changed(Completed(request, response, key, "guessed"), place)

    def _changed(self, completed: Completed, place: Place | None) -> Completed:
        """A reply after the interventions that work on it."""
        if place is None or (place, "reply") not in self._points or not completed.response.ok:
            return completed
        before = completed.response.text
        text = self._intervened(place, before)
        if text == before:
            return completed
        response = _said(completed.request, completed.response, text)
        return replace(completed, response=response, origin="intervened")

    def _intervened(self, place: Place, text: str | None) -> Any:
        """A reply after the interventions at its place."""
        with self._lock:
            self._applied.add((place, "reply"))
        return _applied(self._points[place, "reply"], text, "reply")

    def _defective(
        self, request: ChatRequest, response: ChatResponse, place: Place | None
    ) -> ChatResponse:
        """A new reply as a defective model gives it."""
        if not response.ok:
            return response
        text = self._misbehaved(place, "reply", response.text)
        return response if text == response.text else _said(request, response, text)

    def _count(self, origin: Origin, usage: Usage, place: Place | None) -> None:
        with self._lock:
            self._counts[origin] += 1
            self._usage += usage
            if place is not None:
                self.trail.append((place, origin))


def _by_point(changes: Iterable[AtPoint]) -> dict[tuple[Place, str], list[AtPoint]]:
    found: dict[tuple[Place, str], list[AtPoint]] = {}
    for change in changes:
        found.setdefault((cast("Place", change.at), change.role), []).append(change)
    return found


def _applied(changes: Sequence[AtPoint], value: Any, role: str) -> Any:
    """A value after changes, each of which must give the same sort of thing."""
    alike = "" if role == "reply" else value
    for change in changes:
        value = change.checked(change.apply(value), alike)
    return value


def _said(request: ChatRequest, response: ChatResponse, text: str) -> ChatResponse:
    """The response with another text."""
    return replace(response, text=text, parsed=_reply(request, text, "").parsed)


_FAR = 1_000_000
"""Draws of a resampling lie beyond all draws that a run makes by itself."""


def _reply(request: ChatRequest, text: str, model: str) -> ChatResponse:
    """A reply that no model gave."""
    parsed: Any = None
    if request.schema is not None:
        from lmcommon.errors import ParseError
        from lmcommon.llm.structured import parse_reply

        try:
            parsed = parse_reply(text, request.schema)
        except ParseError as error:
            return ChatResponse.failed("invalid_output", str(error), model=model, text=text)
    return ChatResponse(text=text, model=model, parsed=parsed)


def current_execution() -> Decider | None:
    """What decides in the recording that runs here; None outside a recording."""
    here = recording.current_scope()
    if here is None:
        return None
    recorder = here[0]
    if recorder.decider is None:
        recorder.decider = Execution()
    return cast("Decider", recorder.decider)


def current_recorded() -> Replies | None:
    """The earlier run that is run again here; None where nothing is."""
    decider = current_execution()
    return decider.replies if isinstance(decider, Execution) else None


@contextmanager
def execute(recorder: Recorder, decider: Decider) -> Iterator[Decider]:
    """Let `decider` decide in a recording, inside the block."""
    before, recorder.decider = recorder.decider, decider
    try:
        yield decider
    finally:
        recorder.decider = before


def note_of(completed: Completed, role: str) -> Mapping[str, Any]:
    """What an operation keeps of its call, beside request and reply."""
    response = completed.response
    note: dict[str, Any] = {"key": completed.key, "role": role}
    if response.finish_reason != "stop":
        note["finish"] = response.finish_reason
    if completed.request.draw:
        note["draw"] = completed.request.draw
    if response.parsed is not None:
        note["parsed"] = True
    if completed.origin != "called":
        note["origin"] = completed.origin
    if response.failure is not None:
        failure = response.failure
        note["failure"] = {
            "kind": failure.kind, "message": failure.message, "attempts": failure.attempts,
        }  # fmt: skip
        if response.text:
            note["raw"] = response.text
    return note
