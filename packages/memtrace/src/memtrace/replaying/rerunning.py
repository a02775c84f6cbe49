"""Running a program of the user's own again, with one thing changed.

In: a trace of the program, and the program as a function. Out: `Replay`s, as `Replayer` gives them
for systems that were built from a configuration. The function is called under a recording: what it
asks models through traced objects and `replayable` functions is answered from the trace as long as
it is what was asked then, ids and the time are those of the trace, and only the rest is asked.
"""

from __future__ import annotations

import gc
import io
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import mkdtemp

from lmcommon.errors import UserError
from lmcommon.llm.budget import Budget
from memtrace.execution.execution import Execution, execute
from memtrace.execution.interventions import AtPoint, Intervention, SwapModel
from memtrace.execution.replies import place_of
from memtrace.graph.reading.trace import Trace, open
from memtrace.graph.recording.tracing import record
from memtrace.replaying.answers import ProgramAnswer, program_answers
from memtrace.replaying.identity import first_mismatch
from memtrace.replaying.outcome import AnswerChange, Price, Replay
from memtrace.replaying.remembering import RememberedReplies
from memtrace.replaying.resolving import resolve

__all__ = ["Rerunner"]

_NO_PLACE = (
    "the trace has no operation that a re-run could find again: attach the memory "
    "(memtrace.attach) and decorate the function that answers (memtrace.replayable)"
)
_TWICE = (
    "two operations were recorded in one place: the file was resumed, or two memories have one "
    "name; record the program anew, and give each memory a name (memtrace.attach(..., name=...))"
)


class Rerunner:
    """Re-runs of one program: a laboratory for attribution.

    Args:
        trace: A recording of the program, or its file.
        program: Does what was recorded: builds a new, empty memory, attaches it, fills it, asks and
            answers. Called with nothing, once a re-run; what it prints is not shown.

    Raises:
        UserError: The trace cannot be re-run.
    """

    def __init__(self, trace: Trace | str | Path, program: Callable[[], object]) -> None:
        self._owns = not isinstance(trace, Trace)
        self.trace = trace if isinstance(trace, Trace) else open(trace)
        self._program = program
        try:
            _check(self.trace)
            self._replies = RememberedReplies(self.trace)
            self._answers = {one.place: one for one in program_answers(self.trace)}
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the trace, if it was opened here."""
        if self._owns:
            self.trace.close()

    def __enter__(self) -> Rerunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, interventions: Sequence[Intervention] = (), *, out: str | Path | None = None,
        budget: Budget | None = None, dry_run: bool = False,
        scopes: Collection[str] | None = None, questions: Collection[str] | None = None,
    ) -> Replay:  # fmt: skip
        """One re-run of the whole program.

        Args:
            interventions: What to do differently, at points of the trace.
            out: The trace of the re-run; None: a temporary file, gone when the `Replay` is closed.
            budget: How many calls of the program's own models it may make (`calls`); what they cost
                is not known here.
            dry_run: Ask no model; tell how many calls there would be.
            scopes: Has no effect: a program runs as a whole.
            questions: Has no effect either.

        Raises:
            UserError: The program failed, its memory was not empty, or an intervention does not
                fit.
        """
        started = time.perf_counter()
        points = resolve(self.trace, [one for one in interventions if isinstance(one, AtPoint)])
        execution = Execution(
            replies=self._replies, interventions=points, models=_models(interventions),
            is_dry=dry_run, max_calls=_calls(budget),
        )  # fmt: skip
        folder = Path(mkdtemp(prefix="memtrace-rerun-")) if out is None else None
        path = folder / "trace.db" if folder is not None else Path(str(out))
        try:
            self._execute(path, execution, interventions)
            with open(path) as trace:
                self._replies.remember(trace)
                warnings = list(self._warnings(trace, execution, is_factual=not interventions))
                answers = list(program_answers(trace))
        except BaseException:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return Replay(
            path=path, parent=self.trace.path, interventions=tuple(interventions),
            episodes=tuple(one.to_episode() for one in answers), ledger=execution.ledger,
            changes=tuple(self._changes(answers)), unapplied=execution.unapplied,
            missing=tuple(place for place, origin in execution.trail if origin == "refused"),
            warnings=tuple(warnings), price=_price(execution) if dry_run else None,
            seconds=time.perf_counter() - started, folder=folder,
        )  # fmt: skip

    # Inside ---------------------------------------------------------------------------------

    def _execute(
        self, path: Path, execution: Execution, interventions: Sequence[Intervention]
    ) -> None:
        metadata = {
            "parent": {"path": str(self.trace.path.resolve()), "run": self.trace.metadata["run"]},
            "interventions": [one.to_dict() for one in interventions],
        }
        gc.collect()  # an embedded store is locked for as long as the last run's memory is there
        with record(path, metadata={"replay": metadata}) as recorder, execute(recorder, execution):
            try:
                with redirect_stdout(io.StringIO()):
                    self._program()
            except UserError:
                raise
            except Exception as error:  # the border to the user's program
                raise UserError(
                    f"re-run: the program failed: {type(error).__name__}: {error}"
                ) from error

    def _warnings(self, trace: Trace, execution: Execution, *, is_factual: bool) -> Iterator[str]:
        ledger = execution.ledger
        if ledger.called and not ledger.recorded and len(self._replies):
            yield (
                f"none of the {ledger.called} requests of this re-run is one of the recorded run: "
                "it did other things (another history, or a memory that was not empty when it was "
                "recorded), so it proves nothing about that run"
            )
        if is_factual and (found := first_mismatch(self.trace, trace)) is not None:
            yield f"run again without any change, the program does something else: {found}"
        for swap in execution.unused_models:
            yield f"swap_model: no call of an operation {swap.operation!r} was made"

    def _changes(self, answers: Sequence[ProgramAnswer]) -> Iterator[AnswerChange]:
        after = {one.place: one for one in answers}
        for place, old in self._answers.items():
            new = after.get(place)
            if place is not None and (new is None or new.text != old.text):
                yield AnswerChange(
                    scope=place.scope, question=place.path, text=old.question, before=old.text,
                    after=None if new is None else new.text, was_right=None, is_right=None,
                )  # fmt: skip


def _check(trace: Trace) -> None:
    """Refuse a trace in which a re-run would find nothing again, or could mistake it."""
    places = [place for one in trace.operations() if (place := place_of(one)) is not None]
    if not places:
        raise UserError(f"{trace.path}: {_NO_PLACE}")
    if len(set(places)) != len(places):
        raise UserError(f"{trace.path}: {_TWICE}")


def _models(interventions: Sequence[Intervention]) -> list[SwapModel]:
    """The other models; prompts and settings are the program's own."""
    for one in interventions:
        if not isinstance(one, (AtPoint, SwapModel)):
            raise UserError(
                f"re-run: expected changes at points of the trace, or another model; got {one!r}; "
                "prompts and settings are the program's: change them there"
            )
    return [one for one in interventions if isinstance(one, SwapModel)]


def _calls(budget: Budget | None) -> int | None:
    if budget is not None and (budget.usd is not None or budget.tokens is not None):
        raise UserError(
            f"re-run: expected Budget(calls=...), what the program's own models cost is not known "
            f"here; got {budget}"
        )
    return None if budget is None else budget.calls


def _price(execution: Execution) -> Price:
    ledger = execution.ledger
    origins = [origin for _, origin in execution.trail]
    first = origins.index("guessed") if "guessed" in origins else len(origins)
    at_most = sum(origin != "intervened" for origin in origins[first:])
    return Price(
        calls=ledger.guessed, at_most=at_most, recorded=ledger.recorded, usage=ledger.usage
    )
