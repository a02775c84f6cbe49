"""What a replay came to: the trace, the answers that changed, and what it cost or would cost."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator
from dataclasses import InitVar, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcommon.llm.types import Usage
from memtrace.execution.execution import Ledger
from memtrace.execution.interventions import Intervention
from memtrace.execution.places import Place
from memtrace.execution.replies import place_of

if TYPE_CHECKING:
    from memtrace.evaluate.types import Episode
    from memtrace.graph.explaining.diff import Diff
    from memtrace.graph.reading.trace import Trace

__all__ = ["AnswerChange", "Price", "Replay", "read_answers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a replay would ask of the model, told without asking it.

    New replies are not known before they are made, so the price assumes that each is as the one it
    takes the place of. `at_most` assumes nothing: all calls from the first new one on.

    Example: `Price(calls=4, at_most=31, usage=Usage(prompt_tokens=5200, ...))`
    """

    calls: int
    at_most: int
    recorded: int
    """Calls that the parent run has answered."""
    usage: Usage
    """Estimated tokens of `calls`, and their cost where prices are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChange:
    """One question whose answer or verdict is not what it was.

    Example: `AnswerChange(scope="mem0/c1", question="q3", text="Where does Ana live?",
    before="Porto", after="Lisbon", was_right=False, is_right=True)`
    """

    scope: str
    question: str
    text: str
    before: str | None
    after: str | None
    was_right: bool | None
    """None: unscored, or not judged."""
    is_right: bool | None

    @property
    def is_flip(self) -> bool:
        """Whether the verdict turned over."""
        return None not in (self.was_right, self.is_right) and self.was_right != self.is_right


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAnswer:
    """One answer of a trace."""

    text: str | None
    is_right: bool | None


@dataclass(kw_only=True)
class Replay:
    """A replay that was made. A temporary trace goes with `close()`, or with this object.

    `str(replay)` tells the main things in few lines.
    """

    path: Path
    """Its trace; a dry run leaves one too."""
    parent: Path
    interventions: tuple[Intervention, ...]
    episodes: tuple[Episode, ...]
    ledger: Ledger
    changes: tuple[AnswerChange, ...]
    """Questions whose answer or verdict changed."""
    unapplied: tuple[tuple[Place, str], ...] = ()
    """Points of interventions that this run never came to."""
    missing: tuple[Place, ...] = ()
    """Calls that could not be made: no model was given, or the budget was spent."""
    warnings: tuple[str, ...] = ()
    price: Price | None = None
    """Of a dry run."""
    seconds: float = 0.0
    folder: InitVar[Path | None] = None
    """A temporary folder that goes with this object."""

    def __post_init__(self, folder: Path | None) -> None:
        self._drop = weakref.finalize(self, _remove, folder)

    @property
    def is_complete(self) -> bool:
        """Whether every call was answered and every intervention applied."""
        return not self.missing and not self.unapplied

    @property
    def calls(self) -> int:
        """Model calls that were made anew."""
        return self.ledger.called

    @property
    def flips(self) -> tuple[AnswerChange, ...]:
        """Questions whose verdict turned over."""
        return tuple(change for change in self.changes if change.is_flip)

    @cached_property
    def trace(self) -> Trace:
        """The replay's trace, open."""
        from memtrace.graph.reading.trace import open

        return open(self.path)

    def diff(self) -> Diff:
        """The parent and this run side by side."""
        from memtrace.graph.explaining.diff import diff

        return diff(self.parent, self.path)

    def close(self) -> None:
        """Close the trace, and delete it if it was temporary."""
        if "trace" in self.__dict__:
            self.trace.close()
        self._drop()

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def to_dict(self) -> dict[str, Any]:
        """The headline figures as JSON."""
        row: dict[str, Any] = {
            "calls": self.calls, "recorded": self.ledger.recorded,
            "intervened": self.ledger.intervened, "questions": len(self.episodes),
            "changed": len(self.changes), "flips": len(self.flips),
            "complete": self.is_complete, "unapplied": [list(p) for p, _ in self.unapplied],
            "missing": len(self.missing), "warnings": list(self.warnings),
            "prompt_tokens": self.ledger.usage.prompt_tokens,
            "completion_tokens": self.ledger.usage.completion_tokens,
            "cost_usd": self.ledger.usage.cost_usd, "seconds": round(self.seconds, 3),
        }  # fmt: skip
        if self.price is not None:
            row["price"] = {
                "calls": self.price.calls, "at_most": self.price.at_most,
                "prompt_tokens": self.price.usage.prompt_tokens,
                "completion_tokens": self.price.usage.completion_tokens,
                "cost_usd": self.price.usage.cost_usd,
            }  # fmt: skip
        return row

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        if self.price is not None:
            usage = self.price.usage
            yield (
                f"would ask the model {_times(self.price.calls)} (at most {self.price.at_most}), "
                f"about {usage.prompt_tokens} + {usage.completion_tokens} tokens; "
                f"{self.price.recorded} replies are known"
            )
            return
        yield (
            f"asked the model {_times(self.calls)}, reused {self.ledger.recorded} replies; "
            f"{self.seconds:.1f} s"
        )
        changed = f"{len(self.changes)} of {len(self.episodes)} answers changed"
        yield f"{changed}, {len(self.flips)} flipped"
        for change in self.changes:
            marks = {True: "right", False: "wrong", None: "unscored"}
            verdict = f"{marks[change.was_right]} -> {marks[change.is_right]}"
            yield f"  {change.text}"
            yield f"    {change.before!r} -> {change.after!r}  ({verdict})"
        for place, role in self.unapplied:
            yield f"never came to {role} of {place.path} in {place.scope}"
        if self.missing:
            first = self.missing[0].path
            yield f"{len(self.missing)} calls could not be made, the first at {first}"
        yield from self.warnings


def _remove(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def read_answers(trace: Trace) -> dict[Place, RecordedAnswer]:
    """The answers of a trace by place, with their verdicts."""
    verdicts: dict[str, bool | None] = {}
    for operation in trace.operations(kind="judge", name="judge"):
        made = operation.outputs.get("verdict", ())
        for answer in operation.inputs.get("answer", ()):
            verdicts[answer] = trace.value(made[0])["satisfied"] if made else None
    found: dict[Place, RecordedAnswer] = {}
    for operation in trace.operations(kind="answer"):
        place = place_of(operation)
        made = operation.outputs.get("answer", ())
        if place is not None:
            found[place] = RecordedAnswer(
                text=trace.value(made[0]) if made else None,
                is_right=verdicts.get(made[0]) if made else None,
            )
    return found
