"""A running operation: what `with memtrace.step(...) as op` gives.

In: inputs by role, parameters, then outputs as they come. Out: rows in the recording. Outside a
recording a step does nothing but wrap values in handles, so code reads the same either way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, is_dataclass
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from lmcommon.prompt import Prompt
from memtrace.graph.ids import check_names, operation_id
from memtrace.graph.recording import scope
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.redact import mask_secrets, to_json
from memtrace.graph.storage.store import OperationRow

if TYPE_CHECKING:
    from memtrace.graph.recording.recorder import Recorder

__all__ = ["OFF", "Step"]

T = TypeVar("T")


class Step:
    """An operation that is running; a context manager, for plain and async code alike.

    Declare inputs before outputs: an input that is newer than an output of the same step could
    close a cycle and is refused (`ValueError`); open a nested step for the later part.
    """

    # What most steps never change lies here, so that making a step sets little.
    number: int = 0
    """Its place in the total order; 0 outside a recording."""
    first_output: int | None = None
    """Number of the first variable it made."""
    is_distant: bool = False
    """Whether it runs in another process: then it is a parent here and nothing else."""
    _adding: AbstractContextManager[Any] = nullcontext()
    """Held while something is added to what is there: threads may share a step."""
    _recorder: Recorder | None = None
    _token: Any = None
    _error: tuple[str, str] | None = None
    _models: tuple[str, ...] = ()
    _parameters: dict[str, Any] | None = None
    _parameters_json: str | None = None
    _metadata: dict[str, Any] | None = None
    _notes: dict[str, str] | None = None
    """The metadata by key, each entry as JSON; inside a recording."""
    _usage: dict[str, Any] | None = None
    _usage_json: str | None = None

    def __init__(
        self, name: str, *, kind: str = "operation", inputs: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        prompt: Handle[str] | Prompt | str | None = None,
        parent: Step | None = None, metadata: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self._name, self._kind = name, kind
        self._inputs, self._prompt, self._parent = inputs, prompt, parent
        if parameters:
            self._parameters = dict(parameters)
        if metadata:
            self._metadata = dict(metadata)

    @classmethod
    def elsewhere(cls, recorder: Recorder, number: int) -> Step:
        """Stands for a step that runs in another process, to be the parent of steps here."""
        step = cls("elsewhere")
        step._recorder, step.number, step.is_distant = recorder, number, True
        return step

    @property
    def id(self) -> str | None:
        """The id of the operation; None outside a recording."""
        return operation_id(self.number) if self.number else None

    @property
    def seq(self) -> int:
        """Its place in the total order; 0 outside a recording."""
        return self.number

    @property
    def is_outermost(self) -> bool:
        """Whether it runs inside no other step of this process."""
        return self._parent is None or self._parent.is_distant

    # Life -----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._token is not None:
            raise RuntimeError(f"step {self._name!r} was entered before; make a new one")
        if self._parent is not None:
            self._recorder = self._parent._recorder
        elif (here := scope.current_scope()) is not None:
            self._recorder, self._parent = here
        recorder = self._recorder
        if recorder is None:
            return self
        self._started_ns, self._started = time.time_ns(), time.perf_counter_ns()
        self._adding = threading.RLock()
        self._input_places = count()  # threads may add inputs to one step: next() is atomic
        self._seen: set[int] = set()
        self._positions: dict[str, Iterator[int]] = {}
        check_names(self._name, self._kind)
        if self._parameters is not None:
            self._parameters_json = self._json("parameters", self._parameters)
        if self._metadata is not None:
            self._notes = self._noted(self._metadata)
        edges: list[tuple[int, str, int]] = []
        if self._inputs:
            check_names(*self._inputs)
            for role, value in self._inputs.items():
                edges += self._edges(role, value)
        if self._prompt is not None:
            edges += self._edges("prompt", self._prompt)
        recorder.open_step(self, edges)
        self._token = scope.enter(recorder, self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._token is not None:
            scope.leave(self._token, self)
            self.end(error)

    def end(self, error: BaseException | None = None) -> None:
        """Finish the operation, wherever the running code is; `with` does so by itself."""
        if self._recorder is None or self._token is None:
            return
        if error is not None and not self.is_distant:
            self.failed(type(error).__qualname__, _message(error))
        self._recorder.close_step(self)

    # What callers use -----------------------------------------------------------------------

    def input(self, role: str, value: Any) -> None:
        """Add an input: a handle, a list of handles, or a plain value (recorded as new).

        Raises:
            ValueError: If the value is newer than an output this step has made already.
        """
        if self._recorder is None:
            return
        self._check_here()
        if edges := self._edges(role, value):
            self._recorder.link(self, edges)

    def output(
        self, role: str, value: Any, *, kind: str | None = None, name: str | None = None,
        item: str | None = None, metadata: Mapping[str, Any] | None = None,
    ) -> Handle[Any]:  # fmt: skip
        """Record one output.

        Args:
            role: What the value is to this operation, such as `facts`.
            value: The value, or a handle: then the output is a copy that shares the value, item
                and version and names its source, and the source counts as an input.
            kind: What sort of variable; the source's for a copy, else the role.
            name: A name from outside.
            item: The memory item this value is the new live version of.
            metadata: JSON, such as a score.

        Raises:
            TypeError: For a value that cannot be recorded without loss.
        """
        if isinstance(value, Handle):
            return self._copy(role, value, kind, name, item, metadata)
        if self._recorder is None:
            return Handle(value, kind=kind or role, name=name, item=item)
        return self._recorder.add(
            value, kind=kind or role, name=name, item=item, metadata=metadata, step=self,
            role=role, position=self._place(role),
        )  # fmt: skip

    def outputs(
        self, role: str, values: Sequence[Any], *, kind: str | None = None,
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> list[Handle[Any]]:  # fmt: skip
        """Record several outputs of one role, in order (a ranked list); see `output`.

        Args:
            role: The role they share.
            values: Values or handles.
            kind: What sort of variable they are.
            metadata: One mapping a value.
        """
        notes = [None] * len(values) if metadata is None else metadata
        if (
            self._recorder is not None and len(values) > 1
            and all(isinstance(value, Handle) for value in values)
        ):  # fmt: skip
            return self._copies(self._recorder, role, values, kind, notes)
        return [
            self.output(role, value, kind=kind, metadata=note)
            for value, note in zip(values, notes, strict=True)
        ]

    def deleted(self, item: str, *, metadata: Mapping[str, Any] | None = None) -> Handle[None]:
        """Record that a memory item was deleted: a marker variable ends its history.

        The version that was live becomes an input. An unknown item is recorded all the same:
        systems do delete what was never there.
        """
        if self._recorder is None:
            return Handle(None, kind="deletion", item=item)
        self._check_here()
        live = self._recorder.live(item)
        if live is not None and live.number not in self._seen and not self._is_too_new(live.number):
            self.input("deleted", live)
        return self._recorder.add(
            None, kind="deletion", item=item, metadata=metadata, step=self, role="deleted",
            position=self._place("deleted"), is_deletion=True,
        )  # fmt: skip

    def request(
        self, messages: str | Sequence[Mapping[str, Any]], *, name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Handle[Any]:  # fmt: skip
        """Record what was literally sent to the language model, as an output of role `request`.

        The edge check compares it with the declared inputs: a text that was declared but never
        sent, or sent but never declared, is a gap in the graph.

        Args:
            messages: A text, or the list of messages of a chat.
            name: A name from outside.
            metadata: JSON, such as the model's settings.
        """
        kept = messages if isinstance(messages, str) else [dict(part) for part in messages]
        return self.output("request", kept, kind="request", name=name, metadata=metadata)

    def no_op(self, reason: str = "") -> Handle[str]:
        """Record that the step decided to change nothing, and why."""
        return self.output("no_op", reason, kind="no_op")

    def usage(
        self, *, model: str | None = None, usage: Any = None, latency_ms: float | None = None
    ) -> None:
        """Add what a model call cost; several calls of one step add up.

        Args:
            model: The model's name.
            usage: A mapping or dataclass, such as `lmcommon.llm.Usage`. Numbers add up, of
                anything else the last one stays.
            latency_ms: Time the call took.
        """
        self._check_here()
        counts = asdict(usage) if is_dataclass(usage) and not isinstance(usage, type) else usage
        with self._adding:
            if model and model not in self._models:
                self._models = (*self._models, model)
            total = {} if self._usage is None else self._usage
            for key, amount in {**(counts or {}), "latency_ms": latency_ms}.items():
                if _is_count(amount):
                    before = total.get(key)
                    total[key] = before + amount if _is_count(before) else amount
                elif amount is not None:
                    total[key] = amount
            self._usage = total
            self._usage_json = self._json("usage", total)

    def parameter(self, key: str, value: Any) -> None:
        """Add a parameter that became known while the step ran."""
        self._check_here()
        with self._adding:
            self._parameters = {**(self._parameters or {}), key: value}
            if self._recorder is not None:
                self._parameters_json = self._json("parameters", self._parameters)

    def note(self, key: str, value: Any) -> None:
        """Add metadata that became known while the step ran."""
        self._check_here()
        with self._adding:
            self._metadata = {**(self._metadata or {}), key: value}
            if self._recorder is not None:
                self._notes = {**(self._notes or {}), **self._noted({key: value})}

    def failed(self, error_type: str, message: str) -> None:
        """Mark the step as failed without an exception (a model call that came back empty)."""
        self._check_here()
        text = mask_secrets(message)
        if self._recorder is not None and self._recorder.redact is not None:
            text = self._recorder.redact(text)
        self._error = error_type, text.encode("utf-8", "backslashreplace").decode()

    def knows(self, handle: Handle[Any]) -> bool:
        """Whether a handle was recorded in the recording this step belongs to."""
        return self._recorder is not None and handle.run == self._recorder.id

    # What the recorder uses -----------------------------------------------------------------

    def row(self, end_number: int | None) -> OperationRow:
        """The step as it stands: finished, or (`end_number` None) still running."""
        assert self._recorder is not None
        is_done = end_number is not None
        error_type, message = self._error if self._error is not None and is_done else (None, None)
        return OperationRow(
            self.number, end_number, self._kind, self._name,
            None if self._parent is None else self._parent.number, self._parameters_json,
            ", ".join(self._models) or None, self._usage_json,
            error_type, message, self._started_ns,
            self._started_ns + time.perf_counter_ns() - self._started if is_done else None,
            None if self._notes is None else f"{{{','.join(self._notes.values())}}}",
        )  # fmt: skip

    # Inside ---------------------------------------------------------------------------------

    def _edges(self, role: str, value: Any) -> list[tuple[int, str, int]]:
        """The input edges that a value given for a role stands for."""
        recorder = self._recorder
        assert recorder is not None
        if isinstance(value, (list, tuple)):
            if not value:
                return []
            if any(isinstance(part, Handle) for part in value):
                return [
                    edge
                    for part in value
                    for edge in (
                        (self._edge(recorder, role, part),)
                        if isinstance(part, Handle)
                        else self._edges(role, part)
                    )
                ]
        if not isinstance(value, Handle):
            value = self._recorded(role, value)
        return [self._edge(recorder, role, value)]

    def _edge(self, recorder: Recorder, role: str, handle: Handle[Any]) -> tuple[int, str, int]:
        number = recorder.resolve(handle)
        if self.first_output is not None and number > self.first_output:
            raise ValueError(
                f"step {self._name!r}: input {role!r} ({handle!r}) is newer than an output of the "
                "step; declare inputs first, or open a nested step"
            )
        self._seen.add(number)
        return next(self._input_places), role, number

    def _recorded(self, role: str, value: Any) -> Handle[Any]:
        """A plain value that was given as an input, as a variable."""
        assert self._recorder is not None
        if role == "prompt" and isinstance(value, (Prompt, str)):
            name, text = (None, value) if isinstance(value, str) else (value.name, value.text)
            return self._recorder.prompt(name, text)
        return self._recorder.add(value, kind="value", role=role)

    def _copy(
        self, role: str, source: Handle[Any], kind: str | None, name: str | None,
        item: str | None, metadata: Mapping[str, Any] | None,
    ) -> Handle[Any]:  # fmt: skip
        """An output that is a known variable unchanged, which so is an input as well."""
        kind = kind or source.kind
        if self._recorder is None:
            return Handle(source.value, kind=kind, name=name, item=item)
        if item is not None:
            raise ValueError(f"output {role!r}: a copy keeps its item; got item={item!r} as well")
        if self._recorder.resolve(source) not in self._seen:
            self.input(role, source)
        return self._recorder.add(
            source.value, kind=kind, name=name or source.name, metadata=metadata, step=self,
            role=role, position=self._place(role), source=source,
        )  # fmt: skip

    def _copies(
        self, recorder: Recorder, role: str, sources: Sequence[Handle[Any]], kind: str | None,
        notes: Sequence[Mapping[str, Any] | None],
    ) -> list[Handle[Any]]:  # fmt: skip
        """Several outputs of that sort at once."""
        by_number = {recorder.resolve(source): source for source in sources}
        new = [source for number, source in by_number.items() if number not in self._seen]
        self.input(role, new)
        taken = self._positions.setdefault(role, count())
        positions = [next(taken) for _ in sources]
        return recorder.add_copies(self, role, sources, kind=kind, notes=notes, positions=positions)

    def _check_here(self) -> None:
        if self.is_distant:
            raise RuntimeError(
                f"{self.id} runs in another process, which alone adds to it; open a step here"
            )

    def _json(self, what: str, value: Mapping[str, Any]) -> str | None:
        redact = None if self._recorder is None else self._recorder.redact
        return to_json(value, f"{what} of {self._name!r}", redact)

    def _noted(self, metadata: Mapping[str, Any]) -> dict[str, str]:
        """Each entry of the metadata as JSON, so that one more does not write all again."""
        texts = {key: self._json("metadata", {key: value}) for key, value in metadata.items()}
        return {key: text[1:-1] for key, text in texts.items() if text is not None}

    def _is_too_new(self, number: int | None) -> bool:
        return self.first_output is not None and number is not None and number > self.first_output

    def _place(self, role: str) -> int:
        """The next free position among the outputs of a role."""
        self._check_here()
        positions = self._positions.get(role)
        if positions is None:
            positions = self._positions.setdefault(role, count())
        return next(positions)


def _is_count(amount: Any) -> bool:
    return isinstance(amount, (int, float)) and not isinstance(amount, bool)


def _message(error: BaseException) -> str:
    """What an error says; its own fault in saying it must not hide the error itself."""
    for tell in (str, repr):
        try:
            return tell(error)
        except Exception:  # the border to code of others: any `__str__`
            continue
    return ""


class _Off(Step):
    """A step that records nothing and keeps nothing, so that all code may share one."""

    def __enter__(self) -> Self:
        return self

    def usage(
        self, *, model: str | None = None, usage: Any = None, latency_ms: float | None = None
    ) -> None:
        """Nothing."""

    def parameter(self, key: str, value: Any) -> None:
        """Nothing."""

    def note(self, key: str, value: Any) -> None:
        """Nothing."""

    def failed(self, error_type: str, message: str) -> None:
        """Nothing."""


OFF = _Off("off")
"""Stands in for a step where nothing is recorded: it only wraps values in handles."""
