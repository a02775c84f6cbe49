"""A step that knows its place, and whose outputs a replay may change.

    with Stage("extract", kind="extraction", inputs={"message": message}, prompt=template,
               points=("reply", "facts")) as op:
        response = op.generate(model, request)
        facts = op.settle("facts", parse(response.text))   # a replay may change them here
        handles = op.outputs("facts", facts)

What goes on must be what `settle` returned. Everything that is settled has to be JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any, TypeVar

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, ChatResponse
from lmcommon.prompt import Prompt
from memtrace.execution.calls import Completed, complete
from memtrace.execution.execution import Decider, current_execution, note_of
from memtrace.execution.places import Place, next_place
from memtrace.graph.compact import ascii_json, ascii_string
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.redact import mask_secrets
from memtrace.graph.recording.step import Step

__all__ = ["Stage"]

T = TypeVar("T")


@lru_cache(maxsize=64)
def _scope_json(name: str) -> str:
    return ascii_string(mask_secrets(name))


@lru_cache(maxsize=256)
def _points_json(points: tuple[str, ...]) -> str:
    return f'"points":{ascii_json([mask_secrets(role) for role in points])}'


class Stage(Step):
    """An operation of a memory system.

    Args:
        name: What it is called; the same in every run.
        kind: What sort of operation; see `memtrace.types.Operation.kind`.
        inputs: Handles by role.
        parameters: Settings that decide what it does.
        prompt: The template it uses.
        points: Roles that a replay may change; each is passed through `settle`, or is `reply`.
        place: Where it is; None: here and now. A batch draws places before it calls the model.
        parent: As in `Step`.
        metadata: As in `Step`.
    """

    def __init__(
        self, name: str, *, kind: str = "operation", inputs: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        prompt: Handle[str] | Prompt | str | None = None, points: Sequence[str] = (),
        place: Place | None = None, parent: Step | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.place = place if place is not None else next_place(name)
        self.points = tuple(points)
        about: dict[str, Any] = dict(metadata) if metadata else {}
        if self.place is not None:
            about["place"] = list(self.place)
            if self.points:
                about["points"] = list(self.points)
        super().__init__(
            name, kind=kind, inputs=inputs, parameters=parameters, prompt=prompt, parent=parent,
            metadata=about or None,
        )  # fmt: skip

    def _noted(self, metadata: Mapping[str, Any]) -> dict[str, str]:
        """As in `Step`. Every stage has a place and most have points: they are written by hand."""
        place, recorder = self.place, self._recorder
        is_plain = recorder is not None and recorder.redact is None
        if place is None or metadata is not self._metadata or not is_plain:
            return super()._noted(metadata)
        path = mask_secrets(place.path)
        notes = {"place": f'"place":[{_scope_json(place.scope)},{ascii_string(path)}]'}
        if self.points:
            notes["points"] = _points_json(self.points)
        rest = {key: value for key, value in metadata.items() if key not in notes}
        return {**super()._noted(rest), **notes} if rest else notes

    def settle(self, role: str, value: T) -> T:
        """What is passed on at one of the points: `value`, unless a replay intervenes.

        Args:
            role: One of `points`.
            value: JSON.
        """
        decider = self._decider(role)
        if decider is None or self.place is None:
            return value
        settled = decider.settle(self.place, role, value)
        if settled.is_intervened:
            self.note("intervened", [*(self._metadata or {}).get("intervened", ()), role])
        passed_on: T = settled.value
        return passed_on

    def is_changed(self, role: str) -> bool:
        """Whether a replay intervenes at this point, so that its value has to be made for `settle`.

        Args:
            role: One of `points`.
        """
        return self._decider(role) is not None

    def _decider(self, role: str) -> Decider | None:
        """Who changes the value of this point; None where nobody does."""
        if role not in self.points:
            raise ValueError(f"stage {self._name!r}: expected one of {self.points}; got {role!r}")
        decider = current_execution()
        if decider is None or self.place is None or not decider.intervenes(self.place, role):
            return None
        return decider

    def generate(
        self, model: ChatModel, request: ChatRequest, *, role: str = "reply"
    ) -> ChatResponse:
        """Make the one model call of this stage, and record request, reply and usage.

        A failed call marks the stage as failed and has no output.
        """
        (completed,) = complete(model, [request], [self.place])
        self.answered(completed, role=role)
        return completed.response

    def answered(
        self, completed: Completed, *, role: str = "reply", kind: str = "reply",
        text: str | None = None,
    ) -> Handle[str] | None:  # fmt: skip
        """Record a call that was made for this stage.

        Args:
            completed: From `complete`, made at this stage's place.
            role: Of the output.
            kind: Of the output.
            text: What to record as the output, if it is not the reply as it came.

        Returns:
            The output; None for a failed call.
        """
        request, response = completed.request, completed.response
        self.request([{"role": m.role, "content": m.content} for m in request.messages])
        self.usage(
            model=response.model or None, usage=asdict(response.usage),
            latency_ms=response.latency_ms,
        )  # fmt: skip
        note = dict(note_of(completed, role))
        made: Handle[str] | None = None
        if response.failure is not None:
            self.failed(response.failure.kind, response.failure.message)
        else:
            kept = response.text if text is None else text
            if kept != response.text:
                note["raw"] = response.text
            made = self.output(role, kept, kind=kind)
        if completed.key:
            self.note("call", note)
        return made
